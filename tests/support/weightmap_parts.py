"""Helpers of the weight-map tests: a small set of coloured squares, and the two methods on a tiny backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import wsol
from wsol.data.views import TrainData
from wsol.plugins import load_plugins
from wsol.training.checkpoint import TrainState
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader
from wsol.training.seeds import seed_everything
from wsol_cam.pooling import GAP

CPU = torch.device("cpu")
COUNT, CLASSES, SIDE, CROP = 24, 3, 36, 32


def squares() -> TrainData:
    """Noise with a square of the class's colour."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 90, (COUNT, 3, SIDE, SIDE)), np.arange(COUNT) % CLASSES
    for i, (y, x) in enumerate(rng.integers(2, 18, (COUNT, 2))):
        images[i, labels[i], y : y + 16, x : x + 16] += 160
    return TrainData([str(i) for i in range(COUNT)], labels, images.astype(np.uint8), CLASSES, CROP, "weightmap")


def build(name: str, epochs: int = 2, **values: Any) -> Any:
    seed_everything(1, "init")
    plugins = load_plugins()
    method = plugins.get("methods", name)
    options = {"lr": 0.02, "held_out": 0.2, "f": {"lr": 0.02, "epochs": 2}, **values}
    parts = wsol.Parts(CLASSES, wsol.Schedule(epochs, 100, 8), CROP, plugins.create("backbones", "tiny"), GAP())
    return method(plugins.options("methods", name, options), parts)


def loader(data: TrainData, method: wsol.Method) -> TrainLoader:
    return TrainLoader(data, method.image_mean, method.image_std, CPU)


def run(method: wsol.Method, data: TrainData, path: Path | None = None, on_epoch: Any = None) -> TrainState:
    return train(method, loader(data, method), TrainConfig("k", 3, CPU, checkpoint=path, on_epoch=on_epoch))


def state_of(method: torch.nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in method.state_dict().items()}


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key
