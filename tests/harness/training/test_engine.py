"""The engine: a resumed run equals an uninterrupted one, and phases run as they are described."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wsol
from wsol.data.cache import Transform, cached_images
from wsol.data.views import TrainData
from wsol.training import checkpoint
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader, normalize_images
from wsol.training.seeds import seed_everything

CPU = torch.device("cpu")
COUNT, CLASSES, SIDE, CROP = 14, 3, 10, 8


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainData:
    labels = np.arange(COUNT) % CLASSES

    def load(i: int) -> Any:
        image = np.random.default_rng(i).integers(0, 90, (SIDE, SIDE, 3))
        image[..., labels[i]] += 150  # the class is the colour
        return image.astype(np.uint8)

    images = wsol.ImageList([str(i) for i in range(COUNT)], labels, load, "engine-test")
    cached = cached_images(images, Transform(SIDE), tmp_path_factory.mktemp("cache"))
    return TrainData(images.ids, labels, cached, CLASSES, CROP, images.fingerprint)


class Net(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.2),  # draws from the global generator: resuming must restart its stream too
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, CLASSES),
        )


class Toy(wsol.Method):
    """A method for tests; ``make`` builds its phases."""

    name = "toy"
    uses = frozenset()
    Options = wsol.TrainingOptions

    def __init__(self, make: Callable[[Toy, Any], Iterator[wsol.Phase]], epochs: int = 4, decay_every: int = 2):
        super().__init__(
            wsol.TrainingOptions(lr=0.05), wsol.Parts(CLASSES, wsol.Schedule(epochs, decay_every, 4), CROP)
        )
        self.net = Net()
        self.other = nn.Linear(2, 2)
        self.register_buffer("prepared", torch.zeros(()))
        self.make = make

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        return self.make(self, train)

    def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
        return images.mean(dim=1)

    def step(self, batch: wsol.Batch) -> Iterator[Tensor]:
        yield F.cross_entropy(self.net(batch.images), batch.targets)

    def groups(self) -> list[wsol.ParameterGroup]:
        return [wsol.ParameterGroup(list(self.net.parameters()))]


def one_phase(method: Toy, train: Any) -> Iterator[wsol.Phase]:
    yield wsol.Phase("only", step=method.step, groups=method.groups(), sgd=method.options)


def two_phases(method: Toy, train: Any) -> Iterator[wsol.Phase]:
    def prepare(view: wsol.TrainView) -> None:
        method.prepared += sum(len(b.labels) for b in view.batches()) + torch.rand(())

    yield wsol.Phase("first", step=method.step, groups=method.groups(), sgd=method.options, epochs=2)
    yield wsol.Phase("compute", prepare=prepare)
    score = iter([0.3, 0.9, 0.1])
    yield wsol.Phase(
        "second",
        step=method.step,
        groups=method.groups(),
        sgd=method.options,
        epochs=3,
        score=lambda view: next(score) if not method.training else math.nan,
    )


def build(make: Any = one_phase, epochs: int = 4, decay_every: int = 2) -> Toy:
    seed_everything(0, "init")
    return Toy(make, epochs, decay_every)


def loader(data: TrainData) -> TrainLoader:
    return TrainLoader(data, (0.5,) * 3, (0.25,) * 3, CPU)


def config(path: Path | None = None, **changes: Any) -> TrainConfig:
    return TrainConfig(**{"key": "k", "seed": 3, "device": CPU, "checkpoint": path, **changes})


def weights(method: nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in method.state_dict().items()}


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def test_training_learns_and_logs(data: TrainData) -> None:
    method = build(epochs=12, decay_every=20)
    state = train(method, loader(data), config())
    losses = [log.losses["loss"] for log in state.history]
    assert len(losses) == 12
    assert losses[-1] < 0.7 * losses[0]
    assert not method.training


def test_the_same_seed_gives_the_same_weights_and_another_does_not(data: TrainData) -> None:
    runs = []
    for seed in (3, 3, 4):
        method = build()
        train(method, loader(data), config(seed=seed))
        runs.append(weights(method))
    assert_equal(runs[0], runs[1])
    assert not torch.equal(runs[0]["net.0.weight"], runs[2]["net.0.weight"])


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 2, 3, 4, 5])
def test_resuming_at_any_epoch_equals_an_uninterrupted_run(data: TrainData, tmp_path: Path, after: int) -> None:
    def make(method: Toy, view: Any) -> Iterator[wsol.Phase]:
        for phase in two_phases(method, view):
            if phase.name == "second":  # a score that a resumed run finds again
                yield wsol.Phase(**{**vars(phase), "score": lambda v: float(method.net[0].weight.sum())})
            else:
                yield phase

    whole = build(make)
    expected = train(whole, loader(data), config(tmp_path / "whole.pt"))

    def stop(log: Any, done: int) -> None:
        if done == after:
            raise Stop

    path = tmp_path / "stopped.pt"
    with pytest.raises(Stop):
        train(build(make), loader(data), config(path, on_epoch=stop))
    torch.rand(17)  # whatever the process drew before must not matter
    resumed = build(make)
    state = train(resumed, loader(data), config(path))
    assert_equal(weights(resumed), weights(whole))
    assert [log.losses for log in state.history] == [log.losses for log in expected.history]
    # a run that is done is not trained again
    again = build(make)
    train(again, loader(data), config(path, on_epoch=lambda log, done: pytest.fail("trained again")))
    assert_equal(weights(again), weights(whole))


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([math.nan, 0.3, 0.1], 1),
        ([math.inf, 0.3, 0.5], 2),
        ([-math.inf, -2.0, math.nan], 1),
        ([math.nan, math.inf, math.nan], 2),  # none is finite: the last epoch, as without a score
    ],
)
def test_an_epoch_whose_score_is_nan_or_infinite_is_never_the_best(
    data: TrainData, scores: list[float], best: int
) -> None:
    given = iter(scores)
    epochs: list[dict[str, Tensor]] = []

    def phase(method: Toy, train: Any) -> Iterator[wsol.Phase]:
        def score(view: Any) -> float:
            epochs.append(weights(method))
            return next(given)

        yield wsol.Phase("p", step=method.step, groups=method.groups(), sgd=method.options, epochs=3, score=score)

    method = build(phase)
    train(method, loader(data), config())
    assert_equal(weights(method), epochs[best])


def test_phases_run_in_order_and_the_best_epoch_is_kept(data: TrainData) -> None:
    method = build(two_phases)
    seen: list[tuple[str, int]] = []
    kept: list[dict[str, Tensor]] = []

    def watch(log: Any, done: int) -> None:
        seen.append((log.phase, log.epoch))
        kept.append(weights(method.net))

    state = train(method, loader(data), config(on_epoch=watch))
    assert seen == [("first", 1), ("first", 2), ("second", 1), ("second", 2), ("second", 3)]
    assert COUNT < float(method.prepared) < COUNT + 1
    assert_equal(weights(method.net), kept[3])  # scores .3, .9, .1: the second epoch of the second phase
    assert [log.score for log in state.history] == [None, None, 0.3, 0.9, 0.1]


def test_only_parameters_of_groups_change_each_at_its_rate(data: TrainData) -> None:
    def make(method: Toy, view: Any) -> Iterator[wsol.Phase]:
        head, body = list(method.net[6].parameters()), list(method.net[0].parameters())
        groups = [wsol.ParameterGroup(body), wsol.ParameterGroup(head, 0.0)]
        yield wsol.Phase("p", step=method.step, groups=groups, sgd=method.options, epochs=1)

    method = build(make)
    before = weights(method)
    train(method, loader(data), config())
    after = weights(method)
    moved = {k for k in before if not torch.equal(before[k], after[k])}
    assert {"net.0.weight", "net.0.bias"} <= moved
    assert not any(k.startswith(("net.6", "other")) for k in moved)


def test_the_rate_steps_at_the_start_of_every_nth_epoch(data: TrainData) -> None:
    state = train(build(epochs=5), loader(data), config())
    assert [round(log.lr, 7) for log in state.history] == [0.05, 0.005, 0.005, 0.0005, 0.0005]


def test_sgd_equals_the_textbook_formula(data: TrainData) -> None:
    """One parameter, one gradient of 1 a step: Nesterov SGD by hand."""

    class One(Toy):
        def __init__(self) -> None:
            super().__init__(one_phase, 1)
            self.w = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

        def groups(self) -> list[wsol.ParameterGroup]:
            return [wsol.ParameterGroup([self.w], 3.0)]

        def step(self, batch: wsol.Batch) -> Iterator[Tensor]:
            yield self.w * 1.0

    method = One()
    train(method, loader(data), config())
    w, velocity, sgd = 2.0, None, method.options
    for _ in range(4):  # 14 images in batches of 4, 4, 4, 2
        g = 1.0 + sgd.weight_decay * w
        velocity = g if velocity is None else sgd.momentum * velocity + g
        w -= 3 * sgd.lr * (g + sgd.momentum * velocity)
    assert float(method.w.detach()) == pytest.approx(w, rel=1e-12)


def test_a_step_may_yield_several_losses_each_an_optimizer_step(data: TrainData) -> None:
    class Two(Toy):
        def step(self, batch: wsol.Batch) -> Iterator[Any]:
            start = self.net[6].bias.detach().clone()
            yield {"ce": F.cross_entropy(self.net(batch.images), batch.targets), "zero": self.other.weight.sum() * 0}
            assert not torch.equal(start, self.net[6].bias)
            yield {"norm": self.net[6].weight.square().sum()}

    state = train(Two(one_phase, 1), loader(data), config())
    assert set(state.history[0].losses) == {"ce", "zero", "norm"}


def test_nan_ends_the_run_as_diverged(data: TrainData) -> None:
    class Bad(Toy):
        def step(self, batch: wsol.Batch) -> Iterator[Tensor]:
            yield self.net(batch.images).sum() * math.inf

    with pytest.raises(wsol.DivergedError, match="phase 'only', epoch 1"):
        train(Bad(one_phase), loader(data), config())


def test_invalid_phases_are_an_error(data: TrainData) -> None:
    def none(method: Toy, view: Any) -> Iterator[wsol.Phase]:
        yield wsol.Phase("p", step=method.step)

    def twice(method: Toy, view: Any) -> Iterator[wsol.Phase]:
        yield wsol.Phase("p", step=method.step, groups=[*method.groups(), *method.groups()])

    with pytest.raises(wsol.RunError, match="'p' has epochs to train but no parameters"):
        train(build(none), loader(data), config())
    with pytest.raises(wsol.RunError, match="in two groups"):
        train(build(twice), loader(data), config())


BROKEN = [b"", b"text", b"PK\x03\x04", None, [1], {"key": "k"}, {"phase": "x"}, {"method": 3}]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_checkpoint_begins_the_run_anew_with_a_note(data: TrainData, tmp_path: Path, content: Any) -> None:
    path = tmp_path / "c.pt"
    train(build(epochs=1), loader(data), config(path))
    whole = path.read_bytes()
    if isinstance(content, bytes) or content is None:
        path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    else:
        state = torch.load(path, weights_only=True)
        torch.save({**state, **content} if isinstance(content, dict) and "key" not in content else content, path)
    state = checkpoint.load(path, "k")
    assert (state.phase, state.epoch, state.method) == (0, 0, None)
    assert "not a readable checkpoint" in state.notes[0]
    assert "\n" not in state.notes[0]


def test_a_checkpoint_of_another_run_begins_the_run_anew_with_a_note(data: TrainData, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    train(build(epochs=1), loader(data), config(path))
    state = checkpoint.load(path, "other")
    assert state.method is None
    assert "checkpoint of another run (k, not other); begun anew" in state.notes[0]
    again = train(build(epochs=1), loader(data), config(path, key="other"))
    assert checkpoint.load(path, "other").notes == again.notes  # kept over later interruptions


def test_batches_are_augmented_the_same_for_the_same_seed(data: TrainData) -> None:
    def images(seed: int) -> Tensor:
        order = torch.arange(COUNT).split(5)
        augmentations = [wsol.RandomCrop(CROP), wsol.HorizontalFlip()]
        generator = torch.Generator().manual_seed(seed)
        return torch.cat([b.images for b in loader(data).training_batches(order, augmentations, generator)])

    assert images(1).shape == (COUNT, 3, CROP, CROP)
    assert torch.equal(images(1), images(1))
    assert not torch.equal(images(1), images(2))


def test_to_float_equals_torchvision() -> None:
    from torchvision.transforms import functional as T

    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 4), dtype=np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = torch.stack([T.normalize(torch.from_numpy(p) / 255, list(mean), list(std)) for p in pixels])
    assert torch.allclose(normalize_images(pixels, mean, std, CPU), expected, atol=1e-6)


def test_crop_and_flip_move_boxes_with_the_pixels() -> None:
    """A bright rectangle and its box: after any augmentation the box still bounds the rectangle."""
    images = torch.zeros(40, 3, 20, 20)
    images[:, :, 6:12, 8:14] = 1
    boxes = torch.tensor([[8, 6, 14, 12]]).repeat(40, 1) / 20
    batch = wsol.Batch(images, torch.zeros(40).long(), torch.zeros(40, 1), torch.arange(40), boxes)
    generator = torch.Generator().manual_seed(0)
    for augmentation in (wsol.RandomCrop(16), wsol.HorizontalFlip()):
        batch = augmentation(batch, generator)
    assert batch.boxes is not None
    for image, box in zip(batch.images, batch.boxes, strict=True):
        ys, xs = torch.nonzero(image[0], as_tuple=True)
        found = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / 16
        assert torch.allclose(found, box, atol=1e-6)
    assert len({tuple(b.tolist()) for b in batch.boxes}) > 5


def test_rows_have_the_names_of_their_images(data: TrainData) -> None:
    view: wsol.TrainView = loader(data)
    names = [view.ids[i] for batch in view.batches([5, 0, 12]) for i in batch.index]
    assert names == ["5", "0", "12"]


@pytest.mark.parametrize(("part", "article"), [("backbone", "a"), ("pooling", "a")])
def test_a_missing_part_of_a_recipe_is_named(part: str, article: str) -> None:
    parts = wsol.Parts(num_classes=2, schedule=wsol.Schedule(epochs=1, decay_every=1), crop=8)
    with pytest.raises(wsol.UsageError, match=f"method 'mine' needs {article} {part}; name one in the study"):
        parts.require(part, "mine")
