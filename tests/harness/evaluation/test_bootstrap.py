"""Intervals and paired tests against plain loops and against known statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.evaluation_samples import Hits, MeanPeak, image_ids
from wsol.arrays import Array
from wsol.errors import DataError
from wsol.evaluation import bootstrap as module
from wsol.evaluation.bootstrap import bootstrap, interval, paired_test
from wsol.evaluation.observations import Observations, ObservationTable, total


def table_of(values: Array) -> ObservationTable:
    table = ObservationTable.like(values[0], len(values))
    for i, value in enumerate(values):
        table.put(i, value)
    return table


def observations(values: Array, labels: Array | None = None, balanced: bool = False) -> Observations:
    count = len(values)
    return Observations(
        ids=tuple(image_ids(count)),
        labels=np.zeros(count, dtype=np.int64) if labels is None else labels,
        rows=np.arange(count),
        problems=(np.zeros(count, dtype=np.uint8),),
        tables=({"m": table_of(values)},),
        balanced=balanced,
    )


def hit_table(count: int = 30, thresholds: int = 40, share: float = 0.5, seed: int = 0) -> Array:
    """bool [count, thresholds]; every column comes four times in a row, as those of 1000 thresholds nearly do."""
    columns = np.random.default_rng(seed).random((count, thresholds // 4)) < share
    return np.repeat(columns, 4, axis=1)


def plain_loop(values: Array, score: Callable[[Array, Array], Array], replicates: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(values), size=len(values)) for _ in range(replicates)]
    return np.array([score(values[drawn].sum(axis=0), np.array(len(values))) for drawn in draws])


@pytest.mark.parametrize(
    ("values", "metric"),
    [
        (hit_table(), Hits()),
        (np.random.default_rng(1).random((30, 2)), MeanPeak()),
        (np.random.default_rng(1).integers(0, 60_000, (30, 2)).astype(np.uint16), MeanPeak()),
    ],
)
@pytest.mark.parametrize("numbers", [1 << 22, 70])
def test_intervals_equal_a_plain_loop(
    values: Array, metric: Hits | MeanPeak, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_NUMBERS", numbers)
    seen = observations(values)
    scores = bootstrap(seen, [(seen.tables[0]["m"], metric.value)], 50, seed=3)[0]
    np.testing.assert_allclose(scores, plain_loop(values, metric.value, 50, seed=3), rtol=1e-12)


def test_class_means_equal_a_plain_loop() -> None:
    values, labels = hit_table(), np.arange(30) % 4
    seen = observations(values, labels, balanced=True)
    scores = bootstrap(seen, [(seen.tables[0]["m"], Hits().value)], 50, seed=3)[0]
    rng = np.random.default_rng(3)
    for score in scores:
        drawn = rng.integers(30, size=30)
        classes = [values[drawn[labels[drawn] == c]].mean(axis=0) for c in np.unique(labels[drawn])]
        assert score == pytest.approx(100 * np.mean(classes, axis=0).max())


def test_the_interval_of_a_rate_is_binomial() -> None:
    values = (np.arange(400) < 100)[:, None]
    seen = observations(values)
    low, high = interval(bootstrap(seen, [(seen.tables[0]["m"], Hits().value)], 2000, seed=0)[0])
    assert low == pytest.approx(25 - 1.96 * 100 * np.sqrt(0.25 * 0.75 / 400), abs=0.5)
    assert high == pytest.approx(25 + 1.96 * 100 * np.sqrt(0.25 * 0.75 / 400), abs=0.5)


def test_intervals_depend_on_the_seed_only() -> None:
    seen = observations(hit_table())
    one, again, other = (bootstrap(seen, [(seen.tables[0]["m"], Hits().value)], 20, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_scores_undefined_on_a_resample_have_no_interval() -> None:
    assert interval(np.array([1.0, np.nan])) == (None, None)
    assert interval(np.empty(0)) == (None, None)


def test_totals_do_not_depend_on_chunks() -> None:
    values = np.random.default_rng(0).random((1000, 2000)) < 0.5
    np.testing.assert_array_equal(total(table_of(values), np.ones(1000)), values.sum(axis=0))


def pair(a: Array, b: Array) -> module.PairedTest:
    first, second = observations(a), observations(b)
    return paired_test(
        Hits(), (first, first.tables[0]["m"], None), (second, second.tables[0]["m"], None), replicates=500, seed=0
    )


def test_a_clear_difference_is_significant_and_signed() -> None:
    worse, better = hit_table(200, 4, 0.3), hit_table(200, 4, 0.6, seed=1)
    result = pair(worse, better)
    assert result.difference == pytest.approx(100 * (worse.mean(0).max() - better.mean(0).max()))
    assert result.low < result.difference < result.high < 0
    assert result.p_value == pytest.approx(2 / 501)
    assert pair(better, worse).difference == -result.difference


def test_no_difference_is_not_significant() -> None:
    same = hit_table(50, 4)
    assert (pair(same, same).difference, pair(same, same).p_value) == (0, 1)


def test_a_paired_test_finds_a_difference_that_two_intervals_do_not() -> None:
    base = hit_table(200, 4, 0.5)
    better = base.copy()
    better[np.flatnonzero(~base[:, 0])[:8]] = True
    result = pair(better, base)
    assert (result.difference, result.low > 0, result.p_value < 0.05) == (4, True, True)
    (low, _), (_, high) = (
        interval(bootstrap(o, [(o.tables[0]["m"], Hits().value)], 500, 0)[0]) for o in map(observations, (better, base))
    )
    assert low is not None
    assert high is not None
    assert low < high


def test_images_are_paired_by_id_in_any_order() -> None:
    values, other = hit_table(40, 4, 0.3), hit_table(40, 4, 0.6, seed=1)
    a, b = observations(values), observations(other)
    mixed = b.take(np.random.default_rng(0).permutation(40))
    results = [
        paired_test(Hits(), (a, a.tables[0]["m"], None), (o, o.tables[0]["m"], None), replicates=100)
        for o in (b, mixed)
    ]
    assert results[0] == results[1]


def test_other_images_or_labels_are_an_error() -> None:
    a, fewer = observations(hit_table(10, 4)), observations(hit_table(9, 4))
    relabelled = observations(hit_table(10, 4), np.ones(10, dtype=np.int64))
    for other, says in ((fewer, "1 are on one side only, for example 'class/009.jpg'"), (relabelled, "same labels")):
        with pytest.raises(DataError, match=says):
            paired_test(Hits(), (a, a.tables[0]["m"], None), (other, other.tables[0]["m"], None))
