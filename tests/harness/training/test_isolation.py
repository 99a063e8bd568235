"""Augmentations and methods that change what other parts of a training use end it; the message names them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wsol
from wsol.data.views import TrainData
from wsol.plugins import load_plugins
from wsol.training.augment import augment
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader

COUNT, SIDE = 8, 6
Harm = Callable[[Any], Any]


class Decoded:
    """Images in memory."""

    def __init__(self) -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 3, SIDE, SIDE)).astype(np.uint8)

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, rows: Any) -> Any:
        return self.pixels[np.asarray(rows)]


class Harmful(wsol.Augmentation):
    """Returns the batch, after some harm."""

    name = "harmful"

    def __init__(self, harm: Harm) -> None:
        super().__init__()
        self.harm = harm

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        self.harm(batch)
        return batch


class Linear(wsol.Method):
    """A linear classifier."""

    name = "linear"
    uses = frozenset()

    def __init__(self, augmentations: list[wsol.Augmentation], **functions: Any) -> None:
        super().__init__(wsol.TrainingOptions(), wsol.Parts(2, wsol.Schedule(2, 2, 4), SIDE, None, None, augmentations))
        self.head = nn.Linear(3, 2)
        self.functions = functions

    def augmentations(self) -> Any:
        return self.parts.augmentations

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        groups = [wsol.ParameterGroup(list(self.parameters()))]
        yield wsol.Phase("one", step=self.step, groups=groups, sgd=wsol.TrainingOptions(), **self.functions)

    def step(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        yield F.cross_entropy(self.head(batch.images.mean((2, 3))), batch.targets)

    def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
        return images.mean(1)


def run(method: wsol.Method) -> TrainLoader:
    labels = np.arange(COUNT) % 2
    data = TrainData([f"{i}" for i in range(COUNT)], labels, Decoded(), 2, SIDE, "f")  # type: ignore[arg-type]
    loader = TrainLoader(data, method.image_mean, method.image_std, torch.device("cpu"))
    train(method, loader, TrainConfig("k", 0, torch.device("cpu")))
    return loader


HARMS: dict[str, tuple[Harm, str]] = {
    "labels": (lambda b: b.labels.zero_(), "writes to the labels of the batch"),
    "labels through NumPy": (lambda b: b.labels.numpy().fill(1), "writes to the labels of the batch"),
    "targets": (lambda b: b.targets.mul_(2), "writes to the targets of the batch"),
    "images": (lambda b: b.images.zero_(), "writes to the images of the batch"),
    "index": (lambda b: b.index.zero_(), "writes to the index of the batch"),
    "index through NumPy": (lambda b: b.index.numpy().fill(1), "writes to the index of the batch"),
    "field": (lambda b: setattr(b, "labels", None), "cannot assign to field 'labels'"),
    "torch's generator": (lambda b: torch.rand(1), "draws from a global random generator"),
    "NumPy's generator": (lambda b: np.random.rand(), "draws from a global random generator"),
    "Python's generator": (lambda b: random.random(), "draws from a global random generator"),
    "NumPy's errors": (lambda b: np.seterr(all="raise"), "changes the process (NumPy's error handling"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_an_augmentation_that_breaks_its_contract_is_named(harm: str) -> None:
    change, message = HARMS[harm]
    errors = np.geterr()
    try:
        with pytest.raises(wsol.RunError) as caught:
            run(Linear([Harmful(change)]))
    finally:
        np.seterr(**errors)
    assert "augmentation 'harmful' " in str(caught.value)
    assert message in str(caught.value)


def corrupt(labels: Tensor) -> None:
    labels[0] = 1 - labels[0]


def sampled(labels: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    corrupt(labels)
    return wsol.shuffled(labels, batch_size, generator)


@pytest.mark.parametrize(
    "functions",
    [
        {"sampler": sampled},
        {"prepare": lambda view: corrupt(view.labels)},
        {"prepare": lambda view: view.labels.numpy().fill(1)},
        {"score": lambda view: corrupt(view.labels) or 1.0},
    ],
    ids=["sampler", "prepare", "prepare through NumPy", "score"],
)
def test_a_method_that_changes_the_labels_of_the_split_is_named(functions: Any) -> None:
    with pytest.raises(wsol.RunError, match="method 'linear' changes the labels of the training split"):
        run(Linear([], **functions))


def test_the_labels_of_the_data_set_are_not_those_of_the_loader() -> None:
    loader = run(Linear([]))
    corrupt(loader.labels)
    with pytest.raises(wsol.RunError, match="method 'linear'"):
        loader.check_labels("method 'linear'")


def test_the_parts_of_a_method_cannot_be_replaced() -> None:
    method = Linear([])
    with pytest.raises(FrozenInstanceError):
        method.parts.schedule = wsol.Schedule(100, 100)  # type: ignore[misc]


@pytest.mark.parametrize("name", load_plugins().names("augmentations"))
def test_every_first_party_augmentation_keeps_its_contract(name: str) -> None:
    augmentation = load_plugins().create("augmentations", name)
    boxes = torch.tensor([[0.1, 0.1, 0.6, 0.8]]).repeat(4, 1)
    labels = torch.arange(4) % 2
    batch = wsol.Batch(torch.rand(4, 3, 16, 16), labels, F.one_hot(labels, 2).float(), torch.arange(4), boxes)
    for _ in range(20):
        augment(augmentation, batch, torch.Generator().manual_seed(0), strict=True)
    for own in (wsol.RandomCrop(8), wsol.HorizontalFlip()):
        augment(own, batch, torch.Generator().manual_seed(0), strict=True)


def test_a_method_that_changes_the_process_is_named() -> None:
    def step(batch: wsol.Batch) -> Iterator[wsol.Loss]:
        np.seterr(all="raise")
        yield from Linear.step(method, batch)

    method, errors = Linear([]), np.geterr()
    method.step = step  # type: ignore[method-assign]
    try:
        with pytest.raises(wsol.RunError, match=r"^method 'linear' changes the process \(NumPy's error handling"):
            run(method)
    finally:
        np.seterr(**errors)
