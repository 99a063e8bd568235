import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tests.support.evaluation_strategies import score_maps
from tests.support.reference_evaluation import cam_like, plain_pxap
from wsol.errors import DataError
from wsol.evaluation.pixel_ap import (
    BIN_EDGES,
    BINS,
    average_precision,
    combine_masks,
    pixel_histograms,
    precision_recall,
)

quick = settings(deadline=None, derandomize=True, max_examples=100)
seeds = st.integers(0, 2**32 - 1)


def quantised(scores):
    return BIN_EDGES[np.searchsorted(BIN_EDGES, scores, side="right") - 1]


def random_masks(rng, shape):
    return rng.random(shape) < rng.random(), rng.random(shape) < 0.2


def test_bin_edges_equal_those_of_the_benchmark():
    assert BIN_EDGES.tolist() == [*np.arange(0, 1, 0.001), 1.0, 2.0, 3.0]
    assert BINS == 1002


def test_scores_at_and_next_to_every_edge_are_binned_as_by_numpy():
    edges = BIN_EDGES[BIN_EDGES <= 1]
    scores = np.concatenate([edges, np.nextafter(edges, 1), np.nextafter(edges[1:], 0)])[None]
    scores = scores[:, scores[0] <= 1]
    counts = pixel_histograms(scores, np.ones(scores.shape, dtype=bool))
    assert counts[1].tolist() == np.histogram(scores, BIN_EDGES)[0].tolist()
    assert not counts[0].any()


@quick
@given(score_maps(), seeds)
def test_histograms_equal_numpy(score_map, seed):
    foreground, ignore = random_masks(np.random.default_rng(seed), score_map.shape)
    counts = pixel_histograms(score_map, foreground, ignore)
    assert counts.dtype == np.int64
    assert counts[0].tolist() == np.histogram(score_map[~foreground & ~ignore], BIN_EDGES)[0].tolist()
    assert counts[1].tolist() == np.histogram(score_map[foreground & ~ignore], BIN_EDGES)[0].tolist()


@quick
@given(score_maps(), seeds)
def test_pxap_is_average_precision_of_the_quantised_scores(score_map, seed):
    foreground, ignore = random_masks(np.random.default_rng(seed), score_map.shape)
    assume((foreground & ~ignore).any())
    counts = pixel_histograms(score_map, foreground, ignore)
    expected = average_precision_score(foreground[~ignore], quantised(score_map[~ignore]))
    assert average_precision(counts) == pytest.approx(100 * expected, rel=1e-12)
    assert average_precision(counts) == pytest.approx(plain_pxap(counts[1].tolist(), counts[0].tolist()), rel=1e-12)
    assert 0 <= average_precision(counts) <= 100 * (1 + 1e-12)


@quick
@given(score_maps(), seeds)
def test_pixels_can_be_counted_in_parts(score_map, seed):
    rng = np.random.default_rng(seed)
    foreground, ignore = random_masks(rng, score_map.shape)
    part = rng.random(score_map.shape) < 0.5
    parts = [pixel_histograms(score_map, foreground, ignore | hidden) for hidden in (part, ~part)]
    assert sum(parts).tolist() == pixel_histograms(score_map, foreground, ignore).tolist()


def test_a_perfect_map_scores_exactly_100():
    foreground = np.zeros((10, 10), dtype=bool)
    foreground[2:5, 3:9] = True
    assert average_precision(pixel_histograms(foreground.astype(float), foreground)) == 100


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_a_constant_map_scores_the_share_of_foreground(score):
    foreground = np.arange(100).reshape(10, 10) < 30
    assert average_precision(pixel_histograms(np.full((10, 10), score), foreground)) == pytest.approx(30, rel=1e-15)


def test_known_value_with_an_interval_of_a_quarter():
    scores, labels = np.array([1, 0.9, 0.6, 0.6, 0.3, 0.1]), np.array([1, 0, 1, 0, 1, 0])
    edges = [0, 0.25, 0.5, 0.75, 1, 2, 3]
    counts = np.stack([np.histogram(scores[labels == label], edges)[0] for label in (0, 1)])
    assert average_precision(counts) == pytest.approx(70, rel=1e-15)


def test_the_top_bin_counts_like_any_other():
    assert average_precision(np.array([[1, 0, 1], [0, 1, 1]])) == pytest.approx(100 * (1 / 2 * 1 / 2 + 2 / 3 * 1 / 2))


def test_precision_and_recall_fall_from_the_highest_edge():
    precision, recall = precision_recall(np.array([[3, 1, 0, 0], [1, 1, 2, 0]]))
    assert precision.tolist() == [1, 1, 3 / 4, 1 / 2]
    assert recall.tolist() == [0, 1 / 2, 3 / 4, 1]


def test_leading_dimensions_are_scored_one_by_one():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 50, (2, 3, 2, BINS))
    scores = average_precision(counts)
    assert scores.shape == (2, 3)
    assert scores[1, 2] == average_precision(counts[1, 2])


def test_no_foreground_is_an_error_not_a_number():
    background = pixel_histograms(np.full((4, 4), 0.5), np.zeros((4, 4), dtype=bool))
    with pytest.raises(DataError, match="no pixel of the split is foreground"):
        average_precision(background)
    with pytest.raises(DataError, match="no pixel of the split is foreground"):
        average_precision(np.stack([background, background + 1]))


def test_instances_are_united_and_foreground_is_never_ignored():
    masks = np.array([[[1, 0, 0, 0]], [[0, 1, 0, 0]]], dtype=bool)
    foreground, ignore = combine_masks(masks, np.array([[0, 1, 1, 0]], dtype=bool))
    assert foreground.tolist() == [[True, True, False, False]]
    assert ignore.tolist() == [[False, False, True, False]]
    assert not combine_masks(list(masks), None)[1].any()


def test_invalid_input_is_an_error():
    mask = np.zeros((2, 2), dtype=bool)
    with pytest.raises(DataError, match="differ in shape"):
        pixel_histograms(np.zeros((2, 3)), mask)
    with pytest.raises(DataError, match="differ in shape"):
        pixel_histograms(np.zeros((2, 2)), mask, mask[:1])
    for score in (1.5, -0.5, np.nan):
        with pytest.raises(DataError, match=r"scores in \[0, 1\]"):
            pixel_histograms(np.full((2, 2), score), mask)
    with pytest.raises(DataError, match="instance masks"):
        combine_masks(mask, None)


def test_full_size_maps_equal_numpy():
    rng = np.random.default_rng(1)
    score_map = cam_like(rng)
    foreground = rng.random(score_map.shape) < 0.3
    counts = pixel_histograms(score_map, foreground)
    assert counts[1].tolist() == np.histogram(score_map[foreground], BIN_EDGES)[0].tolist()
