"""What metrics saw of the images of a split, in compact arrays: the seam between looking at images and scoring.

Shards of a split join into the same observations whatever the partition, because images are put back into the
split's order before anything is summed. The same arrays, kept beside a record, are what paired tests need later.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from wsol.arrays import Array, FloatArray, IntArray
from wsol.errors import DataError
from wsol.evaluation.geometry import Problem

PROBLEMS: tuple[Problem, ...] = get_args(Problem)
"""What can be wrong with a raw map, as :func:`wsol.evaluation.geometry.sanitize_map` names it; the first is nothing."""

SPILL = 1 << 20
"""Tables of at least so many bytes are kept on disk."""


@dataclass(frozen=True)
class Table:
    """The observations of one metric: ``data[i]`` is what image i gave, booleans packed eight to a byte.

    ``shape`` and ``dtype`` are those of one observation. ``data``: ``dtype`` [N, *shape], or uint8 [N, ceil(K / 8)].
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: Array

    @classmethod
    def like(cls, observation: Array, count: int) -> Table:
        """An empty table for ``count`` observations like this one."""
        packed = observation.dtype == bool
        shape = ((observation.size + 7) // 8,) if packed else observation.shape
        data = _zeros((count, *shape), np.dtype(np.uint8) if packed else observation.dtype)
        return cls(observation.shape, observation.dtype, data)

    def put(self, i: int, observation: Array) -> None:
        """Set row i; raises ValueError when shape or dtype are not those of the other rows."""
        if observation.shape != self.shape or observation.dtype != self.dtype:
            was = f"{self.dtype} {list(self.shape)}"
            raise ValueError(f"an observation of {observation.dtype} {list(observation.shape)} after one of {was}")
        self.data[i] = np.packbits(observation) if self.dtype == bool else observation

    def __len__(self) -> int:
        return len(self.data)

    @property
    def size(self) -> int:
        """Numbers in one observation."""
        return int(np.prod(self.shape, dtype=np.int64))

    def rows(self, start: int, stop: int) -> Array:
        """Rows ``start`` to ``stop``, flat: ``dtype`` [stop - start, K]."""
        part = self.data[start:stop]
        if self.dtype == bool:
            return np.unpackbits(part, axis=1, count=self.size).view(bool)
        return part.reshape(len(part), -1)

    def take(self, order: IntArray) -> Table:
        """The rows ``order``, in that order."""
        return Table(self.shape, self.dtype, self.data[order])

    def chunks(self, numbers: int = 1 << 20) -> Iterator[tuple[slice, Array]]:
        """All rows in order, about ``numbers`` numbers at a time, as (slice, flat rows)."""
        count = max(1, numbers // max(1, self.size))
        for start in range(0, len(self), count):
            stop = min(start + count, len(self))
            yield slice(start, stop), self.rows(start, stop)


@dataclass(frozen=True)
class Observations:
    """All tables of one pass over a split, or over a part of it.

    ``ids``, ``labels`` int64 [N], ``rows`` int64 [N] (places in the split, ascending), ``problems`` uint8 [N]
    (an index into :data:`PROBLEMS`), ``tables``: for each evaluation a table a metric. ``balanced``: scores are means
    over classes instead of over images.
    """

    ids: tuple[str, ...]
    labels: IntArray
    rows: IntArray
    problems: Array
    tables: tuple[dict[str, Table], ...]
    notes: tuple[str, ...] = ()
    balanced: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def weights(self, counts: Array | None = None) -> FloatArray:
        """How much each image counts, float64 [..., N], when it was drawn ``counts`` [..., N] times (default: once).

        With ``balanced`` every class counts the same: an image weighs 1 / (images of its class that were drawn).
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
        """The same images under some of the evaluations only."""
        return replace(self, tables=tuple(self.tables[i] for i in evaluations))

    def take(self, order: IntArray) -> Observations:
        """The images ``order``, in that order."""
        return replace(
            self,
            ids=tuple(self.ids[i] for i in order),
            labels=self.labels[order],
            rows=self.rows[order],
            problems=self.problems[order],
            tables=tuple({name: table.take(order) for name, table in tables.items()} for tables in self.tables),
        )

    def problem_counts(self) -> dict[str, int]:
        """How many raw maps were scored as all zeros, by what was wrong with them; {} when none was."""
        counts = np.bincount(self.problems, minlength=len(PROBLEMS))
        return {name: int(n) for name, n in zip(PROBLEMS, counts, strict=True) if name and n}


def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros; large ones in a file without a name, so that memory does not grow with the number of images.

    In memory where the file's folder (``TMPDIR``) has no room for them.
    """
    size = math.prod(shape) * dtype.itemsize
    if size >= SPILL:
        with contextlib.suppress(OSError, AttributeError), tempfile.TemporaryFile() as file:
            # Reserved first: a mapped file on a full disk would end the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=dtype, mode="r+", shape=shape)
    return np.zeros(shape, dtype)


def total(table: Table, weights: FloatArray) -> Array:
    """The weighted sum of a table's rows, [*shape]: exact for booleans and integers when weights are whole numbers.

    ``weights``: float64 [N]. The sum runs in the order of the rows, so that it does not depend on shards.
    """
    result = np.zeros(table.size)
    for part, rows in table.chunks():
        result += weights[part] @ rows.astype(np.float64)
    return result.reshape(table.shape)


def merge(parts: Sequence[Observations]) -> Observations:
    """Join shards of a split, in any order; raises DataError when they overlap or were made with different metrics."""
    first = parts[0]
    if len({_kind(part) for part in parts}) > 1:
        raise DataError("shards of different evaluations cannot be merged")
    joined = Observations(
        ids=tuple(i for part in parts for i in part.ids),
        labels=np.concatenate([p.labels for p in parts]),
        rows=np.concatenate([p.rows for p in parts]),
        problems=np.concatenate([p.problems for p in parts]),
        tables=tuple(
            {
                name: Table(table.shape, table.dtype, np.concatenate([p.tables[e][name].data for p in parts]))
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


def _kind(part: Observations) -> tuple[Any, ...]:
    """What shards of one pass have in common."""
    tables = (tuple((name, t.shape, t.dtype.str) for name, t in tables.items()) for tables in part.tables)
    return (part.balanced, part.notes, *tables)
