"""The bytes that a plan says a study will keep."""

from __future__ import annotations

import pytest

import wsol
from wsol.plugins import load_plugins
from wsol.study.config import validate_study
from wsol.study.plan import make_plan
from wsol.study.storage import KeptBytes, kept_bytes

CUB = (5994, 1000, 5794)
LOGITS, LABEL = 4 * 200, 8


def kept(recipe: dict[str, object], **study: object) -> KeptBytes | None:
    plugins = load_plugins()
    content = {"name": "s", "benchmark": "cub", "recipes": [recipe], "trials": 2, "seeds": 3, **study}
    plan = make_plan(validate_study(content, "s"), plugins)
    return kept_bytes(plan.cells[0], plan.study, plugins)


CAM: dict[str, object] = {"method": {"name": "cam", "momentum": {"uniform": [0, 1]}}, "backbone": "resnet50"}


@pytest.mark.parametrize(
    ("keep", "images"),
    [
        ("test", 3 * CUB[2]),
        ([], 0),
        ("val", (2 + 3) * CUB[1]),
        (["val", "test"], (2 + 3) * CUB[1] + 3 * CUB[2]),
    ],
)
def test_maps_of_the_kept_splits_count(keep: object, images: int) -> None:
    found = kept({**CAM, "backbone": {"name": "resnet50", "stride": 8}}, keep=keep)
    assert found is not None
    assert found.maps == images * (4 * 28 * 28 + LABEL + LOGITS)


def test_a_coarser_map_takes_less_and_a_drawn_stride_counts_with_its_share() -> None:
    sizes = {}
    for stride in (8, 16, {"choice": [8, 16]}):
        found = kept({**CAM, "backbone": {"name": "resnet50", "stride": stride}}, trials=20)
        assert found is not None
        sizes[str(stride)] = found.maps
    assert sizes["16"] == 3 * CUB[2] * (4 * 14 * 14 + LABEL + LOGITS)
    assert sizes["16"] < sizes["{'choice': [8, 16]}"] < sizes["8"]


def test_extractors_have_stores_of_their_own_and_normalizers_share_one() -> None:
    one, shared, two = (
        kept({**CAM, **more}, keep="val", seeds=1)
        for more in ({}, {"normalizer": ["minmax", "none"]}, {"extractor": ["cam", "grad_cam"]})
    )
    assert one is not None
    assert shared is not None
    assert two is not None
    assert (shared.maps / one.maps, two.maps / one.maps) == pytest.approx((4 / 3, 6 / 3))
    assert shared.weights == two.weights == 2 * one.weights


def test_boxes_take_sixteen_bytes() -> None:
    found = kept({"method": {"name": "psol", "lr": 1e-3}, "backbone": "resnet50"})
    assert found is not None
    assert found.maps == 3 * CUB[2] * (16 + LABEL + LOGITS)


def test_pictures_and_weights_are_those_of_final_runs() -> None:
    found = kept({"method": "center"}, gallery=8)
    assert found is not None
    assert (found.galleries, found.weights) == (3 * 8 * 10_000, 0)
    weights = kept(CAM)
    assert weights is not None
    assert weights.weights == pytest.approx(3 * 4 * 23.9e6, rel=0.03)
    assert weights.total > weights.maps + weights.weights


def test_observations_count_as_they_are_before_compression() -> None:
    found = kept({"method": "center"}, metrics=["maxboxaccv2"], seeds=1)
    assert found is not None
    assert found.observations == (100 + 3 * 1000 // 8) * (CUB[1] + CUB[1] + CUB[2])  # one trial, one final run


def test_a_method_that_needs_values_has_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = load_plugins()
    method = plugins.get("methods", "cam")

    def localize(*_: object) -> None:
        raise RuntimeError("needs values")

    monkeypatch.setattr(method, "localize", localize)
    assert kept(CAM) is None


def test_cells_add_up() -> None:
    assert KeptBytes.sum([KeptBytes(1, 2, 3, 4), KeptBytes(10, 20, 30, 40)]) == KeptBytes(11, 22, 33, 44)
    assert KeptBytes.sum([]).total == 0
    assert isinstance(wsol.load_study("quickstart").keep, list)
