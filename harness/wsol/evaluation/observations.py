"""The observations of metrics for the images of a split, in compact arrays.

Scores are computed from observations alone. Shards of a split merge to identical observations for every partition,
because images are sorted into the order of the split before anything is summed. The arrays are also stored next to
records, for paired tests and figures.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from wsol.arrays import Array, DType, FloatArray, IntArray
from wsol.errors import DataError
from wsol.evaluation.geometry import BoxProblem, MapProblem
from wsol.evaluation.image_details import ImageDetails

Problem = MapProblem | BoxProblem
PROBLEMS: tuple[Problem, ...] = tuple(dict.fromkeys((*get_args(MapProblem), *get_args(BoxProblem))))
"""The problems of raw maps and of predicted boxes, see :func:`wsol.evaluation.geometry.sanitize_map` and
:func:`wsol.evaluation.geometry.sanitize_boxes`; the first stands for none."""

SPILL = 1 << 20
"""Tables of at least this many bytes are kept on disk."""


@dataclass(frozen=True)
class ObservationTable:
    """The observations of one metric under one setting.

    Attributes:
        shape: The shape of one observation.
        dtype: The dtype of one observation.
        data: The observations, ``dtype`` [N, *shape]; booleans are packed, uint8 [N, ceil(K / 8)] for K booleans.
    """

    shape: tuple[int, ...]
    dtype: DType
    data: Array

    @classmethod
    def like(cls, observation: Array, count: int) -> ObservationTable:
        """Make an empty table for observations like a given one.

        Args:
            observation: An array with the shape and the dtype of every observation.
            count: Number of rows.

        Returns:
            A table of ``count`` rows.
        """
        packed = observation.dtype == bool
        shape = ((observation.size + 7) // 8,) if packed else observation.shape
        data = _zeros((count, *shape), np.dtype(np.uint8) if packed else observation.dtype)
        return cls(observation.shape, observation.dtype, data)

    def put(self, i: int, observation: Array) -> None:
        """Set a row.

        Args:
            i: Number of the row, from 0.
            observation: The observation, ``dtype`` [*shape].

        Raises:
            ValueError: Its shape or dtype is not that of the other rows.
        """
        if observation.shape != self.shape or observation.dtype != self.dtype:
            was = f"{self.dtype} {list(self.shape)}"
            raise ValueError(f"an observation of {observation.dtype} {list(observation.shape)} after one of {was}")
        self.data[i] = np.packbits(observation) if self.dtype == bool else observation

    def __len__(self) -> int:
        return len(self.data)

    @property
    def size(self) -> int:
        """The number of values in one observation."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def counts(self) -> bool:
        """Whether the observations are booleans or integers, whose sums with whole weights are exact."""
        return self.dtype.kind in "biu"

    def rows(self, start: int, stop: int) -> Array:
        """Get consecutive rows, each of them flat.

        Args:
            start: Number of the first row, from 0.
            stop: Number after that of the last row.

        Returns:
            The rows, ``dtype`` [stop - start, K] for K values in one observation.
        """
        part = self.data[start:stop]
        if self.dtype == bool:
            return np.unpackbits(part, axis=1, count=self.size).view(bool)
        return part.reshape(len(part), -1)

    def take(self, order: IntArray) -> ObservationTable:
        """The rows ``order``, in that order."""
        return ObservationTable(self.shape, self.dtype, self.data[order])

    def chunks(self, numbers: int = 1 << 20) -> Iterator[tuple[slice, Array]]:
        """All rows in order as (slice, flat rows), about ``numbers`` values at a time."""
        count = max(1, numbers // max(1, self.size))
        for start in range(0, len(self), count):
            stop = min(start + count, len(self))
            yield slice(start, stop), self.rows(start, stop)


@dataclass(frozen=True)
class Observations:
    """The observations of one pass over a split, or over a part of it.

    Attributes:
        ids: Image ids.
        labels: Ground-truth classes, int64 [N].
        rows: Indices of the images in the split, int64 [N], ascending.
        problems: For each setting the indices into :data:`PROBLEMS`, uint8 [N].
        tables: For each setting the tables of all metrics by name.
        notes: Metrics that were left out, with the reason.
        balanced: Scores are means over classes instead of over images.
        details: What is known of each image under the only setting; None where it was not asked for.
    """

    ids: tuple[str, ...]
    labels: IntArray
    rows: IntArray
    problems: tuple[Array, ...]
    tables: tuple[dict[str, ObservationTable], ...]
    notes: tuple[str, ...] = ()
    balanced: bool = False
    details: ImageDetails | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def weights(self, counts: Array | None = None) -> FloatArray:
        """The weight of each image, float64 [..., N].

        If ``balanced``, every class has the same weight: that of an image is divided by the images drawn of its class.

        Args:
            counts: How often each image was drawn, [..., N]; None: once.
        """
        drawn = np.ones(len(self)) if counts is None else counts.astype(np.float64)
        if not self.balanced:
            return drawn
        members = np.zeros((*drawn.shape[:-1], int(self.labels.max()) + 1))
        for label in np.unique(self.labels):
            members[..., label] = drawn[..., self.labels == label].sum(axis=-1)
        weights: FloatArray = drawn / np.maximum(members[..., self.labels], 1.0)
        return weights

    def select(self, evaluations: Sequence[int]) -> Observations:
        """The same images under some of the settings only."""
        return replace(
            self,
            problems=tuple(self.problems[i] for i in evaluations),
            tables=tuple(self.tables[i] for i in evaluations),
        )

    def take(self, order: IntArray) -> Observations:
        """The images ``order``, in that order."""
        return replace(
            self,
            ids=tuple(self.ids[i] for i in order),
            labels=self.labels[order],
            rows=self.rows[order],
            problems=tuple(problems[order] for problems in self.problems),
            tables=tuple({name: table.take(order) for name, table in tables.items()} for tables in self.tables),
            details=None if self.details is None else self.details.take(order),
        )

    def with_problem(self, rows: Collection[int], problem: Problem) -> Observations:
        """Note a problem that the predictions do not show any more, as of boxes that were clipped before.

        Args:
            rows: Indices in the split of the images that have it.
            problem: The problem; images that have another one keep that.
        """
        found = np.isin(self.rows, list(rows))
        code = PROBLEMS.index(problem)
        return replace(self, problems=tuple(np.where(found & (p == 0), code, p).astype(p.dtype) for p in self.problems))

    def problem_names(self, setting: int = 0) -> list[Problem]:
        """The problem of each image, ``""`` for none; arguments as for :meth:`problem_counts`."""
        return [PROBLEMS[code] for code in self.problems[setting].tolist()]

    def problem_counts(self, setting: int = 0) -> dict[str, int]:
        """The number of images whose map or box has a problem, by problem.

        Args:
            setting: Number of the setting, from 0.
        """
        counts = np.bincount(self.problems[setting], minlength=len(PROBLEMS))
        return {name: int(n) for name, n in zip(PROBLEMS, counts, strict=True) if name and n}


def _zeros(shape: tuple[int, ...], dtype: DType) -> Array:
    """Zeros, in an unnamed temporary file if they are large, so that memory does not grow with the number of images.

    They are in memory if the file's folder (``TMPDIR``) has no room for them.
    """
    size = math.prod(shape) * dtype.itemsize
    if size >= SPILL:
        with contextlib.suppress(OSError, AttributeError), tempfile.TemporaryFile() as file:
            # Reserved first, because writing to a mapped file on a full disk kills the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=dtype, mode="r+", shape=shape)
    return np.zeros(shape, dtype)


def total(table: ObservationTable, weights: FloatArray) -> Array:
    """The weighted sum of a table's rows.

    It is exact for booleans and integers if the weights are whole numbers. Rows are summed in their order, so that the
    sum depends neither on shards nor on threads.

    Args:
        table: The observations.
        weights: float64 [N].

    Returns:
        float64 [*shape].
    """
    exact = table.counts and bool((weights == np.rint(weights)).all())
    result = np.zeros(table.size)
    for part, rows in table.chunks():
        result += weighted_sums(weights[part], rows.astype(np.float64), exact=exact)
    return result.reshape(table.shape)


def weighted_sums(weights: FloatArray, rows: FloatArray, *, exact: bool) -> FloatArray:
    """Sum rows with weights, to the same bit on every number of threads.

    The library that computes a matrix product chooses the order of its sums by the number of threads. The order does
    not matter where all sums are exact; elsewhere the rows are summed one after the other, which is slower.

    Args:
        weights: Weights of one or several sums, float [..., N].
        rows: The rows, of the same dtype, [N, K].
        exact: Whether weights and rows are whole numbers whose sums the dtype holds exactly.

    Returns:
        The sums, [..., K].
    """
    found: FloatArray = weights @ rows if exact else np.einsum("...n,nk->...k", weights, rows)
    return found


def merge(parts: Sequence[Observations]) -> Observations:
    """Join shards of a split, in any order.

    Raises:
        DataError: Shards overlap, or were made with other metrics or settings.
    """
    first = parts[0]
    if len({_kind(part) for part in parts}) > 1:
        raise DataError("shards of different evaluations cannot be merged")
    joined = Observations(
        ids=tuple(i for part in parts for i in part.ids),
        labels=np.concatenate([p.labels for p in parts]),
        rows=np.concatenate([p.rows for p in parts]),
        problems=tuple(np.concatenate(each) for each in zip(*(p.problems for p in parts), strict=True)),
        tables=tuple(
            {
                name: ObservationTable(
                    table.shape, table.dtype, np.concatenate([p.tables[e][name].data for p in parts])
                )
                for name, table in tables.items()
            }
            for e, tables in enumerate(first.tables)
        ),
        notes=first.notes,
        balanced=first.balanced,
    )
    if len(np.unique(joined.rows)) < len(joined):
        raise DataError("shards overlap: an image is in two of them")
    return joined.take(np.argsort(joined.rows))


def _kind(part: Observations) -> tuple[Hashable, ...]:
    """What all shards of one pass have in common."""
    tables = (tuple((name, t.shape, t.dtype.str) for name, t in tables.items()) for tables in part.tables)
    return (part.balanced, part.notes, *tables)
