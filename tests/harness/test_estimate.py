from __future__ import annotations

import pytest

from wsol.plugins import load_plugins
from wsol.study.estimate import gpu_hours
from wsol.study.plan import make_plan
from wsol.study.study import validate_study


def hours(recipe: dict[str, object], tflops: float = 1.0, **study: object) -> float | None:
    plugins = load_plugins()
    content = {"name": "s", "benchmark": "cub", "recipes": [recipe], "trials": 2, "seeds": 3, **study}
    return gpu_hours(make_plan(validate_study(content, "s"), plugins).cells[0], 3, plugins, tflops)


def test_resnet50_on_cub_takes_what_its_published_operations_say() -> None:
    """4.09 G multiply-adds at 224x224, as published; three passes, 5,994 images, 50 epochs, 2 + 3 runs."""
    recipe = {"method": "cam", "backbone": {"name": "resnet50", "stride": 32}}
    expected = 2 * 4.09e9 * 3 * 5994 * 50 * 5 / 1e12 / 3600
    assert hours(recipe) == pytest.approx(expected, rel=0.02)
    assert hours(recipe, tflops=10) == pytest.approx(expected / 10, rel=0.02)


def test_a_drawn_stride_is_averaged_over_the_trials() -> None:
    stride = {"choice": [16, 32]}
    one, other = (hours({"method": "cam", "backbone": {"name": "resnet50", "stride": s}}) for s in (16, 32))
    mixed = hours({"method": "cam", "backbone": {"name": "resnet50", "stride": stride}}, trials=20)
    assert one is not None
    assert other is not None
    assert mixed is not None
    assert other * 23 / 5 < mixed < one * 23 / 5


def test_what_trains_nothing_takes_no_time() -> None:
    assert hours({"method": "center"}) == 0
