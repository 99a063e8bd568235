from __future__ import annotations

import numpy as np
import pytest

import wsol
from wsol.plugins import load_plugins
from wsol.study.config import validate_study
from wsol.study.estimate import UnreadImages, gpu_hours
from wsol.study.plan import make_plan


def hours(recipe: dict[str, object], tflops: float = 1.0, **study: object) -> float | None:
    plugins = load_plugins()
    content = {"name": "s", "benchmark": "cub", "recipes": [recipe], "trials": 2, "seeds": 3, **study}
    return gpu_hours(make_plan(validate_study(content, "s"), plugins).cells[0], 3, plugins, tflops)


def test_resnet50_on_cub_matches_its_published_operations() -> None:
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


def test_a_method_without_training_takes_no_time() -> None:
    assert hours({"method": "center"}) == 0


def published(operations: float, images: int, epochs: int) -> float:
    """Hours at 1 TFLOP/s of 1 + 3 runs, from multiply-adds of one image."""
    return 2 * operations * 3 * images * epochs * 4 / 1e12 / 3600


def test_every_phase_counts_with_its_own_epochs() -> None:
    """A classifier and a regressor, 4.09 G multiply-adds each, 50 epochs each unless the option says otherwise."""
    backbone = {"name": "resnet50", "stride": 32}
    both = hours({"method": {"name": "psol", "lr": 1e-3}, "backbone": backbone})
    one = hours({"method": {"name": "psol", "lr": 1e-3, "classifier_epochs": 0}, "backbone": backbone})
    crops = hours({"method": {"name": "psol", "lr": 1e-3, "ten_crop": True}, "backbone": backbone})
    assert both == pytest.approx(published(4.09e9, 5994, 100), rel=0.02)
    assert one == pytest.approx(published(4.09e9, 5994, 50), rel=0.02)
    assert crops == both  # of test images, not in training


def test_a_method_without_a_classifier_is_counted_by_its_maps() -> None:
    recipe = {"method": {"name": "weightmap2", "lr": 1e-4, "f": {"epochs": 7}}, "backbone": "resnet18"}
    long = hours({**recipe, "schedule": {"epochs": 13}})
    short = hours({**recipe, "schedule": {"epochs": 3}})
    assert long is not None
    assert short is not None
    assert short > 0
    assert long / short == pytest.approx(20 / 10)


def test_phases_without_training_count_for_nothing() -> None:
    assert hours({"method": "ddt", "backbone": {"name": "resnet18", "stride": 32}}) == 0


def unread(count: int) -> wsol.ImageList:
    ids = [str(index) for index in range(count)]
    return wsol.ImageList(ids, np.zeros(count, dtype=np.int64), lambda index: np.zeros((1, 1, 3), np.uint8), "unread")


def test_trials_on_fewer_images_than_final_runs_take_less(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = {"method": {"name": "cam", "lr": 1e-3}, "backbone": {"name": "resnet18", "stride": 32}}
    whole = hours(recipe)
    cub = load_plugins().get("benchmarks", "cub")
    monkeypatch.setattr(cub, "training_images", lambda self, *, search: unread(600 if search else 5994))
    assert whole is not None
    assert hours(recipe) == pytest.approx(whole * (600 + 3 * 5994) / (4 * 5994))


def test_unread_images_have_numbers_and_nothing_else() -> None:
    images = UnreadImages(12, 3)
    assert (len(images), images.num_classes) == (12, 3)
    for read in (lambda: images.ids, lambda: images.labels, images.batches):
        with pytest.raises(wsol.DataError, match="estimated"):
            read()
