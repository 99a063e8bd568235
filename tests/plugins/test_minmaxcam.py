"""MinMaxCAM: its losses against direct versions, its gradients against numerical ones, its steps through the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wsol
from wsol.data.views import TrainData
from wsol.options import build_options
from wsol.plugins import load_plugins
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader
from wsol.training.seeds import seed_everything
from wsol_cam.pooling import GAP
from wsol_minmaxcam.losses import common_region, full_region, localization_map
from wsol_minmaxcam.method import MinMaxCAM
from wsol_minmaxcam.sampler import set_sampler

CPU = torch.device("cpu")
COUNT, CLASSES, SIDE, CROP, SET = 24, 3, 36, 32, 4


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data() -> TrainData:
    """Noise with a square of the class's colour."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 90, (COUNT, 3, SIDE, SIDE)), np.arange(COUNT) % CLASSES
    for i, (y, x) in enumerate(rng.integers(2, 18, (COUNT, 2))):
        images[i, labels[i], y : y + 16, x : x + 16] += 160
    return TrainData([str(i) for i in range(COUNT)], labels, images.astype(np.uint8), CLASSES, CROP, "minmax")


def build(epochs: int = 2, backbone: str = "tiny", **values: Any) -> Any:
    seed_everything(1, "init")
    options = {"lr": 0.01, "new_lr_multiplier": 3, "set_size": SET, **values}
    network = load_plugins().create("backbones", backbone, {"pretrained": False})
    parts = wsol.Parts(CLASSES, wsol.Schedule(epochs, 100, 2 * SET), CROP, network, GAP())
    return MinMaxCAM(build_options(MinMaxCAM.Options, options, "minmaxcam"), parts)


def loader(data: TrainData, method: wsol.Method) -> TrainLoader:
    return TrainLoader(data, method.image_mean, method.image_std, CPU)


def sets(data: TrainData, method: wsol.Method) -> wsol.Batch:
    """A batch of two sets."""
    rows = torch.tensor([i for c in (2, 0) for i in range(c, COUNT, CLASSES)][: 2 * SET * 2 : 2])
    (batch,) = loader(data, method).training_batches([rows], [wsol.RandomCrop(CROP)], torch.Generator())
    assert batch.labels.tolist() == [2] * SET + [0] * SET
    return batch


def config(path: Path | None = None, **changes: Any) -> TrainConfig:
    return TrainConfig(**{"key": "k", "seed": 3, "device": CPU, "checkpoint": path, **changes})


def state_of(method: nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in method.state_dict().items() if isinstance(v, Tensor)}


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


# Losses


def test_common_region_is_equation_3() -> None:
    f = torch.randn(3, 5, 7, dtype=torch.float64)
    classes = []
    for vectors in f:
        pairs = [(vectors[i] - vectors[j]).square().sum() for i in range(5) for j in range(5)]
        classes.append(sum(pairs) / (5 * 4))
    torch.testing.assert_close(common_region(f), torch.stack(classes).mean())


def test_common_region_is_the_mean_over_unordered_pairs_times_the_channels() -> None:
    f = torch.randn(2, 4, 6, dtype=torch.float64)
    pairs = [F.mse_loss(f[n, i], f[n, j]) for n in range(2) for i in range(4) for j in range(i)]
    torch.testing.assert_close(common_region(f) / 6, torch.stack(pairs).mean())


def test_full_region_is_equation_4() -> None:
    f, fo = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    classes = [sum((f[n, i] - fo[n, i]).norm() ** 2 for i in range(5)) / 5 for n in range(3)]
    torch.testing.assert_close(full_region(f, fo), torch.stack(classes).mean())


def test_localization_map_by_hand() -> None:
    features, weights = torch.randn(3, 4, 5, 6), torch.randn(3, 4)
    found = localization_map(features, weights)
    for i in range(3):
        raw = sum(weights[i, k] * features[i, k] for k in range(4))
        torch.testing.assert_close(found[i], (raw - raw.min()) / (raw.max() - raw.min()))


def test_a_constant_map_is_zero_with_a_finite_gradient() -> None:
    weights = torch.randn(1, 4, requires_grad=True)
    found = localization_map(torch.ones(1, 4, 3, 3), weights)
    assert torch.equal(found, torch.zeros(1, 3, 3))
    found.sum().backward()
    assert weights.grad is not None
    assert weights.grad.isfinite().all()


def test_half_precision_features_give_a_map_with_all_its_levels() -> None:
    features, weights = torch.randn(1, 16, 30, 30), torch.randn(1, 16)
    half = localization_map(features.bfloat16(), weights.bfloat16())
    assert half.dtype is torch.float32
    assert half.unique().numel() > 600


# The second step


def smooth() -> wsol.Features:
    """Two convolutions without kinks, as a feature extractor."""
    first, second = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 5, 3, 1, 1)
    units = {"first": nn.Sequential(first, nn.Softplus()), "second": nn.Sequential(second, nn.Tanh())}
    return wsol.Features(units, {"second": "second"}, {"second": 5})


class Total(nn.Module):
    def __init__(self, method: MinMaxCAM) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: wsol.Batch) -> Tensor:
        return sum(self.method.regularizations(batch).values())


@pytest.mark.parametrize("mask", ["inputs", "features"])
@pytest.mark.parametrize(("crr", "frr"), [(1.0, 0.0), (0.0, 1.0), (2.0, 3.0)])
def test_gradients_through_the_min_max_and_the_masked_image(mask: str, crr: float, frr: float) -> None:
    method = build(set_size=2, crr=crr, frr=frr, mask=mask, scale="paper")
    torch.manual_seed(0)
    method.classifier = wsol.Classifier(smooth(), GAP(), CLASSES)
    total = Total(method).double()
    labels = torch.tensor([1, 1, 2, 2])
    batch = wsol.Batch(torch.randn(4, 3, 8, 8).double(), labels, F.one_hot(labels).double(), torch.arange(4))

    def loss(weight: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(total, {"method.classifier.head.weight": weight}, (batch,))
        return found

    weight = torch.randn(CLASSES, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (weight,), atol=1e-7)
    (gradient,) = torch.autograd.grad(loss(weight), weight)
    assert gradient[0].abs().max() == 0  # no image has this label
    assert gradient[1:].abs().min() > 0


@pytest.mark.parametrize("mask", ["inputs", "features"])
def test_regularizations_by_hand(data: TrainData, mask: str) -> None:
    method = build(crr=2.0, frr=5.0, mask=mask)
    batch = sets(data, method)
    found = method.regularizations(batch)
    network = method.classifier.eval()
    f, fo = [], []
    with torch.no_grad():
        for image, label in zip(batch.images, batch.labels, strict=True):
            features = network.features(image[None])
            raw = (network.head.weight[label][:, None, None] * features[0]).sum(0)
            region = ((raw - raw.min()) / (raw.max() - raw.min()))[None, None]
            if mask == "inputs":
                features = network.features(image * F.interpolate(region, (CROP, CROP), mode="bilinear"))
                f.append(features.mean((2, 3))[0])
            else:
                f.append((features * region).mean((2, 3))[0])
            fo.append(network.features(image[None]).mean((2, 3))[0])
    pairs = [F.mse_loss(f[n + i], f[n + j]) for n in (0, SET) for i in range(SET) for j in range(i)]
    torch.testing.assert_close(found["crr"], 2 * torch.stack(pairs).mean())
    torch.testing.assert_close(found["frr"], 5 * F.mse_loss(torch.stack(f), torch.stack(fo)))
    paper = build(crr=2.0, frr=5.0, mask=mask, scale="paper").regularizations(batch)
    for name in found:
        torch.testing.assert_close(paper[name], 96 * found[name])


def test_the_second_step_changes_no_modes_or_frozen_parameters(data: TrainData) -> None:
    method = build()
    fixed = method.classifier.features.units["conv1_1"][0].weight
    fixed.requires_grad_(False)
    statistics = {k: v.clone() for k, v in method.named_buffers()}
    for training in (True, False):
        method.train(training)
        method.regularizations(sets(data, method))
        assert {m.training for m in method.classifier.modules()} == {training}
        assert [k for k, p in method.named_parameters() if not p.requires_grad] == [
            "classifier.features.units.conv1_1.0.weight"
        ]
    assert_equal(statistics, dict(method.named_buffers()))


def steps(method: Any, data: TrainData) -> list[dict[str, Tensor]]:
    """The state before, and after each optimizer step of one batch, with the engine's own order of things."""
    states, step = [state_of(method)], method.step

    def spy(batch: wsol.Batch) -> Any:
        for losses in step(batch):
            yield losses
            states.append(state_of(method))

    method.step = spy
    rows = torch.arange(0, COUNT, CLASSES)[:SET]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wsol_minmaxcam.method.set_sampler", lambda size: lambda labels, batch, generator: [rows])
        train(method, loader(data, method), config())
    return states


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {k for k in after if not torch.equal(before[k], after[k])}


def test_the_first_step_moves_everything_and_the_second_the_linear_weights(data: TrainData) -> None:
    method = build(epochs=1)
    before, classified, regularized = steps(method, data)
    assert moved(before, classified) == set(before)
    assert moved(classified, regularized) == {"classifier.head.weight"}


def test_with_old_gradients_momentum_moves_frozen_layers_but_no_statistics(data: TrainData) -> None:
    method = build(epochs=1, old_zero_grad=True)
    _, classified, regularized = steps(method, data)
    assert moved(classified, regularized) == {k for k, _ in method.named_parameters()}


@pytest.mark.parametrize("old_zero_grad", [False, True])
def test_what_the_second_step_does_to_each_parameter_by_hand(data: TrainData, old_zero_grad: bool) -> None:
    """Nesterov momentum as torch.optim.SGD documents it: with gradients of 0, decay and momentum still apply."""
    method = build(epochs=1, old_zero_grad=old_zero_grad)
    name_of = {id(p): name for name, p in method.named_parameters()}
    lr_of = {name_of[id(p)]: 0.01 * g.lr_multiplier for g in method.parameter_groups() for p in g.parameters}
    start, classified, regularized = steps(method, data)
    assert set(lr_of.values()) == {0.01, 0.03}
    for name in set(lr_of) - {"classifier.head.weight"}:
        expected = classified[name]
        if old_zero_grad:
            first = (start[name] - classified[name]) / (1.9 * lr_of[name])  # the buffer: gradient and decay
            decay = 5e-4 * classified[name]
            expected = classified[name] - lr_of[name] * (decay + 0.9 * (0.9 * first + decay))
        torch.testing.assert_close(regularized[name], expected, atol=1e-6, rtol=0)


def test_without_regularizations_there_is_one_step(data: TrainData) -> None:
    assert len(steps(build(epochs=1, crr=0, frr=0), data)) == 2


def test_frr_enlarges_and_crr_shrinks_what_is_covered(data: TrainData) -> None:
    """As in the paper: they 'minimize' and 'maximize' the activations of the map."""
    covered = {}
    for name, weights in {"crr": {"crr": 1, "frr": 0}, "frr": {"crr": 0, "frr": 1}}.items():
        method = build(scale="paper", **weights).eval()
        batch, head = sets(data, method), method.classifier.head.weight
        for _ in range(20):
            (gradient,) = torch.autograd.grad(sum(method.regularizations(batch).values()), head)
            with torch.no_grad():
                head -= 0.003 * gradient / gradient.norm()
        with torch.no_grad():
            features = method.classifier.features(batch.images)
            covered[name] = float(localization_map(features, head[batch.labels]).mean())
    with torch.no_grad():
        start = build().classifier.eval()
        untrained = localization_map(start.features(batch.images), start.head.weight[batch.labels]).mean()
    assert covered["crr"] < untrained < covered["frr"]


# Sampler


def test_batches_are_sets_of_one_class_each() -> None:
    labels = torch.tensor([0] * 7 + [3] * 6 + [1] * 9 + [2] * 5)[torch.randperm(27)]
    seen = set()
    for epoch in range(40):
        batches = list(set_sampler(4)(labels, 9, torch.Generator().manual_seed(epoch)))
        assert len(batches) == 27 // 8
        for rows in batches:
            assert rows.unique().numel() == 8
            of_set = labels[rows].reshape(2, 4)
            assert (of_set == of_set[:, :1]).all()
            assert of_set[0, 0] != of_set[1, 0]
            seen.update(rows.tolist())
    assert seen == set(range(27))


def test_draws_follow_from_the_generator() -> None:
    labels = torch.arange(40) % 4
    first, again, other = (
        torch.stack(list(set_sampler(5)(labels, 10, torch.Generator().manual_seed(seed)))) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_has_no_more_sets_than_there_are_classes() -> None:
    (rows,) = set_sampler(5)(torch.arange(10) % 2, 60, torch.Generator())
    assert sorted(rows.tolist()) == list(range(10))


@pytest.mark.parametrize(
    ("labels", "batch_size", "message"),
    [
        ([0, 0, 0, 1, 1], 6, "class 1 has 2 training images, a set needs 3"),
        ([0, 0, 0, 1, 1, 1], 2, "sets of 3 images do not fit into a batch of 2"),
    ],
)
def test_too_few_images_are_an_error_with_a_hint(labels: list[int], batch_size: int, message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        next(iter(set_sampler(3)(torch.tensor(labels), batch_size, torch.Generator())))


# Training


@pytest.mark.parametrize("mask", ["inputs", "features"])
def test_two_epochs_lower_the_loss_and_leave_finite_maps(data: TrainData, mask: str) -> None:
    method = build(mask=mask)
    first, last = (log.losses for log in train(method, loader(data, method), config()).history)
    assert set(first) == {"class", "crr", "frr"}
    assert last["class"] < first["class"]
    assert sum(last.values()) < sum(first.values())
    (batch,) = loader(data, method).batches(batch_size=COUNT)
    with torch.no_grad():
        maps = method.localize(batch.images, batch.labels, load_plugins().create("extractors", "cam"))
        logits = method.classify(batch.images)
    assert maps.shape == (COUNT, 4, 4)
    assert maps.isfinite().all()
    assert (maps.amax((1, 2)) > maps.amin((1, 2))).all()
    assert logits.shape == (COUNT, CLASSES)


@pytest.mark.parametrize("old_zero_grad", [False, True])
def test_resuming_equals_an_uninterrupted_run(data: TrainData, tmp_path: Path, old_zero_grad: bool) -> None:
    whole = build(3, old_zero_grad=old_zero_grad)
    history = train(whole, loader(data, whole), config()).history
    for after in (1, 2):
        path = tmp_path / f"{after}.pt"

        def stop(log: Any, done: int, after: int = after) -> None:
            if done == after:
                raise KeyboardInterrupt

        stopped, resumed = build(3, old_zero_grad=old_zero_grad), build(3, old_zero_grad=old_zero_grad)
        with pytest.raises(KeyboardInterrupt):
            train(stopped, loader(data, stopped), config(path, on_epoch=stop))
        torch.rand(5)
        state = train(resumed, loader(data, resumed), config(path))
        assert [log.losses for log in state.history] == [log.losses for log in history]
        assert_equal(state_of(resumed), state_of(whole))
