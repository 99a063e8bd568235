"""The bootstrap over images: intervals of scores, and a paired test of the difference of two.

A score is a function of a weighted sum of observations (:class:`wsol.Metric`). Scoring resamples of the images is
therefore a matrix product: how often each image was drawn, times the table of observations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wsol.arrays import Array, FloatArray, IntArray
from wsol.errors import DataError
from wsol.evaluation.metric import Calibration, Metric
from wsol.evaluation.observations import Observations, ObservationTable, total, weighted_sums

Score = Callable[[Array, Array], Array]
"""Function of total [..., *shape] and weight [...] that returns a score [...]."""

_NUMBERS = 1 << 22
"""Numbers in one chunk of resampling weights or of sums; it bounds the memory for any number of images."""


@dataclass(frozen=True)
class PairedTest:
    """A test of the difference of two scores on the same images.

    Attributes:
        a: The score of A, in the scores' unit, as the next four.
        b: The score of B.
        difference: ``a`` minus ``b``.
        low: Lower end of the 95 % percentile interval of the difference.
        high: Its upper end.
        p_value: Two-sided p-value of the hypothesis that there is no difference.
        images: Number of images.
        replicates: Number of resamples.
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
    """The 95 % percentile interval of bootstrap scores, float64 [R]; (None, None) if a resample had no score."""
    if not len(scores) or not np.isfinite(scores).all():
        return None, None
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def bootstrap(
    observations: Observations, scored: Sequence[tuple[ObservationTable, Score]], replicates: int, seed: int
) -> list[FloatArray]:
    """Score resamples of the images.

    All tables are scored on the same resamples, and so are those of every call with the same seed and number of images.
    Scores of several settings are therefore comparable resample by resample (Efron & Tibshirani 1993, chapter 13).

    Args:
        observations: The images, with their labels for scores that are means over classes.
        scored: Tables with the function that scores each.
        replicates: Number of resamples R.
        seed: Seed of the resamples.

    Returns:
        float64 [R] for each table.
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
    a: tuple[Observations, ObservationTable, Calibration],
    b: tuple[Observations, ObservationTable, Calibration],
    *,
    replicates: int = 10_000,
    seed: int = 0,
) -> PairedTest:
    """Test whether two results differ, by a paired bootstrap over their images.

    The p-value is twice the smaller share of resampled differences on either side of 0. Each side is counted with one
    more resample, so that the p-value is never 0.

    Args:
        metric: The metric.
        a: Observations of the first result, the metric's table among them, and the calibration of the score.
        b: The same of the second result.
        replicates: Number of resamples.
        seed: Seed of the resamples.

    Raises:
        DataError: The images, labels or weights differ, or a resample has no score.
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


def _score(metric: Metric, calibration: Calibration) -> Score:
    return lambda total, weight: metric.value(total, weight, calibration)


def _align(a: Observations, b: Observations) -> IntArray:
    """The rows of ``b`` in the order of the images of ``a``, int64 [N]."""
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
    """How often each image was drawn, int64 [<= step, images] per chunk; the draws do not depend on the chunks."""
    rng = np.random.default_rng(seed)
    for start in range(0, replicates, step):
        draws = (rng.integers(images, size=images) for _ in range(start, min(start + step, replicates)))
        yield np.stack([np.bincount(drawn, minlength=images) for drawn in draws])


def _totals(table: ObservationTable, weights: FloatArray, distinct: tuple[IntArray, IntArray], balanced: bool) -> Array:
    """Weighted sums, float64 [r, *shape].

    Hits are summed in float32, which is twice as fast, where it is exact: counts below 2**24.
    """
    keep, back = distinct
    exact = table.counts and not balanced  # the weights are counts then
    dtype = np.float32 if exact and table.dtype == bool and len(table) < 1 << 24 else np.float64
    sums = np.zeros((len(weights), len(keep)))
    for part, rows in table.chunks():
        sums += weighted_sums(weights[:, part].astype(dtype), rows[:, keep].astype(dtype), exact=exact)
    return sums[:, back].reshape(-1, *table.shape)


def _distinct_columns(table: ObservationTable) -> tuple[IntArray, IntArray]:
    """Find the columns to sum: (columns that differ from the previous one, for each column the one that it equals).

    Typically three in four of 1000 thresholds give the same hits as the previous one.
    """
    if table.dtype != bool or not table.size:
        return np.arange(table.size), np.arange(table.size)
    new = np.zeros(table.size, dtype=bool)
    new[0] = True
    for _, rows in table.chunks():
        new[1:] |= (rows[:, 1:] != rows[:, :-1]).any(axis=0)
    return np.flatnonzero(new), np.cumsum(new) - 1
