import dataclasses

import cv2
import numpy as np
import pytest

from wsol.errors import UsageError
from wsol.evaluation.geometry import Frame, frame_boxes, frame_mask, frame_size, map_frame
from wsol.evaluation.read_map import frame_raw_map
from wsol.protocols import PROTOCOLS, get_protocol

BOX = np.array([[50, 20, 300, 180]])
SIZE = (400, 200)


def test_the_table_of_protocols():
    def row(p):
        rules = (p.interpolation, p.thresholds, p.theta, p.contours, p.inclusive, p.strict, p.average)
        return (p.centre_crop, p.original_size, *rules)

    assert {name: row(protocol) for name, protocol in PROTOCOLS.items()} == {
        "wsoleval-v1": (False, False, "cubic", 1000, None, "largest", True, False, "images"),
        "wsoleval-v2": (False, False, "cubic", 1000, None, "all", True, False, "images"),
        "legacy": (True, False, "bilinear", 1, 0.2, "largest", True, False, "images"),
        "psol": (True, False, None, 1, None, "largest", False, True, "classes"),
        "minmaxcam": (False, True, "bilinear", 100, None, "largest", False, True, "images"),
    }
    assert {(p.resize, p.crop, p.version) for p in PROTOCOLS.values()} == {(256, 224, 1)}


def test_protocols_are_found_by_name():
    assert get_protocol("psol").name == "psol"
    with pytest.raises(UsageError, match=r"no protocol 'wsoleval2'; did you mean 'wsoleval-v2'\?"):
        get_protocol("wsoleval2")


def test_protocols_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        get_protocol("psol").strict = False
    with pytest.raises(TypeError):
        PROTOCOLS["mine"] = get_protocol("psol")


def test_thresholds_are_swept_or_fixed():
    assert get_protocol("wsoleval-v1").taus.tolist() == np.arange(0, 1, 0.001).tolist()
    assert get_protocol("legacy").taus.tolist() == [0.2]
    assert all(len(protocol.taus) == protocol.thresholds for protocol in PROTOCOLS.values())


@pytest.mark.parametrize(("name", "hits"), [("legacy", [False, True, True]), ("psol", [False, False, True])])
def test_a_strict_threshold_needs_a_larger_iou(name, hits):
    assert get_protocol(name).hits(np.array([0.4, 0.5, 0.6]), 0.5).tolist() == hits


@pytest.mark.parametrize(
    ("name", "boxes", "dtype"),
    [
        ("wsoleval-v2", [[28, 22, 168, 201]], np.int64),
        ("legacy", [[16, 9, 176, 214]], np.int64),
        ("psol", [[16, 9.6, 176, 214.4]], np.float64),
        ("minmaxcam", [[50, 20, 300, 180]], np.int64),
    ],
)
def test_boxes_are_mapped_to_the_frame(name, boxes, dtype):
    framed = frame_boxes(get_protocol(name), BOX, SIZE)
    assert framed.dtype == dtype
    assert framed == pytest.approx(np.array(boxes))


def test_maps_are_resized_to_the_frame():
    raw = np.random.default_rng(0).random((7, 7), dtype=np.float32)
    for name, size, flag in [
        ("wsoleval-v1", (224, 224), cv2.INTER_CUBIC),
        ("legacy", (224, 224), cv2.INTER_LINEAR),
        ("minmaxcam", SIZE, cv2.INTER_LINEAR),
    ]:
        framed = frame_raw_map(raw, map_frame(get_protocol(name), SIZE)).values
        assert framed.tolist() == cv2.resize(raw.astype(np.float64), size, interpolation=flag).tolist()
        assert frame_size(get_protocol(name), SIZE) == framed.shape[::-1]
    with pytest.raises(UsageError, match="protocol 'psol' scores boxes, not maps"):
        map_frame(get_protocol("psol"), SIZE)


def test_masks_are_resized_to_the_frame():
    mask = np.zeros((448, 448), dtype=bool)
    mask[:, 224:] = True
    squashed = frame_mask(get_protocol("wsoleval-v2"), mask, (448, 448))
    assert squashed.dtype == bool
    assert squashed.shape == (224, 224)
    assert squashed[0].tolist() == [False] * 112 + [True] * 112
    assert frame_mask(get_protocol("minmaxcam"), mask, (448, 448)).tolist() == mask.tolist()


def test_a_mask_of_another_size_than_its_image_is_resized_once():
    mask = np.random.default_rng(0).random((37, 53)) > 0.5
    places = [(np.arange(224) * side / 224).astype(int) for side in mask.shape]
    expected = mask[np.ix_(*places)].tolist()
    assert frame_mask(get_protocol("wsoleval-v2"), mask, (500, 375)).tolist() == expected
    assert frame_mask(get_protocol("minmaxcam"), mask, (106, 74)).tolist() == mask.repeat(2, 0).repeat(2, 1).tolist()


def test_masks_are_cropped_like_the_image():
    mask = np.zeros((256, 256), dtype=np.uint8)
    mask[16:18, 238:] = 255
    framed = frame_mask(get_protocol("legacy"), mask, (256, 256))
    assert framed.shape == (224, 224)
    assert np.argwhere(framed).tolist() == [[0, 222], [0, 223], [1, 222], [1, 223]]


def test_a_benchmark_can_have_other_sides():
    small = get_protocol("legacy").at(resize=72, crop=64)
    assert frame_boxes(small, np.array([[0, 0, 36, 36]]), (72, 72)).tolist() == [[0, 0, 32, 32]]
    assert frame_mask(small, np.ones((10, 10)), (10, 10)).shape == (64, 64)
    assert map_frame(small, (72, 72)) == Frame(64, 64, "bilinear")
    assert small.name == "legacy"
