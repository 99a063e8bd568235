"""One pass over a store: scores, omitted metrics and errors, and that shards do not change the result."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wsol
from tests.support.evaluation_samples import (
    Carried,
    Hits,
    Known,
    MeanPeak,
    MinMax,
    boxes_in,
    bumps,
    image_ids,
    make_store,
)
from wsol.arrays import Array, FloatArray, IntArray
from wsol.errors import DataError, RunError, UsageError
from wsol.evaluation.boxes import best_ious
from wsol.evaluation.evaluate import evaluate, summarise
from wsol.evaluation.geometry import box_iou, frame_boxes
from wsol.evaluation.observations import Observations, merge
from wsol.evaluation.observe import EvalSetting, observe
from wsol.evaluation.predictions.store import ScoreStore
from wsol.protocols import get_protocol

V2 = get_protocol("wsoleval-v2").at(36, 32)
SETTINGS: list[EvalSetting] = [(MinMax(), None)]


def in_frame(score_map: Array) -> FloatArray:
    """The map in V2's frame by OpenCV alone."""
    return cv2.resize(score_map.astype(np.float64), (V2.crop, V2.crop), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def store(tmp_path: Path) -> ScoreStore:
    return make_store(tmp_path / "x", bumps(10), logits=np.eye(3)[np.arange(10) % 3])


def test_scores_are_those_of_a_loop_over_images(store: ScoreStore) -> None:
    scores = evaluate(store, boxes_in(10), V2, SETTINGS, [Hits(), Known()], bootstrap=0)[0]
    hits = np.zeros(V2.thresholds)
    for i in range(10):
        score_map = MinMax()(in_frame(store.map(i)))
        gt_boxes = frame_boxes(V2, np.array([[20, 20, 79, 79]]), (100, 100))
        hits += best_ious(score_map, gt_boxes, thresholds=V2.taus) >= 0.5
    assert scores.metrics["hits"].value == pytest.approx(10 * hits.max())
    assert hits.max() > 0
    assert (scores.metrics["known"].value, scores.metrics["hits"].images) == (100, 10)
    assert (scores.metrics["hits"].low, scores.problems, scores.notes) == (None, {}, ())


@pytest.mark.parametrize("room", [True, False])
def test_large_tables_are_kept_on_disk_where_there_is_room(
    store: ScoreStore, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    expected = observe(store, boxes_in(10), V2, SETTINGS, [Hits(), Known()])
    monkeypatch.setattr("wsol.evaluation.observations.SPILL", 1)
    if not room:
        monkeypatch.setattr("os.posix_fallocate", full)
    seen = observe(store, boxes_in(10), V2, SETTINGS, [Hits(), Known()], threads=2)
    for name, table in seen.tables[0].items():
        assert isinstance(table.data, np.memmap) == room
        np.testing.assert_array_equal(table.data, expected.tables[0][name].data)


def test_every_evaluation_gets_its_own_scores(store: ScoreStore) -> None:
    class Whole(wsol.BoxRule):
        """The whole image."""

        name = "whole"

        def __call__(self, score_map: FloatArray) -> IntArray:
            return np.array([[0, 0, score_map.shape[1] - 1, score_map.shape[0] - 1]])

    annotations = boxes_in(10, (0, 0, 99, 99))
    alone, ruled = evaluate(store, annotations, V2, [(MinMax(), None), (MinMax(), Whole())], [Hits()], bootstrap=0)
    assert ruled.metrics["hits"].value == 100
    assert evaluate(store, annotations, V2, SETTINGS, [Hits()], bootstrap=0)[0].metrics == alone.metrics


def test_threads_change_nothing_and_progress_reaches_the_end(
    store: ScoreStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsol.evaluation.observe._CHUNK", 3)
    seen: list[tuple[int, int]] = []
    one = evaluate(store, boxes_in(10), V2, SETTINGS, [Hits(), MeanPeak()])
    three = evaluate(
        store, boxes_in(10), V2, SETTINGS, [Hits(), MeanPeak()], threads=3, progress=lambda *at: seen.append(at)
    )
    assert [s.metrics for s in one] == [s.metrics for s in three]
    assert seen == [(3, 10), (6, 10), (9, 10), (10, 10)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owner=st.lists(st.integers(0, 3), min_size=10, max_size=10), data=st.data())
def test_any_partition_into_shards_gives_the_identical_result(
    store: ScoreStore, owner: list[int], data: st.DataObject
) -> None:
    metrics = [Hits(), MeanPeak(), Known()]
    shards = [np.flatnonzero(np.array(owner) == shard) for shard in set(owner)]
    order = data.draw(st.permutations(range(len(shards))))
    parts = [observe(store, boxes_in(10), V2, SETTINGS, metrics, rows=shards[k]) for k in order]
    whole = evaluate(store, boxes_in(10), V2, SETTINGS, metrics, bootstrap=20)[0]
    assert summarise(merge(parts), metrics, bootstrap=20)[0].metrics == whole.metrics


def observed(store: ScoreStore, rows: list[int], **options: object) -> Observations:
    return observe(store, boxes_in(10), V2, SETTINGS, options.pop("metrics", [Hits()]), rows=np.array(rows))  # type: ignore[arg-type]


def test_shards_that_overlap_or_differ_are_an_error(store: ScoreStore) -> None:
    with pytest.raises(DataError, match="overlap"):
        merge([observed(store, [0, 1]), observed(store, [1, 2])])
    with pytest.raises(DataError, match="different evaluations"):
        merge([observed(store, [0]), observed(store, [1], metrics=[Known()])])


def test_the_calibration_of_val_is_applied_to_test(tmp_path: Path) -> None:
    val = make_store(tmp_path / "val", bumps(10, seed=1))
    test = make_store(tmp_path / "test", bumps(10, seed=2))
    metrics = [Carried()]
    chosen = evaluate(val, boxes_in(10, (30, 30, 69, 69)), V2, SETTINGS, metrics, bootstrap=0)[0]
    column = chosen.calibrations["carried"]
    on_test = evaluate(test, boxes_in(10), V2, SETTINGS, metrics, calibrations=[chosen.calibrations], bootstrap=50)[
        0
    ].metrics["carried"]
    rates = observe(test, boxes_in(10), V2, SETTINGS, metrics).tables[0]["carried"].rows(0, 10).mean(axis=0)
    assert on_test.value == pytest.approx(100 * rates[column])
    assert on_test.value < 100 * rates.max()
    assert on_test.calibration == column


def test_a_metric_that_needs_val_is_left_out_without_it(store: ScoreStore) -> None:
    scores = evaluate(store, boxes_in(10), V2, SETTINGS, [Hits(), Carried()], calibrations=[{}], bootstrap=0)[0]
    assert list(scores.metrics) == ["hits"]
    assert scores.notes == ("carried: left out: it needs what was chosen on val",)


def test_metrics_without_their_inputs_are_left_out_with_a_note(tmp_path: Path) -> None:
    store = make_store(tmp_path / "x", bumps(3))
    scores = evaluate(store, boxes_in(3), V2, SETTINGS, [Hits(), Known()], bootstrap=0)[0]
    assert list(scores.metrics) == ["hits"]
    assert scores.notes == ("known: left out: there is no logits",)


def test_a_primary_metric_without_its_inputs_is_an_error(tmp_path: Path) -> None:
    store = make_store(tmp_path / "x", bumps(3))
    with pytest.raises(UsageError, match="primary metric 'known' is not available: there is no logits"):
        evaluate(store, boxes_in(3), V2, SETTINGS, [Known(), Hits()])


def test_broken_maps_are_scored_as_zeros_and_counted(tmp_path: Path) -> None:
    maps = bumps(5)
    maps[1, 0, 0], maps[2, 3, 3], maps[3] = np.nan, np.inf, 0.7
    store = make_store(tmp_path / "x", maps)
    scores = evaluate(store, boxes_in(5, (0, 0, 1, 1)), V2, SETTINGS, [MeanPeak(), Hits()], bootstrap=0)[0]
    assert scores.problems == {"nan": 1, "infinite": 1, "constant": 1}
    means = observe(store, boxes_in(5), V2, SETTINGS, [MeanPeak()]).tables[0]["mean_peak"].data
    assert (means[[1, 2, 3]] == 0).all()
    assert (means[[0, 4]] > 0).all()


def test_a_map_that_is_constant_once_it_is_reduced_is_scored_as_zeros(tmp_path: Path) -> None:
    maps = np.zeros((2, 300, 300))
    maps[0, 0, 0], maps[1, 100:200, 100:200] = 1, 1  # cubic interpolation reads no pixel so near to the corner
    store = make_store(tmp_path / "x", maps)
    assert in_frame(maps[0]).max() == 0
    scores = evaluate(store, boxes_in(2), V2, SETTINGS, [Hits(), MeanPeak()], bootstrap=0)[0]
    assert (scores.problems, scores.metrics["hits"].images) == ({"constant": 1}, 2)


def test_boxes_are_shares_of_the_frame_and_the_same_at_every_threshold(tmp_path: Path) -> None:
    store = make_store(tmp_path / "x", np.array([[0.2, 0.2, 0.8, 0.8], [np.nan] * 4]), kind="boxes")
    seen = observe(store, boxes_in(2), V2, [(None, None)], [Hits()])
    gt_boxes = frame_boxes(V2, np.array([[20, 20, 79, 79]]), (100, 100))
    iou = box_iou(np.array([[6.4, 6.4, 25.6, 25.6]]), gt_boxes, inclusive=True)[0, 0]
    assert iou >= 0.5
    assert seen.tables[0]["hits"].rows(0, 2).all(axis=1).tolist() == [True, False]
    assert seen.problem_counts() == {"nan": 1}


def test_a_box_over_the_whole_image_ends_at_the_last_pixel(tmp_path: Path) -> None:
    class Iou(Hits):
        """The IoU itself."""

        def observe(self, image: wsol.ScoredImage) -> FloatArray:
            return image.best_ious()

    store = make_store(tmp_path / "x", np.array([[0.0, 0.0, 1.0, 1.0]]), kind="boxes")
    whole = np.array([[0, 0, 31, 31]])
    annotations = wsol.Annotations(np.array([[32, 32]]), [whole])
    assert (observe(store, annotations, V2, [(None, None)], [Iou()]).tables[0]["hits"].data == 1).all()


def test_evaluations_must_fit_the_kind_of_store(tmp_path: Path, store: ScoreStore) -> None:
    boxes = make_store(tmp_path / "b", np.zeros((10, 4)), kind="boxes")
    with pytest.raises(UsageError, match="need a normalizer"):
        observe(store, boxes_in(10), V2, [(None, None)], [Hits()])
    with pytest.raises(UsageError, match="neither a normalizer nor a box rule"):
        observe(boxes, boxes_in(10), V2, SETTINGS, [Hits()])


def test_psol_averages_over_classes(tmp_path: Path) -> None:
    logits = np.array([[0, 1]] * 4)
    store = make_store(tmp_path / "x", np.zeros((4, 4)), [0, 1, 1, 1], logits, kind="boxes")
    psol, v2 = (
        evaluate(store, boxes_in(4), p, [(None, None)], [Known()], bootstrap=0)[0].metrics["known"].value
        for p in (get_protocol("psol"), V2)
    )
    assert (psol, v2) == (pytest.approx(50), pytest.approx(75))


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ((20, 20, 101, 60), "not inside the image of 100 x 100"),
        ((-1, 20, 40, 60), "not inside"),
        ((50, 20, 40, 60), "ends before it starts"),
        ((50, 20, np.nan, 60), "is not finite"),
    ],
)
def test_invalid_boxes_are_an_error_that_names_the_image(store: ScoreStore, box: tuple[float, ...], says: str) -> None:
    annotations = boxes_in(10)
    assert annotations.boxes is not None
    annotations = replace(annotations, boxes=[*annotations.boxes[:4], np.array([box]), *annotations.boxes[5:]])
    with pytest.raises(DataError, match=f"'{image_ids(5)[4]}': box .* {says}"):
        observe(store, annotations, V2, SETTINGS, [Hits()])


def test_an_image_without_a_box_is_an_error(store: ScoreStore) -> None:
    annotations = replace(boxes_in(10), boxes=[np.empty((0, 4), dtype=np.int64)] * 10)
    with pytest.raises(DataError, match=r"'class/000\.jpg': no box"):
        observe(store, annotations, V2, SETTINGS, [Hits()], threads=2)


class Masked(MeanPeak):
    """Share of foreground."""

    needs = frozenset({"map", "masks"})

    def observe(self, image: wsol.ScoredImage) -> FloatArray:
        assert image.foreground is not None
        assert image.ignore is not None
        return np.array([image.foreground.mean(), image.ignore.mean()])


def with_masks(mask: object, ignore: object = None) -> wsol.Annotations:
    return replace(boxes_in(10), masks=lambda i: (mask, ignore))  # type: ignore[arg-type, return-value]


def test_masks_are_resized_to_the_frame_and_foreground_is_never_ignored(store: ScoreStore) -> None:
    mask, ignore = np.zeros((100, 100), dtype=bool), np.ones((100, 100), dtype=bool)
    mask[:50] = True
    seen = observe(store, with_masks(mask, ignore), V2, SETTINGS, [Masked()])
    np.testing.assert_array_equal(seen.tables[0]["mean_peak"].data[0], [0.5, 0.5])


def test_invalid_masks_are_an_error_that_names_the_image(store: ScoreStore) -> None:
    empty, small = np.zeros((100, 100), dtype=bool), np.ones((50, 100), dtype=bool)
    with pytest.raises(DataError, match=r"'class/000\.jpg': no mask"):
        observe(store, with_masks([]), V2, SETTINGS, [Masked()])
    with pytest.raises(DataError, match=r"'class/000\.jpg': mask of \(100, 50\), but the image is \(100, 100\)"):
        observe(store, with_masks(small), V2, SETTINGS, [Masked()])
    with pytest.raises(DataError, match=r"'class/000\.jpg': ignore mask of"):
        observe(store, with_masks(~empty, small), V2, SETTINGS, [Masked()])


def test_masks_of_several_sizes_are_joined_in_the_frame(store: ScoreStore) -> None:
    top, left = np.zeros((60, 40), dtype=bool), np.zeros((100, 100), dtype=bool)
    top[:30], left[:, :50] = True, True
    seen = observe(store, with_masks([top, left], np.ones((7, 9), dtype=bool)), V2, SETTINGS, [Masked()])
    np.testing.assert_allclose(seen.tables[0]["mean_peak"].data[0], [0.75, 0.25])


def test_an_image_without_a_positive_pixel_is_all_background(store: ScoreStore) -> None:
    nothing = np.zeros((100, 100), dtype=bool)
    seen = observe(store, with_masks(nothing, nothing), V2, SETTINGS, [Masked()])
    np.testing.assert_array_equal(seen.tables[0]["mean_peak"].data[0], [0, 0])


def test_a_wrong_number_of_annotations_is_an_error(store: ScoreStore) -> None:
    with pytest.raises(DataError, match="10 images have scores, but 9 have annotations"):
        observe(store, boxes_in(9), V2, SETTINGS, [Hits()])


@pytest.mark.parametrize("factor", [2.0, np.nan])
def test_a_normalizer_outside_the_unit_interval_is_an_error(store: ScoreStore, factor: float) -> None:
    class Wrong(MinMax):
        """Too large."""

        name = "wrong"

        def __call__(self, score_map: FloatArray) -> FloatArray:
            return factor * super().__call__(score_map)

    with pytest.raises(RunError, match=r"'class/000\.jpg': normalizer 'wrong' returned .* values"):
        observe(store, boxes_in(10), V2, [(Wrong(), None)], [Hits()])


def test_a_metric_that_changes_its_shape_is_an_error(store: ScoreStore) -> None:
    class Growing(MeanPeak):
        """One number more for one image."""

        def observe(self, image: wsol.ScoredImage) -> FloatArray:
            return np.zeros(3 if image.image_id.endswith("4.jpg") else 2)

    with pytest.raises(RunError, match=r"'mean_peak': an observation of float64 \[3\] after one of float64 \[2\]"):
        observe(store, boxes_in(10), V2, SETTINGS, [Growing()])


def test_the_label_is_ranked_as_by_argmax() -> None:
    def rank(logits: list[float], label: int) -> int:
        return wsol.ScoredImage("a", label, V2, logits=np.array(logits)).rank_of_label

    assert [rank([1, 3, 2], label) for label in range(3)] == [2, 0, 1]
    assert [rank([0, 0, 0], label) for label in range(3)] == [0, 1, 2]
    assert rank([np.nan, 1, 2], 2) == 3
