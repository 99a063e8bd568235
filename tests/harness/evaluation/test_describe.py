"""What a file of observations states about each image: computed again here in the plain way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wsol
from tests.support.evaluation_samples import BestHits, Hits, Known, MeanPeak, MinMax, bumps, make_store
from wsol.arrays import Array, FloatArray, IntArray
from wsol.evaluation.boxes import estimated_boxes
from wsol.evaluation.describe import box_threshold, describe
from wsol.evaluation.evaluate import summarise
from wsol.evaluation.geometry import box_iou, frame_boxes
from wsol.evaluation.image_details import ImageDetails
from wsol.evaluation.objects import SplitObjects, covered
from wsol.evaluation.observations import Observations
from wsol.evaluation.observe import observe
from wsol.evaluation.read_map import read_map
from wsol.protocols import get_protocol

V2 = get_protocol("wsoleval-v2").at(36, 32)
SIZE = (100, 80)
COUNT = 6


def annotated(boxes: Any = None, masks: Any = None) -> wsol.Annotations:
    return wsol.Annotations(np.tile(SIZE, (COUNT, 1)), boxes, masks)


def several_boxes() -> list[IntArray]:
    """One to three boxes in each image."""
    rng = np.random.default_rng(3)
    corners = [rng.integers(0, 40, (1 + i % 3, 2)) for i in range(COUNT)]
    return [np.concatenate([at, at + rng.integers(10, 40, at.shape)], axis=1) for at in corners]


def described(
    store: wsol.Predictions,
    annotations: wsol.Annotations,
    *,
    setting: Any = None,
    metrics: Any = None,
    protocol: wsol.EvalProtocol = V2,
    threads: int = 1,
    rows: IntArray | None = None,
) -> tuple[Observations, ImageDetails]:
    if setting is None:
        setting = (None, None) if store.kind == "boxes" else (MinMax(), None)
    metrics = metrics or [BestHits()]
    objects = SplitObjects.of(len(store))
    seen = observe(store, annotations, protocol, [setting], metrics, objects=objects, rows=rows)
    scores = summarise(seen, metrics, bootstrap=0)[0].metrics
    found = describe(
        seen, store, annotations, objects, protocol, setting, box_threshold(scores, protocol), threads=threads
    )
    assert found.details is not None
    return found, found.details


@pytest.mark.parametrize(
    "protocol", [V2, get_protocol("wsoleval-v1"), get_protocol("legacy"), get_protocol("minmaxcam")]
)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_best_box_is_the_one_that_was_scored(tmp_path: Path, protocol: wsol.EvalProtocol, threads: int) -> None:
    maps, boxes = bumps(COUNT), several_boxes()
    store = make_store(tmp_path / "x", maps)
    seen, found = described(store, annotated(boxes), protocol=protocol, threads=threads)
    assert found.threshold is not None
    for i in range(COUNT):
        side = SIZE if protocol.original_size else (protocol.crop, protocol.crop)
        frame = wsol.Frame(*side, protocol.interpolation or "cubic")
        scores = read_map(store.map(i), frame, MinMax()).scores
        predicted = estimated_boxes(scores, found.threshold, contours=protocol.contours)
        ious = box_iou(predicted, frame_boxes(protocol, boxes[i], SIZE), inclusive=protocol.inclusive).max(axis=1)
        assert found.best_iou[i] == np.float32(ious.max())
        np.testing.assert_allclose(found.boxes[i], predicted[ious.argmax()] / [*side, *side], rtol=1e-6)
    column = round(found.threshold * len(protocol.taus)) if protocol.theta is None else 0
    hits = seen.tables[0]["hits"].rows(0, COUNT)[:, column]
    assert protocol.hits(found.best_iou, 0.5).tolist() == hits.tolist()
    assert found.objects.tolist() == [1, 2, 3, 1, 2, 3]


def test_the_area_counts_overlaps_once(tmp_path: Path) -> None:
    boxes = [np.array([[0, 0, 49, 39], [25, 0, 74, 39]])] * COUNT
    found = described(make_store(tmp_path / "x", bumps(COUNT)), annotated(boxes))[1]
    assert found.area == pytest.approx(24 * 16 / 32**2)
    whole = [np.array([[0, 0, 100, 80]])] * COUNT
    assert (described(make_store(tmp_path / "y", bumps(COUNT)), annotated(whole))[1].area == 1).all()


@pytest.mark.parametrize("inclusive", [True, False])
def test_the_covered_area_equals_painted_pixels(inclusive: bool) -> None:
    boxes, edge = several_boxes(), int(inclusive)
    for each in boxes:
        painted = np.zeros((100, 100), dtype=bool)
        for x0, y0, x1, y1 in each:
            painted[y0 : y1 + edge, x0 : x1 + edge] = True
        assert covered(each, inclusive) == painted.sum()


def instances(i: int) -> tuple[list[Array], None]:
    """Two masks of their own sizes: the left quarter, and a block."""
    left, block = np.zeros((8, 16), dtype=bool), np.zeros((32, 32), dtype=bool)
    left[:, :4], block[8:16, 16:32] = True, True
    return [left, block], None


@pytest.mark.parametrize("metrics", [[MeanPeak()], [Known()]])
def test_data_with_masks_only_have_the_boxes_of_their_masks(tmp_path: Path, metrics: list[wsol.Metric]) -> None:
    maps = np.zeros((COUNT, 32, 32))
    maps[:, 8:16, 16:32] = 1
    store = make_store(tmp_path / "x", maps, logits=np.eye(3)[[0, 1, 2, 0, 1, 2]])
    found = described(store, annotated(masks=instances), metrics=metrics)[1]
    assert found.threshold == 0.2
    assert found.objects.tolist() == [2] * COUNT
    assert found.area == pytest.approx(8 / 32 + 8 * 16 / 32**2)
    assert (found.best_iou > 0.8).all()
    np.testing.assert_allclose(found.boxes[0], [0.5, 0.25, 31 / 32, 0.5], atol=2 / 32)


def test_masks_are_read_once(tmp_path: Path) -> None:
    read: list[int] = []

    def masks(i: int) -> tuple[list[Array], None]:
        read.append(i)
        return instances(i)

    class Masked(MeanPeak):
        """Needs masks."""

        needs = frozenset({"map", "masks"})

    described(make_store(tmp_path / "x", bumps(COUNT)), annotated(masks=masks), metrics=[Masked()])
    assert read[1:] == list(range(COUNT))  # the first one is observed twice, to learn the shape of observations


def test_an_empty_mask_is_no_object(tmp_path: Path) -> None:
    def nothing(i: int) -> tuple[Array, None]:
        return np.zeros(SIZE[::-1], dtype=bool), None

    found = described(make_store(tmp_path / "x", bumps(COUNT)), annotated(masks=nothing), metrics=[MeanPeak()])[1]
    assert (found.objects.tolist(), found.area.tolist(), found.best_iou.tolist()) == ([0] * 6, [0] * 6, [0] * 6)


def test_without_annotations_only_the_predicted_box_is_known(tmp_path: Path) -> None:
    store = make_store(tmp_path / "x", bumps(COUNT), logits=np.eye(3)[[0, 1, 2, 0, 1, 2]])
    found = described(store, annotated(), metrics=[Known()])[1]
    assert found.objects.tolist() == [0] * COUNT
    assert np.isnan(found.area).all()
    assert np.isnan(found.best_iou).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()


def test_a_map_that_locates_nothing_has_no_box(tmp_path: Path) -> None:
    maps = bumps(COUNT)
    maps[0], maps[1, 0, 0] = 0.5, np.nan
    seen, found = described(make_store(tmp_path / "x", maps), annotated(several_boxes()))
    assert not found.boxes[:2].any()
    assert found.boxes[2:].any(axis=1).all()
    assert seen.problem_names()[:3] == ["constant", "nan", ""]


BOXES = {
    "": (0.2, 0.2, 0.8, 0.8),
    "nan": (0.2, np.nan, 0.8, 0.8),
    "infinite": (0.2, 0.2, np.inf, 0.8),
    "reversed": (0.8, 0.2, 0.2, 0.8),
    "outside": (-0.5, 0.2, 0.8, 7.0),
}


class Ruled(wsol.BoxRule):
    """The box that is given for an image, found by the map's highest pixel."""

    name = "ruled"

    def __init__(self, boxes: FloatArray) -> None:
        self.given = boxes

    def __call__(self, score_map: FloatArray) -> FloatArray:
        side = len(score_map)
        return self.given[[int(score_map[0].argmax() * len(self.given) // side)]] * side


def of_method(path: Path) -> tuple[wsol.Predictions, Any]:
    return make_store(path, np.array([*BOXES.values(), BOXES[""]]), kind="boxes"), (None, None)


def of_rule(path: Path) -> tuple[wsol.Predictions, Any]:
    maps = np.zeros((COUNT, 36, 36))
    for i in range(COUNT):
        maps[i, :, 6 * i + 1 : 6 * i + 5] = 1
    return make_store(path, maps), (MinMax(), Ruled(np.array([*BOXES.values(), BOXES[""]])))


@pytest.mark.parametrize("make", [of_method, of_rule])
def test_boxes_that_are_none_count_as_no_box_and_those_outside_are_clipped(tmp_path: Path, make: Any) -> None:
    store, setting = make(tmp_path / "x")
    seen, found = described(store, annotated([np.array([[20, 16, 79, 63]])] * COUNT), setting=setting)
    assert seen.problem_names() == [*BOXES, ""]
    assert seen.problem_counts() == {"nan": 1, "infinite": 1, "reversed": 1, "outside": 1}
    assert found.threshold is None
    assert not found.boxes[1:4].any()
    assert (found.best_iou[1:4] == 0).all()
    assert (found.best_iou[[0, 5]] > 0.9).all()
    assert found.boxes[4] == pytest.approx([0, 0.2, 0.8, 1], abs=1 / 30)
    assert seen.tables[0]["hits"].rows(0, COUNT).all(axis=1).tolist() == [True, False, False, False, True, True]


def test_a_box_that_ends_at_the_edge_is_inside_also_when_float32_rounds_up(tmp_path: Path) -> None:
    boxes = np.tile([0, 0, 1, np.nextafter(np.float32(1), np.float32(2))], (COUNT, 1))
    seen, _ = described(make_store(tmp_path / "x", boxes, kind="boxes"), annotated(several_boxes()))
    assert seen.problem_counts() == {}


def test_problems_are_those_of_each_setting(tmp_path: Path) -> None:
    store, (normalizer, rule) = of_rule(tmp_path / "x")
    settings = [(normalizer, None), (normalizer, rule)]
    seen = observe(store, annotated(several_boxes()), V2, settings, [Hits()])
    assert [bool(seen.problem_counts(setting)) for setting in range(2)] == [False, True]
    assert seen.select([1]).problem_counts() == seen.problem_counts(1)
    scores = summarise(seen, [Hits()], bootstrap=0)
    assert [bool(score.problems) for score in scores] == [False, True]


def test_details_follow_the_images(tmp_path: Path) -> None:
    store, rows = make_store(tmp_path / "x", bumps(COUNT)), np.array([4, 1, 3])
    whole, part = (described(store, annotated(several_boxes()), rows=which)[0] for which in (None, rows))
    assert whole.details is not None
    again = whole.take(np.array([1, 3, 4])).details
    assert again is not None
    assert part.details is not None
    assert (part.details.objects.tolist(), part.ids[0]) == ([2, 1, 2], store.ids[1])
    assert part.details.area.tolist() == again.area.tolist()


def test_observations_without_details_have_none(tmp_path: Path) -> None:
    seen = observe(
        make_store(tmp_path / "x", bumps(COUNT)), annotated(several_boxes()), V2, [(MinMax(), None)], [Hits()]
    )
    assert seen.details is None
