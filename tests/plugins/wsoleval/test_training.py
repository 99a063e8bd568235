"""The baselines through the real engine, on images that differ in colour and stripes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wsol
from tests.support.wsoleval_parts import method, parts
from wsol.data.cache import Transform, cached_images
from wsol.data.views import TrainData
from wsol.plugins import load_plugins
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader
from wsol.training.seeds import seed_everything

COUNT, CLASSES, SIDE, CROP = 24, 3, 36, 32
CPU = torch.device("cpu")
OPTIONS: dict[str, dict[str, Any]] = {
    "cam": {"lr_groups": "wsoleval"},
    "has": {"cell": 0.25, "drop_rate": 0.3},
    "cutmix": {"mix_rate": 0.5},
    "adl": {"drop_rate": 0.5},
    "acol": {"threshold": 0.8},
    "spg": {"lr_groups": "wsoleval"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainData:
    torch.set_num_threads(1)
    labels = np.arange(COUNT) % CLASSES

    def load(i: int) -> Any:
        rng = np.random.default_rng(i)
        image = rng.integers(0, 60, (SIDE, SIDE, 3))
        y, x = rng.integers(4, SIDE - 20, 2)
        image[y : y + 16, x : x + 16, labels[i]] += 180
        return image.astype(np.uint8)

    images = wsol.ImageList([str(i) for i in range(COUNT)], labels, load, "wsoleval-test")
    cached = cached_images(images, Transform(SIDE), tmp_path_factory.mktemp("cache"))
    return TrainData(images.ids, labels, cached, CLASSES, CROP, images.fingerprint)


def build(name: str, epochs: int = 2) -> Any:
    seed_everything(0, "init")
    return method(name, parts("tiny", CLASSES, CROP, epochs), lr=0.01, new_lr_multiplier=3, **OPTIONS[name])


def run(network: Any, data: TrainData, path: Path | None = None, on_epoch: Any = None) -> list[dict[str, float]]:
    loader = TrainLoader(data, network.image_mean, network.image_std, CPU)
    state = train(network, loader, TrainConfig("key", 3, CPU, checkpoint=path, on_epoch=on_epoch))
    return [log.losses for log in state.history]


@pytest.mark.parametrize("name", OPTIONS)
def test_two_epochs_lower_the_loss_and_leave_finite_maps(data: TrainData, name: str) -> None:
    network = build(name)
    first, last = run(network, data)
    assert sum(last.values()) < sum(first.values())
    for batch in TrainLoader(data, network.image_mean, network.image_std, CPU).batches():
        with torch.no_grad():
            maps = network.localize(batch.images, batch.labels, load_plugins().create("extractors", "cam"))
            logits = network.classify(batch.images)
        assert maps.shape == (COUNT, 4, 4)
        assert maps.isfinite().all()
        assert (maps.amax((1, 2)) > maps.amin((1, 2))).all()
        assert logits.shape == (COUNT, CLASSES)
        assert logits.isfinite().all()


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", OPTIONS)
def test_a_resumed_run_equals_an_uninterrupted_one(data: TrainData, tmp_path: Path, name: str) -> None:
    def stop(log: Any, done: int) -> None:
        raise Stop

    whole, resumed = build(name), build(name)
    expected = run(whole, data)
    with pytest.raises(Stop):
        run(build(name), data, tmp_path / "c.pt", stop)
    torch.rand(5)  # what the process drew before must not matter
    assert run(resumed, data, tmp_path / "c.pt") == expected
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key
