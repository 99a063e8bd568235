"""DDT: the heat map against scikit-learn's PCA on all descriptors, and the parts of streaming, signs and boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

import wsol
from wsol.options import build_options
from wsol.plugins import load_plugins
from wsol_psol.colocalize import DDT, DDTMap
from wsol_psol.ddt import CoLocalizer, DDTOptions, Moments, border_sign, peak_sign, pretrained_stage

SIDE = 12


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


class View:
    """Images in memory as a method sees them; remembers which rows were asked for together."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.ids = [str(i) for i in range(len(labels))]
        self.num_classes = int(labels.max()) + 1
        self.asked: list[list[int]] = []

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, index: Sequence[int] | None = None, batch_size: int = 32) -> Iterator[wsol.Batch]:
        rows = torch.arange(len(self)) if index is None else torch.as_tensor(index)
        self.asked.append(rows.tolist())
        for chunk in rows.split(batch_size):
            yield wsol.Batch(self.images[chunk], self.labels[chunk], torch.zeros(len(chunk), self.num_classes), chunk)


def mixing(channels: int = 6) -> wsol.Features:
    """A feature extractor that keeps places and mixes colours."""
    return wsol.Features({"mix": nn.Conv2d(3, channels, 1)}, {"mix": "mix"}, {"mix": channels})


def locator(features: wsol.Features, classes: int, **values: Any) -> CoLocalizer:
    return CoLocalizer(features, classes, SIDE, DDTOptions(**{"size": SIDE, "batch_size": 4, **values}))


def view(count: int = 15, classes: int = 2) -> View:
    labels = torch.arange(count) % classes
    return View(torch.randn(count, 3, SIDE, SIDE) + labels[:, None, None, None], labels)


@torch.no_grad()
def test_heat_maps_are_those_of_a_pca_on_all_descriptors() -> None:
    """scikit-learn's PCA of all descriptors of a class at once; signs aligned, which PCA leaves open."""
    train, found = view(), locator(mixing(), 2)
    found.fit(train)
    for label in (0, 1):
        images = train.images[train.labels == label]
        features = found.describe(images)
        descriptors = features.movedim(1, -1).reshape(-1, 6).double().numpy()
        direct = PCA(1, svd_solver="full").fit_transform(descriptors).reshape(len(images), SIDE, SIDE)
        direct *= np.sign(direct.max() + direct.min())
        heat = found.heat(images, torch.full((len(images),), label))
        np.testing.assert_allclose(heat.numpy(), direct, atol=1e-5)


def test_streaming_equals_all_at_once() -> None:
    rows = torch.randn(101, 7, dtype=torch.float64) @ torch.randn(7, 7, dtype=torch.float64) + 100
    moments = Moments(7)
    for chunk in rows.split([1, 50, 3, 47]):
        moments.add(chunk)
    expected = np.cov(rows.numpy().T, bias=True)
    np.testing.assert_allclose(moments.mean.numpy(), rows.mean(0).numpy(), rtol=1e-12)
    np.testing.assert_allclose((moments.scatter / moments.count).numpy(), expected, rtol=1e-10, atol=1e-10)
    component = moments.component().numpy()
    largest = np.linalg.eigvalsh(expected)[-1]
    np.testing.assert_allclose(expected @ component, largest * component, rtol=1e-9, atol=1e-9)
    assert np.linalg.norm(component) == pytest.approx(1)


@torch.no_grad()
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_the_size_of_batches_does_not_matter(batch_size: int) -> None:
    train, features = view(), mixing()
    one, other = locator(features, 2), locator(features, 2, batch_size=batch_size)
    boxes = one.fit(train)
    assert torch.equal(other.fit(train), boxes)
    torch.testing.assert_close(other.component, one.component)


@torch.no_grad()
def test_one_class_at_a_time_is_read() -> None:
    """Only one covariance is alive, so the rows of two classes are never read together."""
    train = view(15, 3)
    locator(mixing(), 3).fit(train)
    assert [sorted({int(train.labels[i]) for i in rows}) for rows in train.asked] == [[0], [0], [1], [1], [2], [2]]


def planted(background: float = 0.01) -> tuple[View, Tensor]:
    """Images of weak noise with a rectangle that stands out along one direction of colour; the rectangles."""
    generator = torch.Generator().manual_seed(1)
    images = background * torch.randn(16, 3, SIDE, SIDE, generator=generator)
    boxes = []
    for image in images:
        x, y, w, h = (int(torch.randint(low, high, (), generator=generator)) for low, high in [(1, 5), (1, 5)] * 2)
        image[:, y : y + h, x : x + w] += torch.tensor([1.0, -2.0, 0.5])[:, None, None]
        boxes.append([x / SIDE, y / SIDE, (x + w) / SIDE, (y + h) / SIDE])
    return View(images, torch.zeros(16, dtype=torch.int64)), torch.tensor(boxes)


@torch.no_grad()
@pytest.mark.parametrize("sign", ["peak", "border"])
def test_a_planted_component_is_found_and_boxed(sign: str) -> None:
    train, boxes = planted()
    features = mixing()
    found = locator(features, 1, sign=sign)
    torch.testing.assert_close(found.fit(train), boxes)
    direction = features.units["mix"].weight[:, :, 0, 0] @ torch.tensor([1.0, -2.0, 0.5])
    cosine = torch.nn.functional.cosine_similarity(direction, found.component[0], dim=0)
    assert float(cosine) > 0.999


@torch.no_grad()
def test_the_sign_does_not_depend_on_the_sign_of_the_eigenvector(monkeypatch: pytest.MonkeyPatch) -> None:
    train, boxes = planted()
    component = Moments.component
    for factor in (1, -1):
        monkeypatch.setattr(Moments, "component", lambda self, f=factor: f * component(self))
        torch.testing.assert_close(locator(mixing(), 1).fit(train), boxes)


def test_sign_rules_by_hand() -> None:
    maps = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 2.0, -1.0], [0.0, 0.0, 0.0]]])
    assert (peak_sign(maps), peak_sign(-maps)) == (1.0, -1.0)
    ring = torch.tensor([[[1.0, 1, 1, 1], [1, -9, -9, 1], [-1, -9, -9, -1], [-1, -1, -1, -1]]])  # 6 of 12 positive
    assert border_sign(ring) == 1.0
    ring[0, 2, 0] = 1  # 7 of 12
    assert (border_sign(ring), peak_sign(ring)) == (-1.0, -1.0)
    assert border_sign(torch.cat([ring, -ring, -ring])) == 1.0  # all images of the class vote: 7 + 5 + 5 of 36


def test_the_sign_rules_disagree_about_a_large_object_at_the_border() -> None:
    maps = torch.full((1, 4, 4), 1.0)
    maps[0, 1:3, 1:3] = -0.5
    assert (peak_sign(maps), border_sign(maps)) == (1.0, -1.0)


@torch.no_grad()
def test_the_order_of_threshold_and_upsampling() -> None:
    """On the feature map the box ends with a cell; upsampled first, it ends where the heat crosses 0."""
    maps = torch.tensor([[[-1.0, 3.0, -1.0, -1.0]] * 4])
    size = 16
    on_features = locator(mixing(), 1, size=size).boxes(maps)
    on_image = locator(mixing(), 1, size=size, threshold="image").boxes(maps)
    assert on_features.tolist() == [[0.25, 0, 0.5, 1]]
    # between the centres of two cells the heat is linear: 3 at 1.5, -1 at 0.5 and 2.5; pixels lie at (i + 0.5) / 4
    inside = [i for i in range(size) if abs((i + 0.5) / 4 - 1.5) < 0.75]
    assert on_image.tolist() == [[inside[0] / size, 0, (inside[-1] + 1) / size, 1]]


@torch.no_grad()
def test_a_class_without_images_gets_the_whole_image() -> None:
    train = view(6, 2)
    found = locator(mixing(), 4)
    found.fit(train)
    heat = found.heat(train.images, torch.full((6,), 3))
    assert not heat.any()
    assert found.boxes(heat).tolist() == [[0, 0, 1, 1]] * 6


@torch.no_grad()
def test_images_are_resized_and_pooled_as_the_options_say() -> None:
    found = CoLocalizer(mixing(), 1, SIDE, DDTOptions(pool=2))
    assert found.describe(torch.randn(2, 3, SIDE, SIDE)).shape == (2, 6, SIDE, SIDE)  # twice the input, then halved


def test_descriptors_come_from_pretrained_layers() -> None:
    conv = [nn.Conv2d(3, 3, 1) for _ in range(4)]
    units = dict(zip("abcd", conv, strict=True))
    stages, channels = {"first": "a", "second": "c", "third": "d"}, {"first": 3, "second": 3, "third": 3}
    assert pretrained_stage(wsol.Features(units, stages, channels)) == "third"
    assert pretrained_stage(wsol.Features(units, stages, channels, head_lr_units=["d"])) == "second"
    assert pretrained_stage(wsol.Features(units, stages, channels, head_lr_units=["b"])) == "first"
    with pytest.raises(wsol.UsageError, match="name one with the option 'stage'"):
        pretrained_stage(wsol.Features(units, stages, channels, head_lr_units=["a"]))


@pytest.mark.parametrize(
    ("name", "stage", "width"),
    [("vgg16", "conv5", 512), ("resnet50", "layer4", 2048), ("inception_v3", "mixed6", 768)],
)
def test_backbones_give_the_descriptors_of_their_published_part(name: str, stage: str, width: int) -> None:
    with torch.device("meta"):
        features = load_plugins().create("backbones", name, {"pretrained": False}).build()
    assert pretrained_stage(features) == stage
    assert features.channels[stage] == width


def method(component: type[DDT], **values: Any) -> DDT:
    backbone = load_plugins().create("backbones", "tiny")
    parts = wsol.Parts(2, wsol.Schedule(1, 1), 16, backbone)
    return component(build_options(component.Options, values, component.name), parts)


@torch.no_grad()
def test_the_method_localizes_test_images_with_their_class() -> None:
    train = View(torch.randn(6, 3, 16, 16), torch.tensor([0, 1] * 3))
    torch.manual_seed(3)
    boxes = method(DDT)
    torch.manual_seed(3)
    maps = method(DDTMap)
    for one in (boxes, maps):
        one.eval()
        (phase,) = one.phases(train)
        assert phase.prepare is not None
        assert phase.step is None
        phase.prepare(train)
    images, labels = torch.randn(3, 3, 16, 16), torch.tensor([0, 1, 1])
    heat = maps.localize(images, labels, None)
    assert heat.shape == (3, 4, 4)  # 32 pixels at stride 8
    torch.testing.assert_close(boxes.localize(images, labels, None), boxes.locator.boxes(heat))
    assert not torch.equal(heat, maps.localize(images, 1 - labels, None))
    restored = method(DDT)
    restored.load_state_dict(boxes.state_dict())
    assert torch.equal(restored.eval().localize(images, labels, None), boxes.localize(images, labels, None))


def test_mistakes_are_named() -> None:
    with pytest.raises(wsol.UsageError, match="'ddt' needs a backbone"):
        DDT(DDTOptions(), wsol.Parts(2, wsol.Schedule(1, 1), 16))
    with pytest.raises(wsol.UsageError, match="no unit or stage 'conv9'; did you mean"):
        method(DDT, stage="conv9")


@torch.no_grad()
def test_any_stage_or_unit_gives_descriptors() -> None:
    features = load_plugins().create("backbones", "tiny").build().eval()
    images = torch.randn(2, 3, 16, 16)
    for name in ("conv2", "conv2_1", "conv3_1"):
        found = CoLocalizer(features, 1, 16, DDTOptions(size=16, stage=name))
        torch.testing.assert_close(found.describe(images), features.run(images, until=name)[0])
        assert found.component.shape == (1, found.describe(images).shape[1])
    parameters = sum(p.numel() for p in found.parameters())
    assert parameters < sum(p.numel() for p in features.parameters())
