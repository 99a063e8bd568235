"""How far a score can be trusted: the bootstrap over images, for one score and for the difference of two.

A score is a function of a weighted sum of observations (:class:`wsol.Metric`), so that resampling images is a matrix
product of how often each image was drawn with the table of observations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wsol.arrays import Array, FloatArray, IntArray
from wsol.errors import DataError
from wsol.evaluation.metric import Metric
from wsol.evaluation.observations import Observations, Table, total

Score = Callable[[Array, Array], Array]
"""(total [..., *shape], weight [...]) → score [...]."""

_NUMBERS = 1 << 22
"""Numbers in one chunk of resampling weights or of sums: bounds the memory, whatever the number of images."""


@dataclass(frozen=True)
class PairedTest:
    """Score of A minus score of B on the same images, in the scores' unit.

    ``low``/``high``: 95 % percentile interval; ``p_value``: two-sided, of the hypothesis that there is no difference.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float
    images: int
    replicates: int


def interval(scores: FloatArray) -> tuple[float, float] | tuple[None, None]:
    """The 95 % percentile interval of bootstrap scores [R]; (None, None) where a resample had no score."""
    if not len(scores) or not np.isfinite(scores).all():
        return None, None
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def bootstrap(
    observations: Observations, scored: Sequence[tuple[Table, Score]], replicates: int, seed: int
) -> list[FloatArray]:
    """The score of each table on ``replicates`` resamples of the images, float64 [R] each.

    All tables see the same resamples, and so does every call with the same seed and number of images: that is what
    makes scores of several evaluations comparable image by image (Efron & Tibshirani 1993, chapter 13).
    """
    results: list[list[Array]] = [[] for _ in scored]
    columns = [_distinct_columns(table) for table, _ in scored]
    widest = max([len(observations), *(table.size for table, _ in scored)])
    for counts in _resamples(len(observations), replicates, seed, max(1, _NUMBERS // widest)):
        weights = observations.weights(counts)
        mass = weights.sum(axis=-1)
        for (table, score), distinct, result in zip(scored, columns, results, strict=True):
            result.append(np.asarray(score(_totals(table, weights, distinct, observations.balanced), mass)))
    return [np.concatenate(result).astype(np.float64) if result else np.empty(0) for result in results]


def paired_test(
    metric: Metric,
    a: tuple[Observations, Table, Any],
    b: tuple[Observations, Table, Any],
    *,
    replicates: int = 10_000,
    seed: int = 0,
) -> PairedTest:
    """Test whether two evaluations differ, by a paired bootstrap over the images that both saw.

    ``a`` and ``b``: observations, the metric's table among them, and the calibration that the score carries. The
    p-value is twice the smaller share of resampled differences on either side of 0, each counted with one resample
    more, so that it is never 0. Raises DataError when the images are not the same.
    """
    order = _align(a[0], b[0])
    first, tables, calibrations = a[0], (a[1], b[1].take(order)), (a[2], b[2])
    weights = first.weights()
    scored = [(table, _score(metric, carried)) for table, carried in zip(tables, calibrations, strict=True)]
    values = [float(score(total(table, weights), weights.sum())) for table, score in scored]
    draws = bootstrap(first, scored, replicates, seed)
    differences = draws[0] - draws[1]
    low, high = interval(differences)
    if low is None or high is None:
        raise DataError(f"metric '{metric.name}' has no score on some resamples: too few images for a test")
    sides = [(np.count_nonzero(side) + 1) / (replicates + 1) for side in (differences <= 0, differences >= 0)]
    p_value = min(1.0, 2 * min(sides))
    return PairedTest(values[0], values[1], values[0] - values[1], low, high, p_value, len(first), replicates)


def _score(metric: Metric, calibration: Any) -> Score:
    return lambda total, weight: metric.value(total, weight, calibration)


def _align(a: Observations, b: Observations) -> IntArray:
    """The order that brings the images of ``b`` into that of ``a``."""
    place = {image_id: i for i, image_id in enumerate(b.ids)}
    different = set(a.ids) ^ set(b.ids)
    if different:
        raise DataError(
            f"a paired test needs the same images on both sides: {len(different)} are on one side only, "
            f"for example '{min(different)}'"
        )
    order = np.array([place[image_id] for image_id in a.ids], dtype=np.int64)
    if not np.array_equal(a.labels, b.labels[order]) or a.balanced != b.balanced:
        raise DataError("a paired test needs the same labels and the same protocol on both sides")
    return order


def _resamples(images: int, replicates: int, seed: int, step: int) -> Iterator[IntArray]:
    """How often each image was drawn, int64 [<= step, images] a chunk; the draws do not depend on the chunks."""
    rng = np.random.default_rng(seed)
    for start in range(0, replicates, step):
        draws = (rng.integers(images, size=images) for _ in range(start, min(start + step, replicates)))
        yield np.stack([np.bincount(drawn, minlength=images) for drawn in draws])


def _totals(table: Table, weights: FloatArray, distinct: tuple[IntArray, IntArray], balanced: bool) -> Array:
    """Weighted sums, float64 [r, *shape]. Counts of hits stay below 2**24, where float32 is exact and twice as fast."""
    keep, back = distinct
    exact = table.dtype == bool and not balanced and len(table) < 1 << 24
    dtype = np.float32 if exact else np.float64
    sums = np.zeros((len(weights), len(keep)))
    for part, rows in table.chunks():
        sums += weights[:, part].astype(dtype) @ rows[:, keep].astype(dtype)
    return sums[:, back].reshape(-1, *table.shape)


def _distinct_columns(table: Table) -> tuple[IntArray, IntArray]:
    """(keep, back): columns that differ from the one before, and for every column the kept one it equals.

    Three in four of the 1000 thresholds repeat the one before them.
    """
    if table.dtype != bool or not table.size:
        return np.arange(table.size), np.arange(table.size)
    new = np.zeros(table.size, dtype=bool)
    new[0] = True
    for _, rows in table.chunks():
        new[1:] |= (rows[:, 1:] != rows[:, :-1]).any(axis=0)
    return np.flatnonzero(new), np.cumsum(new) - 1
