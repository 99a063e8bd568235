"""Normalizers, box rules and metrics that change what others read end the evaluation; the message names them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import wsol
from wsol.evaluation.evaluate import evaluate, summarise
from wsol.evaluation.observe import observe
from wsol.evaluation.predictions.store import ScoreStore, StoreWriter
from wsol.isolation import SharedArrays, immutable
from wsol.plugins import load_plugins
from wsol.protocols import get_protocol

COUNT = 5
V2 = get_protocol("wsoleval-v2").at(16, 16)
Harm = Callable[[Any], Any]


class Harmful:
    """A component that does some harm when it is called, from the image ``first`` on."""

    def __init__(self, harm: Harm, first: int = 0) -> None:
        super().__init__()
        self.harm, self.first, self.calls = harm, first, 0

    def act(self, value: Any) -> None:
        self.calls += 1
        if self.calls > self.first:
            self.harm(value)


class Norm(Harmful, wsol.Normalizer):
    """Min-max."""

    name = "norm"

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        self.act(score_map)
        return (score_map - score_map.min()) / (score_map.max() - score_map.min())


class Rule(Harmful, wsol.BoxRule):
    """A fixed box."""

    name = "rule"

    def __call__(self, score_map: wsol.FloatArray) -> wsol.IntArray:
        self.act(score_map)
        return np.array([[2, 2, 9, 9]])


class Seen(Harmful, wsol.Metric):
    """The IoU."""

    name = "seen"
    needs = frozenset({"boxes"})

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        self.act(image)
        return np.array([image.iou(image.boxes_at(0.5))])

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: Any = None) -> wsol.Array:
        return total[..., 0] / weight


def nothing(_: Any) -> None:
    return None


@pytest.fixture
def store(tmp_path: Path) -> ScoreStore:
    rng = np.random.default_rng(0)
    with StoreWriter(tmp_path / "v.maps") as writer:
        writer.append([f"{i}" for i in range(COUNT)], np.arange(COUNT) % 2, rng.random((COUNT, 4, 4)), np.eye(COUNT, 3))
    return ScoreStore.open(tmp_path / "v.maps")


def annotations() -> wsol.Annotations:
    mask = np.zeros((16, 16), dtype=bool)
    mask[2:9, 2:9] = True
    return wsol.Annotations(
        np.full((COUNT, 2), 16), [np.array([[2, 2, 8, 8]]) for _ in range(COUNT)], lambda i: (mask, ~mask)
    )


class Masked(Seen):
    """Also reads masks and logits."""

    needs = frozenset({"boxes", "masks", "logits", "map"})


def run(
    store: ScoreStore,
    norm: Harm = nothing,
    rule: Harm = nothing,
    metric: Harm = nothing,
    first: int = 0,
    threads: int = 1,
) -> Any:
    settings = [(Norm(norm, first), Rule(rule, first))]
    others: list[wsol.Metric] = [load_plugins().create("metrics", "maxboxaccv2"), Masked(metric, first)]
    return observe(store, annotations(), V2, settings, others, threads=threads)


WRITES: dict[str, Harm] = {
    "assignment": lambda a: a.__setitem__(0, 1),
    "operation in place": lambda a: a.__imul__(2),
    "output argument": lambda a: np.add(a, 1, out=a),
    "sorting": lambda a: a.sort(),
    "filling": lambda a: a.fill(0),
    "OpenCV": lambda a: cv2.normalize(a, a),
    "writable flag": lambda a: setattr(a.flags, "writeable", True),
    "a view": lambda a: a[:1].__setitem__(0, 1),
    "torch": lambda a: torch.from_numpy(a).mul_(2).add_(1),
}


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writ")
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", ["normalizer", "box rule"])
def test_who_writes_to_a_map_is_named(store: ScoreStore, kind: str, write: str) -> None:
    name = {"normalizer": "norm", "box rule": "rule"}[kind]
    with pytest.raises(wsol.RunError, match=rf"^image '0': {kind} '{name}' changes an array that others read"):
        run(store, **{name: WRITES[write]})


FIELDS = ["score_map", "raw_map", "boxes", "gt_boxes", "foreground", "ignore", "logits"]


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writ")
@pytest.mark.parametrize("write", ["assignment", "writable flag", "torch"])
@pytest.mark.parametrize("field", [*FIELDS, "best_ious"])
def test_a_metric_that_writes_to_a_field_is_named(store: ScoreStore, field: str, write: str) -> None:
    def harm(image: wsol.ScoredImage) -> None:
        array = image.best_ious() if field == "best_ious" else getattr(image, field)
        if array.dtype == bool and write == "torch":
            torch.from_numpy(array).logical_not_()
        else:
            WRITES[write](array)

    with pytest.raises(wsol.RunError, match=r"^image '0': metric 'seen' changes an array that others read"):
        run(store, metric=harm)


@pytest.mark.parametrize("field", [*FIELDS, "label", "protocol", "image_id"])
def test_a_metric_that_replaces_a_field_is_named(store: ScoreStore, field: str) -> None:
    with pytest.raises(wsol.RunError, match=r"^image '0': metric 'seen' .*cannot assign to field"):
        run(store, metric=lambda image: setattr(image, field, None))


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writ")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_write_to_a_later_image_is_found_too(store: ScoreStore, threads: int) -> None:
    with pytest.raises(wsol.RunError, match=r"metric 'seen' changes an array that others read"):
        run(store, metric=lambda image: image.gt_boxes.__setitem__(0, 1), first=3, threads=threads)
    with pytest.raises(wsol.RunError, match=r"metric 'seen' changes an array that others read"):
        run(store, metric=lambda image: torch.from_numpy(image.gt_boxes).zero_(), first=3, threads=threads)


def test_a_reference_that_is_kept_is_of_no_use_later(store: ScoreStore) -> None:
    kept: list[wsol.ScoredImage] = []

    def harm(image: wsol.ScoredImage) -> None:
        if kept:
            kept[0].gt_boxes[:] = 0  # type: ignore[index]
        kept.append(image)

    with pytest.raises(wsol.RunError, match=r"metric 'seen' changes"):
        run(store, metric=harm)


def test_a_normalizer_that_returns_its_own_buffer_changes_no_score(store: ScoreStore) -> None:
    class Buffered(Norm):
        """Reuses its memory."""

        name = "buffered"
        buffer = np.zeros((16, 16))

        def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
            self.buffer[:] = super().__call__(score_map)
            return self.buffer

    seen: list[tuple[wsol.FloatArray, wsol.FloatArray]] = []

    def keep(image: wsol.ScoredImage) -> None:
        assert image.score_map is not None
        seen.append((image.score_map, image.score_map.copy()))

    metrics = [Masked(keep)]
    observe(store, annotations(), V2, [(Buffered(nothing), None)], metrics)
    assert all(np.array_equal(map_, copy) for map_, copy in seen)


@pytest.mark.parametrize("function", ["value", "parts", "curves", "best_threshold", "calibrate"])
def test_a_metric_that_changes_the_sum_of_its_observations_is_named(store: ScoreStore, function: str) -> None:
    metric = Seen(nothing)
    original = getattr(metric, function)

    def harm(total: wsol.Array, *rest: Any) -> Any:
        total[...] = 7
        return original(total, *rest)

    setattr(metric, function, harm)
    with pytest.raises(wsol.RunError, match=r"metric 'seen' changes an array that others read"):
        evaluate(store, annotations(), V2, [(Norm(nothing), None)], [metric], bootstrap=0)


def test_a_metric_cannot_change_what_was_chosen_on_val(store: ScoreStore) -> None:
    class Carried(Seen):
        """Chooses a list, and empties it on test."""

        name = "carried"

        def calibrate(self, total: wsol.Array, weight: wsol.Array) -> Any:
            return [0.5]

        def value(self, total: wsol.Array, weight: wsol.Array, calibration: Any = None) -> wsol.Array:
            if calibration is not None:
                calibration.clear()
            return super().value(total, weight)

    metrics = [Carried(nothing)]
    seen = observe(store, annotations(), V2, [(Norm(nothing), None)], metrics)
    (val,) = summarise(seen, metrics, bootstrap=0)
    summarise(seen, metrics, calibrations=[val.calibrations], bootstrap=0)
    assert val.calibrations == {"carried": [0.5]}


@pytest.mark.filterwarnings("error")
def test_every_first_party_component_only_reads(store: ScoreStore) -> None:
    plugins = load_plugins()
    settings: list[Any] = [(plugins.create("normalizers", name), None) for name in plugins.names("normalizers")]
    settings += [(settings[0][0], plugins.create("box_rules", name)) for name in plugins.names("box_rules")]
    metrics = [plugins.create("metrics", name) for name in plugins.names("metrics")]
    scores = evaluate(store, annotations(), V2, settings, metrics, bootstrap=10)
    assert len(scores) == len(settings)


def test_annotations_and_labels_are_read_only_from_the_start() -> None:
    given = annotations()
    images = wsol.ImageList(["a"], np.array([1]), lambda i: np.zeros((2, 2, 3), dtype=np.uint8), "f")
    for array in (given.sizes, given.boxes[0], images.labels):  # type: ignore[index]
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


@pytest.mark.parametrize("array", [np.zeros((0, 4)), np.zeros(()), np.arange(6).reshape(2, 3).T, np.array(["a", "bc"])])
def test_immutable_copies_keep_values_shape_and_dtype(array: Any) -> None:
    copy = immutable(array)
    assert np.array_equal(copy, array)
    assert (copy.shape, copy.dtype) == (array.shape, array.dtype)
    assert not copy.flags.writeable
    assert immutable(copy) is copy


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writ")
def test_shared_arrays_compare_small_arrays_always_and_all_of_them_when_strict() -> None:
    for strict, size, found in ((False, 10, True), (False, 10**5, False), (True, 10**5, True)):
        shared = SharedArrays(strict)
        torch.from_numpy(shared.share(np.zeros(size))).add_(1)
        assert shared.intact() is not found


PROCESS: dict[str, Harm] = {
    "torch's number of threads": lambda _: torch.set_num_threads(torch.get_num_threads() + 1),
    "torch's default dtype": lambda _: torch.set_default_dtype(torch.float64),
    "torch's default device": lambda _: torch.set_default_device("meta"),
    "torch's deterministic mode": lambda _: torch.use_deterministic_algorithms(True),
    "torch's use of oneDNN": lambda _: setattr(torch.backends.mkldnn, "enabled", False),
    "NumPy's error handling": lambda _: np.seterr(all="raise"),
    "OpenCV's number of threads": lambda _: cv2.setNumThreads(cv2.getNumThreads() + 1),
    "OpenCV's optimized code": lambda _: cv2.setUseOptimized(False),
    "denormal numbers": lambda _: torch.set_flush_denormal(True),
    "the current folder": lambda _: os.chdir("/"),
}


@pytest.fixture
def restored() -> Iterator[None]:
    """The state of the process is the same after the test."""
    folder, threads, cv2_threads, errors = os.getcwd(), torch.get_num_threads(), cv2.getNumThreads(), np.geterr()
    yield
    os.chdir(folder)
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.use_deterministic_algorithms(False)
    torch.backends.mkldnn.enabled = True  # type: ignore[assignment]
    torch.set_flush_denormal(False)
    cv2.setNumThreads(cv2_threads)
    cv2.setUseOptimized(True)
    np.seterr(**errors)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("change", PROCESS)
@pytest.mark.parametrize(("kind", "first"), [("norm", 0), ("rule", 3), ("metric", 3)])
def test_who_changes_the_process_is_named(store: ScoreStore, kind: str, first: int, change: str) -> None:
    named = {"norm": "normalizer 'norm'", "rule": "box rule 'rule'", "metric": "metric 'seen'"}[kind]
    with pytest.raises(wsol.RunError, match=rf"^image '\d': {named} changes the process \({change}"):
        run(store, **{kind: PROCESS[change]}, first=first)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("function", ["value", "parts", "curves", "best_threshold", "calibrate"])
def test_a_metric_that_changes_the_process_in_its_summary_is_named(store: ScoreStore, function: str) -> None:
    metric = Seen(nothing)
    original = getattr(metric, function)

    def harm(*arguments: Any) -> Any:
        np.seterr(all="raise")
        return original(*arguments)

    setattr(metric, function, harm)
    with pytest.raises(wsol.RunError, match=r"metric 'seen' changes the process \(NumPy's error handling"):
        evaluate(store, annotations(), V2, [(Norm(nothing), None)], [metric], bootstrap=2)


DRAWS: dict[str, Harm] = {
    "Python": lambda _: random.random(),
    "NumPy": lambda _: np.random.rand(),
    "torch": lambda _: torch.rand(1),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("kind", ["norm", "rule", "metric"])
def test_who_draws_from_a_global_generator_is_named(store: ScoreStore, kind: str, draw: str) -> None:
    with pytest.raises(wsol.RunError, match=r"^image '0': .* draws from a global random generator"):
        run(store, **{kind: DRAWS[draw]})
