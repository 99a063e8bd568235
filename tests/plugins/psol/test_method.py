"""PSOL through the engine: which parameters change in each phase, resuming, and that it learns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wsol
from wsol.data.views import TrainData
from wsol.options import build_options
from wsol.plugins import load_plugins
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader
from wsol.training.seeds import seed_everything
from wsol_cam.pooling import GAP
from wsol_psol.boxes import to_xywh
from wsol_psol.colocalize import DDT
from wsol_psol.ddt import CoLocalizer, DDTOptions
from wsol_psol.method import PSOL
from wsol_psol.regressor import HIDDEN

CPU = torch.device("cpu")
COUNT, CLASSES, SIDE, CROP = 24, 2, 36, 32


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def rectangles() -> np.ndarray[Any, Any]:
    """int64 [N, 4] corners in pixels, of all sizes and places."""
    rng = np.random.default_rng(5)
    corner, sides = rng.integers(2, 14, (COUNT, 2)), rng.integers(10, 20, (COUNT, 2))
    return np.concatenate([corner, corner + sides], axis=1)


@pytest.fixture(scope="module")
def data() -> TrainData:
    """Dark noise with a rectangle of the class's colour."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (COUNT, 3, SIDE, SIDE))
    for i, (x0, y0, x1, y1) in enumerate(rectangles()):
        images[i, i % CLASSES, y0:y1, x0:x1] += 200
    labels = np.arange(COUNT) % CLASSES
    return TrainData([f"image {i}" for i in range(COUNT)], labels, images.astype(np.uint8), CLASSES, CROP, "psol")


def build(component: type[wsol.Method] = PSOL, epochs: int = 2, batch_size: int = 8, **values: Any) -> Any:
    seed_everything(1, "init")
    psol = {"lr": 0.02, "lr_batch": None, "ddt": {"size": CROP}}
    values = {**psol, **values} if component is PSOL else values
    backbone = load_plugins().create("backbones", "tiny", {"stride": 4})
    parts = wsol.Parts(CLASSES, wsol.Schedule(epochs, 2, batch_size), CROP, backbone, GAP())
    return component(load_plugins().options("methods", component.name, values), parts)


def loader(data: TrainData) -> TrainLoader:
    return TrainLoader(data, (0.5,) * 3, (0.25,) * 3, CPU)


def config(path: Path | None = None, **changes: Any) -> TrainConfig:
    return TrainConfig(**{"key": "k", "seed": 3, "device": CPU, "checkpoint": path, **changes})


def state_of(method: wsol.Method) -> dict[str, Tensor]:
    state = {k: v.clone() for k, v in method.state_dict().items() if isinstance(v, Tensor)}
    boxes = getattr(method, "boxes", None)
    return state if boxes is None else {**state, "boxes": boxes.clone()}


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Names of changed parameters, up to the second dot."""
    return {".".join(k.split(".")[:2]) for k in after if k not in before or not torch.equal(before[k], after[k])}


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def snapshots(method: wsol.Method, data: TrainData) -> list[tuple[str, dict[str, Tensor]]]:
    """The state before training, and after each epoch with the name of its phase."""
    seen = [("", state_of(method))]
    train(method, loader(data), config(on_epoch=lambda log, done: seen.append((log.phase, state_of(method)))))
    return seen


# Phases


def test_separate_phases_move_one_network_each(data: TrainData) -> None:
    method = build()
    seen = snapshots(method, data)
    assert [phase for phase, _ in seen] == ["", "classify", "classify", "regress", "regress"]
    states = [state for _, state in seen]
    for before, after in itertools.pairwise(states[:3]):
        assert moved(before, after) == {"classifier.features", "classifier.head"}
    assert moved(states[2], states[3]) == {"regressor.features", "regressor.head", "boxes"}
    assert moved(states[3], states[4]) == {"regressor.features", "regressor.head"}
    assert_equal(states[4], state_of(method))


def test_every_trainable_tensor_of_a_phase_moves(data: TrainData) -> None:
    method = build(epochs=1)
    before, after = (snapshots(method, data)[i][1] for i in (0, -1))
    assert [name for name, _ in method.named_parameters() if torch.equal(before[name], after[name])] == []


def test_joint_is_one_network_with_two_heads(data: TrainData) -> None:
    method = build(variant="joint")
    seen = snapshots(method, data)
    assert [phase for phase, _ in seen] == ["", "joint", "joint"]
    everything = {"classifier.features", "classifier.head", "regressor.features", "regressor.head"}
    assert moved(seen[1][1], seen[2][1]) == everything
    for name, value in method.classifier.features.state_dict().items():
        assert torch.equal(value, method.regressor.features.state_dict()[name])
    single, separate = (sum(p.numel() for p in m.parameters()) for m in (method, build()))
    trunk = sum(p.numel() for p in method.regressor.features.parameters())
    assert separate - single == trunk


@pytest.mark.parametrize(("variant", "boxes"), [("separate", "ddt"), ("separate", "cam"), ("joint", "ddt")])
def test_resuming_in_the_middle_of_each_phase_equals_an_uninterrupted_run(
    data: TrainData, tmp_path: Path, variant: str, boxes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build(variant=variant, boxes=boxes)
    history = train(whole, loader(data), config()).history
    for after in range(1, len(history) + 1):
        path = tmp_path / f"{after}.pt"

        def stop(log: Any, done: int, after: int = after) -> None:
            if done == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(build(variant=variant, boxes=boxes), loader(data), config(path, on_epoch=stop))
        torch.rand(5)
        resumed = build(variant=variant, boxes=boxes)
        state = train(resumed, loader(data), config(path))
        assert_equal(state_of(resumed), state_of(whole))
        assert [log.losses for log in state.history] == [log.losses for log in history]
    # boxes come from the checkpoint: a run that is done computes none
    monkeypatch.setattr(PSOL, "compute_boxes", lambda self, train: pytest.fail("computed again"))
    again = build(variant=variant, boxes=boxes)
    train(again, loader(data), config(path))
    assert_equal(state_of(again), state_of(whole))


def test_ddt_resumes_with_its_statistics(data: TrainData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.pt"
    whole = build(DDT, size=CROP)
    train(whole, loader(data), config(path))
    assert whole.locator.component.norm(dim=1).tolist() == pytest.approx([1, 1])
    monkeypatch.setattr(type(whole.locator), "fit", lambda self, train: pytest.fail("computed again"))
    resumed = build(DDT, size=CROP)
    train(resumed, loader(data), config(path))
    assert_equal(state_of(resumed), state_of(whole))
    assert sum(p.requires_grad for p in whole.parameters()) > 0  # trains nothing though it could


# Optimisation


def phases(method: PSOL, data: TrainData) -> dict[str, wsol.Phase]:
    return {phase.name: phase for phase in method.phases(loader(data))}


@pytest.mark.parametrize(("lr_batch", "lr"), [(256, 0.02 * 8 / 256), (None, 0.02)])
def test_the_rate_scales_with_the_batch_and_stays_for_boxes_only(
    data: TrainData, lr_batch: int | None, lr: float
) -> None:
    history = train(build(epochs=3, lr_batch=lr_batch), loader(data), config()).history
    assert [log.lr for log in history] == pytest.approx([lr, lr / 10, lr / 10, lr, lr, lr])
    joint = train(build(epochs=3, lr_batch=lr_batch, variant="joint"), loader(data), config()).history
    assert [log.lr for log in joint] == pytest.approx([lr, lr / 10, lr / 10])


@pytest.mark.parametrize("variant", ["separate", "joint"])
def test_new_layers_learn_twice_as_fast(data: TrainData, variant: str) -> None:
    method = build(variant=variant)
    groups = phases(method, data)["regress" if variant == "separate" else "joint"].groups
    assert [group.lr_multiplier for group in groups] == [1.0, 2.0]
    heads = [method.regressor.head, *([method.classifier.head] if variant == "joint" else [])]
    new = {id(p) for head in heads for p in head.parameters()}
    assert {id(p) for p in groups[1].parameters} == new
    assert {id(p) for p in groups[0].parameters} == {id(p) for p in method.regressor.features.parameters()}


def test_losses_by_hand(data: TrainData) -> None:
    (batch,) = loader(data).training_batches([torch.arange(4)], [wsol.RandomCrop(CROP)], torch.Generator(), None)
    batch = batch.replace(boxes=torch.tensor([[0.1, 0.2, 0.5, 0.9]]).repeat(4, 1))
    target = torch.tensor([0.1, 0.2, 0.4, 0.7])
    method = build(box_weight=10.0).eval()
    predicted = method.regressor(batch.images)
    (losses,) = list(method.regress(batch))
    torch.testing.assert_close(losses["box"], 10 * ((predicted - target) ** 2).sum() / 16)
    joint = build(variant="joint").eval()
    (losses,) = list(joint.joint_step(batch))
    box = ((joint.regressor(batch.images) - to_xywh(batch.boxes)) ** 2).mean()
    torch.testing.assert_close(losses["box"], 50 * box)
    torch.testing.assert_close(
        losses["class"], torch.nn.functional.cross_entropy(joint.classifier(batch.images), batch.labels)
    )


def test_the_head_is_two_layers_and_a_sigmoid() -> None:
    first, relu, second, sigmoid = build().regressor.head
    assert (first.in_features, first.out_features, second.in_features, second.out_features) == (96, HIDDEN, HIDDEN, 4)
    assert isinstance(relu, torch.nn.ReLU)
    assert isinstance(sigmoid, torch.nn.Sigmoid)


# Boxes


def test_pseudo_boxes_from_a_file_reach_the_regressor_with_their_images(data: TrainData, tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    truth = rectangles() / SIDE
    wsol.write_box_csv(path, reversed([(data.ids[i], truth[i].tolist()) for i in range(COUNT)]), "shares")
    method = build(boxes=str(path), classifier_epochs=0, epochs=1)
    train(method, loader(data), config())
    torch.testing.assert_close(method.boxes, torch.tensor(truth, dtype=torch.float32), atol=1e-6, rtol=0)


def test_pseudo_boxes_are_those_of_ddt_on_a_fresh_backbone(data: TrainData) -> None:
    method = build(classifier_epochs=0, epochs=0)
    train(method, loader(data), config())
    seed_everything(3, 1, "prepare")  # the second phase's: a fresh backbone without weights is a random one
    with torch.no_grad():
        expected = build_again(method).fit(loader(data))
    assert torch.equal(method.boxes, expected)
    assert not (expected == torch.tensor([0.0, 0, 1, 1])).all()
    assert not any("locator" in name for name, _ in method.named_modules())


def build_again(method: PSOL) -> CoLocalizer:
    assert method.parts.backbone is not None
    return CoLocalizer(method.parts.backbone.build(), CLASSES, CROP, DDTOptions(size=CROP)).eval()


def test_boxes_may_come_from_another_backbone(data: TrainData, monkeypatch: pytest.MonkeyPatch) -> None:
    method = build(classifier_epochs=0, epochs=0, ddt_backbone="resnet18")
    monkeypatch.setattr("wsol.networks.load_pretrained", lambda network, *args: None)
    assert method.build_locator().component.shape == (CLASSES, 512)
    assert method.regressor.features.out_channels == 96


def iou(a: Tensor, b: Any) -> Any:
    a, b = a.numpy(), np.asarray(b)
    shared = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(1)
    return shared / ((a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared)


def test_it_learns_to_localize_and_to_classify(data: TrainData, tmp_path: Path) -> None:
    """With true boxes instead of pseudo ones, so that what is tested is the regressor: better than any fixed box."""
    path = tmp_path / "boxes.csv"
    truth = rectangles() / SIDE
    wsol.write_box_csv(path, zip(data.ids, truth.tolist(), strict=True), "shares")
    method = build(boxes=str(path), epochs=30, classifier_epochs=3)
    history = train(method, loader(data), config()).history
    regression = [log.losses["box"] for log in history if log.phase == "regress"]
    assert regression[-1] < 0.25 * regression[0]
    (batch,) = loader(data).batches(batch_size=COUNT)
    with torch.no_grad():
        boxes = method.localize(batch.images, batch.labels, None)
        logits = method.classify(batch.images)
    fixed = truth.mean(axis=0, keepdims=True).repeat(COUNT, axis=0)
    assert iou(boxes, truth).mean() > iou(torch.tensor(fixed), truth).mean() + 0.1
    assert float((logits.argmax(1) == batch.labels).double().mean()) == 1.0


def test_localizing_needs_no_label_and_gives_boxes_inside_the_image(data: TrainData) -> None:
    method = build().eval()
    torch.nn.init.constant_(method.regressor.head[2].bias, 3.0)
    images = torch.randn(5, 3, CROP, CROP)
    with torch.no_grad():
        boxes = method.localize(images, torch.zeros(5).long(), None)
        other = method.localize(images, torch.ones(5).long(), None)
    assert torch.equal(boxes, other)
    assert float(boxes.min()) >= 0
    assert float(boxes.max()) == 1.0
    assert (boxes[:, 2:] > boxes[:, :2]).all()


# Classes


def test_classification_by_one_crop_by_ten_or_not_at_all() -> None:
    images = torch.randn(2, 3, CROP, CROP)
    with torch.no_grad():
        single, ten = (build(ten_crop=ten).eval() for ten in (False, True))
        torch.testing.assert_close(single.classify(images), single.classifier(images))
        assert not torch.allclose(ten.classify(images), single.classify(images).log_softmax(1))
        torch.testing.assert_close(ten.classify(images).exp().sum(1), torch.ones(2))
        assert build(classifier_epochs=0).eval().classify(images) is None
        assert build(classifier_epochs=0, variant="joint").eval().classify(images) is not None


def test_networks_end_at_the_stage_of_the_option() -> None:
    method = build(stage="conv2")
    for network in (method.classifier, method.regressor):
        assert list(network.features.stages) == ["conv1", "conv2"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"boxes": "dtt"}, "ddt, cam, or a file whose name ends with .csv"),
        ({"boxes": "cam", "variant": "joint"}, "need a separate classifier"),
        ({"boxes": "cam", "classifier_epochs": 0}, "need a separate classifier"),
        ({"ddt": {"sgin": "peak"}}, "unknown key 'ddt.sgin'"),
        ({"ddt_backbone": "vgg61", "variant": "joint"}, "unknown backbone 'vgg61'; did you mean 'vgg16'"),
    ],
)
def test_mistakes_are_found_before_training(values: dict[str, Any], message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        build(**values)


def test_images_are_read_in_their_phase_only(data: TrainData) -> None:
    """The phases are lazy: nothing is computed before the engine starts a phase."""
    method = build()

    class Blind(TrainLoader):
        def batches(self, *args: Any, **values: Any) -> Iterator[wsol.Batch]:
            pytest.fail("images were read")

    names = [phase.name for phase in method.phases(Blind(data, (0.5,) * 3, (0.25,) * 3, CPU))]
    assert names == ["classify", "boxes", "regress"]


@pytest.mark.parametrize(
    ("backbone", "stage", "classes", "variant", "published"),
    [
        ("resnet50", None, 1000, "separate", 50.12),
        ("resnet50", None, 1000, "joint", 26.61),
        ("densenet161", None, 1000, "separate", 56.29),
        ("densenet161", None, 1000, "joint", 29.81),
        ("vgg16", "conv5", 200, "joint", 15.08),
    ],
)
def test_networks_have_the_published_number_of_parameters(
    backbone: str, stage: str | None, classes: int, variant: str, published: float
) -> None:
    """Table 2, in millions; they imply that the box head of the joint network has two layers as well."""
    with torch.device("meta"):
        trunk = load_plugins().create("backbones", backbone, {"pretrained": False})
        parts = wsol.Parts(classes, wsol.Schedule(1, 1), 224, trunk, GAP())
        method = PSOL(build_options(PSOL.Options, {"variant": variant, "stage": stage}, "psol"), parts)
    assert round(sum(p.numel() for p in method.parameters()) / 1e6, 2) == published
