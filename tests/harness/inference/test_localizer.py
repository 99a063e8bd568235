"""Pictures of a finished run, also for maps that locate nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wsol
from tests.support.evaluation_samples import MinMax
from tests.support.raw_maps import WITHOUT_PLACE, bar, maps_without_place
from wsol.arrays import FloatArray
from wsol.evaluation.describe import FALLBACK_THRESHOLD, box_threshold
from wsol.inference.localizer import FRAME, Localizer
from wsol.inference.overlay import PREDICTED, TRUE, overlay
from wsol.recipes import ComponentRef, ScheduleSpec, TrainSpec, filled
from wsol.records import MetricValue

IMAGE = np.full((60, 80, 3), 100, dtype=np.uint8)
TRUTH = np.array([[0.25, 0.25, 0.75, 0.75]])


def localizer(raw: FloatArray, box_rule: wsol.BoxRule | None = None) -> Localizer:
    """A finished run whose map of every image is ``raw``."""

    class Fixed(wsol.Method):
        name = "fixed"
        uses = frozenset()

        def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
            return iter(())

        def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
            return torch.from_numpy(raw).expand(len(images), -1, -1)

    method = Fixed(wsol.Options(), wsol.Parts(3, wsol.Schedule(1, 1), 32))
    record: Any = SimpleNamespace(run_id="run")
    benchmark: Any = SimpleNamespace(crop=32, class_names=lambda: ["a", "b", "c"])
    return Localizer(record, method.eval(), benchmark, None, MinMax(), box_rule, 0.5)


@pytest.mark.parametrize("name", WITHOUT_PLACE)
def test_a_map_that_locates_nothing_gives_no_heat_and_no_box(name: str) -> None:
    raw, _ = maps_without_place(FRAME)[name]
    picture = localizer(raw).picture(IMAGE, 0, TRUTH)
    np.testing.assert_array_equal(picture, overlay(IMAGE, None, None, TRUTH))
    assert (picture == TRUE).all(axis=2).any()
    assert not (picture == PREDICTED).all(axis=2).any()


def test_a_map_gives_heat_and_the_box_at_the_threshold() -> None:
    picture = localizer(bar()).picture(IMAGE, 0)
    columns = np.flatnonzero((picture == PREDICTED).all(axis=2).any(axis=0))
    assert columns[0] == pytest.approx(40, abs=2)
    assert columns[-1] == 79
    assert (picture != IMAGE).any(axis=2).mean() > 0.9


def test_boxes_are_drawn_at_the_threshold_of_the_first_metric_that_has_one() -> None:
    def threshold(*thresholds: float | None, protocol: str = "wsoleval-v2") -> float:
        metrics = {str(i): MetricValue(value=0, threshold=t) for i, t in enumerate(thresholds)}
        return box_threshold(metrics, wsol.get_protocol(protocol))

    assert threshold(None, 0.0, 0.5) == 0
    assert threshold(None) == threshold() == FALLBACK_THRESHOLD
    assert threshold(0.0, protocol="legacy") == 0.2


@pytest.mark.parametrize(
    "box", [(np.nan, 0, 1, 1), (0, 0, np.inf, 1), (0.8, 0.2, 0.2, 0.8), (-3.0, -1e30, 7.0, 1e30), (0, 0, 0, 0)]
)
def test_a_box_that_is_none_or_outside_breaks_no_picture(box: tuple[float, ...]) -> None:
    picture = overlay(IMAGE, None, np.array([box, (0.25, 0.25, 0.75, 0.75)]), np.array([box]))
    assert (picture[45, 20:60] == PREDICTED).all()
    outside = box[2] == 7
    assert (picture[0] == PREDICTED).all() == outside


def test_the_title_names_all_trained_parts_with_their_options() -> None:
    has = ComponentRef.parse({"name": "has", "size": 4})
    parts = filled(method=ComponentRef(name="cam"), augmentations=[has, ComponentRef(name="cutmix")])
    schedule = ScheduleSpec(epochs=1, decay_every=1, decay=0.1, batch_size=2)
    train = TrainSpec(benchmark=ComponentRef(name="cub"), schedule=schedule, parts=parts)
    record: Any = SimpleNamespace(train=train)
    assert replace(localizer(bar()), record=record).title == "cam has(size=4) cutmix"
