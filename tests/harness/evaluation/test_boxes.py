import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.evaluation_strategies import KINDS, gt_boxes, score_maps
from tests.support.reference_evaluation import cam_like, noisy, plain_best_ious, plain_boxes, smooth
from wsol.compilation import kernel
from wsol.errors import DataError, UsageError
from wsol.evaluation.boxes import best_ious, best_ious_batch, estimated_boxes
from wsol.protocols import threshold_values

TAUS = (0, 0.2, 0.4, 0.6, 0.8)
CONTOURS = ("all", "largest")
PEAK = [[0, 0, 0, 0, 0], [0, 0.4, 0.4, 0.4, 0.6], [0, 0.4, 1, 0.8, 0.6], [0, 0.4, 0.4, 0.4, 0.6]]
SPOTS = [[0.4, 0, 0.2, 0.2, 0.2], [0.4, 0.4, 0, 0.4, 0], [0, 0, 0, 0.4, 0], [1, 0.6, 0.8, 0.2, 0.2]]

quick = settings(deadline=None, derandomize=True, max_examples=100)


def block_map(shape, *blocks):
    """Ones on each (x0, y0, x1, y1), both ends included."""
    result = np.zeros(shape)
    for x0, y0, x1, y1 in blocks:
        result[y0 : y1 + 1, x0 : x1 + 1] = 1
    return result


def as_tuples(boxes):
    return [tuple(box) for box in boxes.tolist()]


def sees(score_map, tau, contours, box):
    """Whether ``box`` is one of the boxes that ``best_ious`` compares: its IoU with itself is 1."""
    return best_ious(score_map, np.array([box]), thresholds=np.array([tau]), contours=contours)[0] == 1


@pytest.mark.parametrize(
    ("rows", "boxes"),
    [
        ([[0, 0, 0]] * 3, [(0, 0, 0, 0)] * 5),
        (PEAK, [(1, 1, 4, 3), (1, 1, 4, 3), (2, 1, 4, 3), (2, 2, 4, 3), (2, 2, 3, 3)]),
        (SPOTS, [(0, 0, 4, 3), (0, 0, 2, 2), (0, 3, 3, 3), (2, 3, 3, 3), (0, 3, 1, 3)]),
    ],
)
def test_largest_contour_of_known_maps(rows, boxes):
    score_map = np.array(rows, dtype=float)
    for tau, box in zip(TAUS, boxes, strict=True):
        assert as_tuples(estimated_boxes(score_map, tau, contours="largest")) == [box]
        assert sees(score_map, tau, "largest", box)


HOLED = block_map((12, 12), (2, 2, 8, 8)) - block_map((12, 12), (4, 4, 6, 6))
DIAGONAL = block_map((5, 5), (1, 1, 1, 1), (2, 2, 2, 2))


@pytest.mark.parametrize(
    ("score_map", "tau", "contours", "boxes"),
    [
        (HOLED, 0.5, "all", {(2, 2, 9, 9), (3, 3, 8, 8)}),
        (HOLED, 0.5, "largest", {(2, 2, 9, 9)}),
        (DIAGONAL, 0.5, "all", {(1, 1, 3, 3)}),
        (block_map((8, 14), (1, 1, 12, 1), (5, 4, 6, 5)), 0.5, "largest", {(5, 4, 7, 6)}),
        (
            block_map((12, 16), (1, 1, 8, 8), (11, 2, 14, 5)) - block_map((12, 16), (2, 2, 7, 7)),
            0.5,
            "largest",
            {(1, 1, 9, 9)},
        ),
        (block_map((12, 12), (1, 1, 3, 3), (7, 7, 9, 9)), 0.5, "largest", {(7, 7, 10, 10)}),
        (np.full((6, 8), 0.5), 0, "all", {(0, 0, 7, 5)}),
        (np.full((6, 8), 0.5), 0.9, "all", {(0, 0, 7, 5)}),
    ],
)
def test_contours_of_known_maps(score_map, tau, contours, boxes):
    assert set(as_tuples(estimated_boxes(score_map, tau, contours=contours))) == boxes
    assert all(sees(score_map, tau, contours, box) for box in boxes)


def test_a_block_against_its_own_inclusive_box():
    ten = block_map((30, 30), (5, 5, 14, 14))
    assert best_ious(ten, np.array([[5, 5, 14, 14]])) == pytest.approx(np.full(1000, 100 / 121))
    wide = block_map((224, 224), (60, 50, 159, 99))
    assert as_tuples(estimated_boxes(wide, 0.3)) == [(60, 50, 160, 100)]
    assert best_ious(wide, np.array([[60, 50, 159, 99]]))[300] == pytest.approx(0.970685, abs=5e-7)


def test_boxes_of_a_centred_gaussian_are_centred_squares():
    offsets = np.arange(224) - 111.5
    score_map = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 56**2))
    for tau in threshold_values(20)[5:]:
        ((x0, y0, x1, y1),) = as_tuples(estimated_boxes(score_map, tau))
        assert x0 == y0
        assert x1 == y1
        assert x0 + x1 == 224


@settings(deadline=None, derandomize=True, max_examples=1000)
@given(score_maps(), gt_boxes(), st.sampled_from(CONTOURS), st.booleans())
def test_best_ious_equal_the_plain_algorithm_exactly(score_map, boxes, contours, inclusive):
    fast = best_ious(score_map, boxes, thresholds=260, contours=contours, inclusive=inclusive)
    assert fast.tolist() == plain_best_ious(score_map, boxes, 260, contours, inclusive).tolist()


@pytest.mark.parametrize("contours", CONTOURS)
@pytest.mark.parametrize("kind", KINDS)
def test_best_ious_equal_the_plain_algorithm_on_boxes_of_the_map(kind, contours):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        score_map = kind(rng, (rng.integers(1, 24), rng.integers(1, 24)))
        boxes = rng.choice(plain_boxes(score_map, rng.random()), 1)
        fast = best_ious(score_map, boxes, thresholds=50, contours=contours)
        assert fast.tolist() == plain_best_ious(score_map, boxes, 50, contours).tolist()


@quick
@given(score_maps(), st.floats(0, 0.999), st.sampled_from(CONTOURS))
def test_estimated_boxes_equal_the_plain_algorithm(score_map, tau, contours):
    boxes = estimated_boxes(score_map, tau, contours=contours)
    assert boxes.dtype == np.int64
    assert boxes.tolist() == plain_boxes(score_map, tau, contours).tolist()


@pytest.mark.parametrize("contours", CONTOURS)
@pytest.mark.parametrize(("kind", "thresholds"), [(cam_like, 1000), (smooth, 1000), (noisy, 10)])
def test_best_ious_equal_the_plain_algorithm_at_full_size(kind, thresholds, contours):
    score_map = kind(np.random.default_rng(7))
    boxes = np.array([[50, 60, 150, 170], [0, 0, 40, 223], [200, 5, 210, 12]])
    fast = best_ious(score_map, boxes, thresholds=thresholds, contours=contours)
    assert fast.tolist() == plain_best_ious(score_map, boxes, thresholds, contours).tolist()


@quick
@given(score_maps(), gt_boxes())
def test_largest_contour_never_beats_all_contours(score_map, boxes):
    every, largest = (best_ious(score_map, boxes, thresholds=100, contours=contours) for contours in CONTOURS)
    assert (largest <= every).all()
    assert (largest >= 0).all()
    assert (every <= 1).all()


@quick
@given(score_maps(), gt_boxes())
def test_axes_can_be_swapped(score_map, boxes):
    swapped = best_ious(score_map.T, boxes[:, [1, 0, 3, 2]], thresholds=100)
    assert swapped.tolist() == best_ious(score_map, boxes, thresholds=100).tolist()


@quick
@given(score_maps(), gt_boxes(), st.sampled_from(CONTOURS))
def test_the_best_of_several_ground_truth_boxes_counts(score_map, boxes, contours):
    alone = [best_ious(score_map, box[None], thresholds=100, contours=contours) for box in boxes]
    together = best_ious(score_map, boxes, thresholds=100, contours=contours)
    assert together.tolist() == np.max(alone, axis=0).tolist()


@pytest.mark.parametrize("threads", [1, 2, None])
def test_a_batch_equals_its_images_one_by_one(threads):
    rng = np.random.default_rng(3)
    maps = [noisy(rng, (9, 13)), smooth(rng, (20, 20), 2), np.zeros((4, 4)), cam_like(rng, (16, 8), 4)]
    boxes = [rng.integers(0, 8, (g, 4)) for g in (1, 2, 3, 1)]
    batch = best_ious_batch(maps, boxes, thresholds=50, contours="largest", inclusive=False, threads=threads)
    for row, score_map, gt in zip(batch, maps, boxes, strict=True):
        assert row.tolist() == best_ious(score_map, gt, thresholds=50, contours="largest", inclusive=False).tolist()


def test_an_empty_batch_has_no_rows():
    assert best_ious_batch([], [], thresholds=50).shape == (0, 50)


def test_thresholds_round_as_in_the_benchmark():
    assert threshold_values(1000).tolist() == np.arange(0, 1, 0.001).tolist()
    given_values = best_ious(HOLED, np.array([[2, 2, 8, 8]]), thresholds=np.array([0.0, 0.2]))
    assert given_values.tolist() == best_ious(HOLED, np.array([[2, 2, 8, 8]]), thresholds=10)[[0, 2]].tolist()


@pytest.mark.parametrize(
    "score_map",
    [np.zeros((2, 2, 2)), np.zeros((0, 3)), np.full((2, 2), 1.1), np.full((2, 2), -0.1), np.full((2, 2), np.nan)],
)
def test_invalid_maps_are_an_error(score_map):
    with pytest.raises(DataError, match="score map"):
        best_ious(score_map, np.array([[0, 0, 1, 1]]))
    with pytest.raises(DataError, match="score map"):
        estimated_boxes(score_map, 0.5)


@pytest.mark.parametrize("boxes", [np.zeros((0, 4), int), np.zeros(4, int), np.zeros((1, 4)), np.zeros((2, 5), int)])
def test_invalid_boxes_are_an_error(boxes):
    with pytest.raises(DataError, match="ground-truth boxes"):
        best_ious(np.zeros((3, 3)), boxes)


def test_wrong_usage_is_an_error():
    box = np.array([[0, 0, 1, 1]])
    with pytest.raises(UsageError, match="contours 'biggest'"):
        best_ious(np.zeros((3, 3)), box, contours="biggest")
    with pytest.raises(UsageError, match="contours 'biggest'"):
        estimated_boxes(np.zeros((3, 3)), 0.5, contours="biggest")
    with pytest.raises(DataError, match="2 score maps but boxes for 1 images"):
        best_ious_batch([np.zeros((3, 3))] * 2, [box])


def test_kernels_compile_where_no_cache_can_be_written():
    namespace = {}
    exec("def double(x): return 2 * x", namespace)
    assert kernel(namespace["double"])(21) == 42


def test_importing_compiles_nothing():
    script = (
        "from wsol.evaluation import boxes, geometry, pixel_ap\n"
        "from wsol.evaluation.kernels import growth, levels\n"
        "kernels = [growth.grow, growth.settle, levels.quantise, levels.find_rings, levels.fill_holes,"
        " levels.sort_pixels, pixel_ap._count]\n"
        "print(sum(len(kernel.signatures) for kernel in kernels))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "0\n"
