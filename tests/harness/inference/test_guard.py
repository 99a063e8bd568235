"""An extractor or method that changes what other components use ends the run; the message names it."""

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
from torch import Tensor, nn

import wsol
from wsol.data.views import SplitImages
from wsol.evaluation.predictions.store import ScoreStore
from wsol.inference.predict import predict
from wsol.plugins import load_plugins
from wsol.process_state import process_state

SIDE, COUNT = 8, 5
Harm = Callable[[wsol.Classifier, Tensor, Tensor], Any]


class Small(wsol.Backbone):
    """A convolution, batch norm and dropout."""

    name = "small"

    class Options(wsol.BackboneOptions):
        """Options."""

        pretrained: bool = wsol.option(False, "there are no weights")

    def build(self) -> wsol.Features:
        units = {"conv": nn.Conv2d(3, 4, 3, padding=1), "norm": nn.BatchNorm2d(4), "drop": nn.Dropout(0.5)}
        return wsol.Features(units, {"last": "drop"}, {"last": 4})


class Mean(wsol.Pooling):
    """The mean."""

    name = "mean"

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


class Plain(wsol.ClassifierMethod):
    """A classifier."""

    name = "plain"


class Harmful(wsol.Extractor):
    """The first channel, after some harm."""

    name = "harmful"

    def __init__(self, harm: Harm, first: int = 0) -> None:
        super().__init__()
        self.harm = harm
        self.calls = -first

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        if self.calls >= 0:
            self.harm(classifier, images, labels)
        self.calls += 1
        return classifier.features(images)[:, 0]


@pytest.fixture
def method() -> wsol.Method:
    torch.manual_seed(0)
    parts = wsol.Parts(2, wsol.Schedule(1, 1), SIDE, Small(), Mean())
    return Plain(wsol.TrainingOptions(), parts)


@pytest.fixture(autouse=True)
def _state() -> Iterator[None]:
    """Give the process its state back, which harmful extractors change."""
    folder, threads, errors = os.getcwd(), cv2.getNumThreads(), np.geterr()
    yield
    os.chdir(folder)
    cv2.setNumThreads(threads)
    np.seterr(**errors)
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(False)
    torch.set_grad_enabled(True)
    nn.modules.module._global_forward_hooks.clear()


def run(method: wsol.Method, extractor: wsol.Extractor | None, path: Path, **options: Any) -> ScoreStore:
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 3, SIDE, SIDE)).astype(np.uint8)
    data = SplitImages([f"{i}" for i in range(COUNT)], np.arange(COUNT) % 2, pixels)  # type: ignore[arg-type]
    predict(method, data, path, torch.device("cpu"), extractor=extractor, batch_size=2, **options)
    return ScoreStore.open(path)


def replace_head(classifier: wsol.Classifier, *_: Tensor) -> None:
    classifier.head = nn.Linear(4, 2)


def patch_forward(classifier: wsol.Classifier, *_: Tensor) -> None:
    classifier.pooling.forward = lambda features: features.amax(dim=(2, 3))  # type: ignore[method-assign]


def leave_gradient(classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> None:
    with torch.enable_grad():
        classifier(images).sum().backward()


def new_parameter(classifier: wsol.Classifier, *_: Tensor) -> None:
    classifier.head.weight = nn.Parameter(classifier.head.weight.clone())


HARMS: dict[str, tuple[Harm, str]] = {
    "training mode": (lambda c, i, n: c.train(), "training mode of ''"),
    "training mode of one layer": (lambda c, i, n: c.features.units["drop"].train(), "training mode of 'features.u"),
    "weights in place": (lambda c, i, n: c.head.weight.mul_(2), "'head.weight'"),
    "weights through data": (lambda c, i, n: c.head.weight.data.mul_(2), "head.weight'"),
    "weights through NumPy": (lambda c, i, n: c.head.weight.numpy().fill(1), "head.weight'"),
    "flipped weights": (lambda c, i, n: c.head.weight.data.copy_(c.head.weight.flip(1)), "head.weight'"),
    "statistics of batch norm": (lambda c, i, n: c.features.units["norm"].running_mean.add_(1), "running_mean'"),
    "new parameter": (new_parameter, "'head.weight'"),
    "replaced module": (replace_head, "module 'head'"),
    "patched forward": (patch_forward, "module 'pooling'"),
    "forward hook": (lambda c, i, n: c.head.register_forward_hook(lambda *a: None), "hooks of 'head'"),
    "pre-hook": (lambda c, i, n: c.pooling.register_forward_pre_hook(lambda *a: None), "hooks of 'pooling'"),
    "backward hook": (lambda c, i, n: c.head.register_full_backward_hook(lambda *a: None), "hooks of 'head'"),
    "tensor hook": (lambda c, i, n: c.head.weight.register_hook(lambda g: g), "hooks of 'head.weight'"),
    "global hook": (lambda c, i, n: nn.modules.module.register_module_forward_hook(lambda *a: None), "all modules"),
    "frozen parameters": (lambda c, i, n: c.requires_grad_(False), "'features.units.conv.weight'"),
    "gradients": (leave_gradient, "gradient of"),
    "dtype": (lambda c, i, n: c.double() and c.float(), "'features.units."),
    "rate of dropout": (lambda c, i, n: setattr(c.features.units["drop"], "p", 0.1), "attributes of"),
    "images": (lambda c, i, n: i.zero_(), "the images that it is called with"),
    "labels": (lambda c, i, n: n.zero_(), "the labels that it is called with"),
    "labels through NumPy": (lambda c, i, n: n.numpy().fill(1), "the labels that it is called with"),
    "default dtype": (lambda c, i, n: torch.set_default_dtype(torch.float64), "torch's default dtype"),
    "gradient mode": (lambda c, i, n: torch.set_grad_enabled(True), "torch's gradient mode"),
    "deterministic mode": (lambda c, i, n: torch.use_deterministic_algorithms(True), "deterministic mode"),
    "NumPy's errors": (lambda c, i, n: np.seterr(all="raise"), "NumPy's error handling"),
    "OpenCV's threads": (lambda c, i, n: cv2.setNumThreads(cv2.getNumThreads() + 1), "OpenCV's number of threads"),
    "current folder": (lambda c, i, n: os.chdir("/"), "the current folder"),
}


@pytest.mark.parametrize("first", [0, 2], ids=["first batch", "last batch"])
@pytest.mark.parametrize("harm", HARMS)
def test_an_extractor_that_changes_what_others_use_is_named(
    method: wsol.Method, harm: str, first: int, tmp_path: Path
) -> None:
    change, message = HARMS[harm]
    with pytest.raises(wsol.RunError) as caught:
        run(method, Harmful(change, first), tmp_path / "harmed.maps")
    text = str(caught.value).replace("'classifier.", "'")
    assert "extractor 'harmful' changes the " in text
    assert message in text
    assert text.startswith(("method 'plain' or ", "extractor") if first else "extractor")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "harmed.maps").exists()


@pytest.mark.parametrize("function", ["classify", "localize"])
def test_a_method_that_changes_its_network_is_named(method: wsol.Method, function: str, tmp_path: Path) -> None:
    original = getattr(method, function)

    def changing(*arguments: Any) -> Any:
        method.classifier.head.weight.add_(1)  # type: ignore[union-attr,operator]
        return original(*arguments)

    vars(method)[function] = changing
    extractor = load_plugins().create("extractors", "cam")
    with pytest.raises(wsol.RunError, match=r"method 'plain' changes the network \('classifier\.head\.weight'\)"):
        run(method, extractor, tmp_path / "v.maps")


EXTRACTORS = load_plugins().names("extractors")


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_first_party_extractor_leaves_all_as_it_was(method: wsol.Method, name: str, tmp_path: Path) -> None:
    plugins = load_plugins()
    cam = run(method, plugins.create("extractors", "cam"), tmp_path / "before.maps")
    run(method, plugins.create("extractors", name), tmp_path / "v.maps")
    again = run(method, plugins.create("extractors", "cam"), tmp_path / "after.maps")
    assert all(np.array_equal(cam.map(i), again.map(i)) for i in range(COUNT))


def test_every_pass_starts_with_the_same_random_numbers(method: wsol.Method, tmp_path: Path) -> None:
    drawn: list[tuple[float, float, float]] = []

    def draw(*_: Any) -> None:
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))

    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    run(method, Harmful(draw), tmp_path / "a.maps")
    run(method, Harmful(lambda c, i, n: (torch.manual_seed(3), draw())), tmp_path / "b.maps")
    run(method, Harmful(draw), tmp_path / "c.maps")
    assert drawn[:3] == drawn[6:]
    assert len(set(drawn[:3])) == 3
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_labels_cannot_reach_the_logits(method: wsol.Method, tmp_path: Path) -> None:
    plain = run(method, load_plugins().create("extractors", "cam"), tmp_path / "plain.maps")
    seen: list[Tensor] = []
    classify = method.classify

    def leaking(images: Tensor) -> Tensor | None:
        logits = classify(images)
        seen.append(logits)  # type: ignore[arg-type]
        return logits

    vars(method)["classify"] = leaking
    changed = run(method, Harmful(lambda c, i, n: seen[-1].zero_()), tmp_path / "changed.maps")
    assert plain.logits is not None
    assert changed.logits is not None
    assert np.array_equal(plain.logits, changed.logits)


def test_the_state_of_the_process_is_read_without_changing_it() -> None:
    assert process_state() == process_state()
