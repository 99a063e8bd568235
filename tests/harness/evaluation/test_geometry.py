import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.evaluation_strategies import gt_boxes
from tests.support.reference_evaluation import plain_iou
from wsol.errors import DataError, UsageError
from wsol.evaluation.geometry import box_iou, clip_boxes_to_crop, resize_map, sanitize_map, scale_boxes

quick = settings(deadline=None, derandomize=True, max_examples=100)


def test_boxes_scale_with_truncation():
    assert scale_boxes(np.array([[1, 2, 4, 3]]), (10, 20), (35, 10)).tolist() == [[3, 1, 14, 1]]


@pytest.mark.parametrize("width", [55, 80, 107, 500])
def test_scaled_boxes_multiply_before_they_divide(width):
    boxes = np.array([[x, x, x, x] for x in range(width + 1)])
    expected = [int(float(x) * 224.0 / float(width)) for x in range(width + 1)]
    assert scale_boxes(boxes, (width, width), (224, 224))[:, 0].tolist() == expected


def test_boxes_are_clipped_to_the_centre_crop():
    boxes = np.array([[0, 0, 512, 256], [64, 64, 65, 65], [0, 0, 8, 8]])
    assert clip_boxes_to_crop(boxes, (512, 256)).tolist() == [[0, 0, 224, 224], [16, 48, 16.5, 49], [0, 0, 0, 0]]


def test_known_iou():
    assert box_iou(np.array([[1, 2, 5, 6]]), np.array([[3, 1, 4, 5]]), inclusive=True).tolist() == [[8 / 27]]
    assert box_iou(np.array([[1, 2, 5, 6]]), np.array([[3, 1, 4, 5]]), inclusive=False).tolist() == [[3 / 17]]


def test_fractions_of_pixels_count():
    assert box_iou(np.array([[0, 0, 0.5, 0.5]]), np.array([[0, 0, 0.5, 1]]), inclusive=False).tolist() == [[0.5]]


def test_boxes_without_area_have_no_overlap_and_no_nan():
    point, box = np.array([[2, 2, 2, 2]]), np.array([[0, 0, 4, 4]])
    assert box_iou(point, point, inclusive=False).tolist() == [[0]]
    assert box_iou(point, box, inclusive=False).tolist() == [[0]]
    assert box_iou(point, point, inclusive=True).tolist() == [[1]]


@quick
@given(gt_boxes(), gt_boxes(), st.booleans())
def test_iou_equals_the_plain_formula_and_is_symmetric_and_bounded(a, b, inclusive):
    ious = box_iou(a, b, inclusive=inclusive)
    assert ious.tolist() == plain_iou(a, b, inclusive).tolist()
    assert ious.tolist() == box_iou(b, a, inclusive=inclusive).T.tolist()
    assert ((ious >= 0) & (ious <= 1)).all()


def test_maps_keep_their_range_only_when_bilinear():
    corner = np.zeros((4, 4), dtype=np.float32)
    corner[1:3, 1:3] = 1
    cubic, bilinear = (resize_map(corner, (12, 8), name) for name in ("cubic", "bilinear"))
    assert cubic.shape == bilinear.shape == (12, 8)
    assert cubic.dtype == bilinear.dtype == np.float64
    assert cubic.max() > 1
    assert cubic.min() < 0
    assert bilinear.max() <= 1
    assert bilinear.min() == 0


def test_bilinear_samples_pixel_centres():
    assert resize_map(np.array([[0.0, 4.0]]), (1, 4), "bilinear").tolist() == [[0, 1, 3, 4]]


def test_unknown_interpolation_is_an_error():
    with pytest.raises(UsageError, match="interpolation 'nearest'"):
        resize_map(np.zeros((2, 2)), (4, 4), "nearest")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([[0, np.nan]], "nan"),
        ([[np.inf, np.nan]], "nan"),
        ([[0, -np.inf]], "infinite"),
        ([[np.inf, np.inf]], "infinite"),
        ([[-1e308, 1e308]], "infinite"),
        ([[3.0, 3.0]], "constant"),
    ],
)
def test_uninformative_maps_become_zeros_with_a_reason(rows, problem):
    score_map, found = sanitize_map(np.array(rows))
    assert found == problem
    assert score_map.tolist() == [[0, 0]]


def test_valid_maps_are_unchanged():
    score_map, problem = sanitize_map(np.array([[-1.5, 2.0]], dtype=np.float32))
    assert not problem
    assert score_map.dtype == np.float64
    assert score_map.tolist() == [[-1.5, 2.0]]


def test_wrong_shapes_are_an_error():
    with pytest.raises(DataError, match=r"score map must be \[H, W\]"):
        sanitize_map(np.zeros((2, 2, 2)))
    with pytest.raises(DataError, match=r"score map must be \[H, W\]"):
        resize_map(np.zeros(3), (4, 4))
    with pytest.raises(DataError, match=r"boxes must be \[N, 4\]"):
        box_iou(np.zeros((2, 3)), np.zeros((1, 4)), inclusive=True)
    with pytest.raises(DataError, match="image size"):
        scale_boxes(np.zeros((1, 4)), (0, 5), (224, 224))
