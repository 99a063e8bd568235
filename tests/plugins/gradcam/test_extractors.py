"""Extractors through grad-cam: each formula against a direct version; raw maps; the classifier stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wsol
from wsol.data.benchmark import Schedule
from wsol.inference.cost import network_cost
from wsol.options import build_options
from wsol.plugins import load_plugins
from wsol_beyond_gap.pyramid import Pyramid
from wsol_cam.extractor import CamExtractor
from wsol_cam.method import CAM
from wsol_cam.pooling import GAP
from wsol_torchvision.tiny import Tiny

package = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is missing: pip install 'wsol[gradcam]'")

NAMES = ("grad_cam", "grad_cam_pp", "xgrad_cam", "layer_cam", "score_cam", "ablation_cam", "eigen_cam")
LABELS = torch.tensor([4, 0, 2])
Logit = Callable[[Tensor], Tensor]


def images(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def network(relu: bool = True) -> wsol.Classifier:
    """Two stages, 6x6 and 3x3, the second of which begins in place; ``relu``: whether it ends in a ReLU."""
    torch.manual_seed(0)
    units = {
        "conv1": nn.Sequential(nn.Conv2d(3, 4, 3, 2, padding=1), nn.BatchNorm2d(4)),
        "conv2": nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3, 2, padding=1), nn.BatchNorm2d(6)),
    }
    if relu:
        units["conv2"].append(nn.ReLU(inplace=True))
    features = wsol.Features(units, {"conv1": "conv1", "conv2": "conv2"}, {"conv1": 4, "conv2": 6})
    classifier = wsol.Classifier(features, GAP(), 5)
    nn.init.normal_(classifier.head.weight)
    classifier.train()
    for _ in range(3):
        classifier(images(8))  # batch statistics of its own
    return classifier.eval()


def extract(name: str, classifier: wsol.Classifier, batch: Tensor, labels: Tensor, **values: Any) -> Tensor:
    with torch.no_grad():
        return load_plugins().create("extractors", name, values)(classifier, batch, labels)


# ---- direct versions: one image's activations A [K, h, w] and the label's logit as functions


def gradient(logit: Logit, a: Tensor) -> Tensor:
    return torch.autograd.functional.jacobian(logit, a)


def grad_cam(a: Tensor, logit: Logit) -> Tensor:
    return sum(g.mean() * channel for g, channel in zip(gradient(logit, a), a, strict=True))


def grad_cam_pp(a: Tensor, logit: Logit) -> Tensor:
    total = torch.zeros_like(a[0])
    for g, channel in zip(gradient(logit, a), a, strict=True):
        alpha = torch.where(g == 0, 0, g**2 / (2 * g**2 + channel.sum() * g**3))
        total += (alpha * g.relu()).nan_to_num().sum() * channel
    return total


def xgrad_cam(a: Tensor, logit: Logit) -> Tensor:
    total = torch.zeros_like(a[0])
    for g, channel in zip(gradient(logit, a), a, strict=True):
        if channel.any():
            total += (g * channel).sum() / channel.sum() * channel
    return total


def layer_cam(a: Tensor, logit: Logit) -> Tensor:
    return sum(g.clamp(min=0) * channel for g, channel in zip(gradient(logit, a), a, strict=True))


def ablation_cam(a: Tensor, logit: Logit) -> Tensor:
    total = torch.zeros_like(a[0])
    for k, channel in enumerate(a):
        without = a.clone()
        without[k] = 0
        total += (logit(a) - logit(without)) * channel
    return total


def score_cam(a: Tensor, logit_of_image: Logit, image: Tensor) -> Tensor:
    scores = []
    for channel in a:
        mask = F.interpolate(channel[None, None], image.shape[-2:], mode="bilinear", align_corners=True)[0]
        spread = mask.max() - mask.min()
        scores.append(logit_of_image(image * (mask - mask.min()) / spread if spread > 0 else image * 0))
    return sum(weight * channel for weight, channel in zip(torch.stack(scores).softmax(0), a, strict=True))


def eigen_cam(a: Tensor) -> Tensor:
    pixels = a.flatten(1).T
    centred = pixels - pixels.mean(0)
    component = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -1]
    projected = centred @ component
    rises = torch.corrcoef(torch.stack([projected, pixels.mean(1)]))[0, 1] > 0
    return (projected if rises else -projected).reshape(a.shape[1:])


def direct(name: str, classifier: wsol.Classifier, image: Tensor, label: int, layer: str | None) -> Tensor:
    first, second = classifier.features.units["conv1"], classifier.features.units["conv2"]

    def logit(a: Tensor) -> Tensor:
        last = second(a[None].clone()) if layer == "conv1" else a[None]
        return classifier.head(last.mean((2, 3)))[0, label]

    def front(x: Tensor) -> Tensor:
        return first(x[None])[0] if layer == "conv1" else second(first(x[None]))[0]

    a = front(image).detach()
    if name == "score_cam":
        return score_cam(a, lambda x: classifier(x[None])[0, label], image)
    return eigen_cam(a) if name == "eigen_cam" else globals()[name](a, logit)


@pytest.mark.parametrize("layer", [None, "conv1", "conv2"])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_each_formula(name: str, relu: bool, layer: str | None) -> None:
    classifier, batch = network(relu).double(), images().double()
    found = extract(name, classifier, batch, LABELS, layer=layer)
    for image, label, got in zip(batch, LABELS.tolist(), found, strict=True):
        expected = direct(name, classifier, image, label, layer).detach()
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize("size", [1.0, 1e-4])
def test_grad_cam_pp_weights_are_the_derivatives_of_the_exponential(size: float) -> None:
    """Eq. 7 and 10 with derivatives by autograd, gradients of any size: the map over exp(logit)."""
    classifier, batch = network().double(), images(1).double()
    classifier.head.weight.data *= size
    a = classifier.features(batch).detach()
    total = torch.zeros_like(a[0, 0])
    for k, y, x in np.ndindex(*a.shape[1:]):
        value = a[0, k, y, x].clone().requires_grad_()
        place = torch.zeros_like(a)
        place[0, k, y, x] = 1
        score = classifier.logits(a * (1 - place) + value * place)[0, 4].exp()
        first, second, third = derivatives(score, value)
        alpha = second / (2 * second + a[0, k].sum() * third)
        total += alpha * first.relu() * a[0, k] / score.detach()
    found = extract("grad_cam_pp", classifier, batch, LABELS[:1])[0]
    torch.testing.assert_close(found, total, rtol=1e-4, atol=1e-6 * total.max().item())


def derivatives(score: Tensor, value: Tensor) -> list[Tensor]:
    found = [score]
    for _ in range(3):
        found.append(torch.autograd.grad(found[-1], value, create_graph=True)[0])
    return [derivative.detach() for derivative in found[1:]]


@pytest.mark.parametrize("name", ["grad_cam", "xgrad_cam"])
def test_of_average_pooling_and_a_linear_head_the_map_is_cam(name: str) -> None:
    classifier = network()
    cam = CamExtractor()(classifier, images(), LABELS).detach()
    torch.testing.assert_close(extract(name, classifier, images(), LABELS), cam * 6 / 9)  # K channels, hw pixels


@pytest.mark.parametrize("name", NAMES)
def test_maps_are_raw(name: str) -> None:
    found = extract(name, network(relu=False), images(), LABELS)
    assert found.shape == (3, 3, 3)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert not found.requires_grad
    assert found.min() < 0
    assert found.amax((1, 2)).unique().numel() == 3  # none is scaled to 1


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_its_images(name: str) -> None:
    classifier = network()
    each = [extract(name, classifier, images()[i : i + 1], LABELS[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(extract(name, classifier, images(), LABELS), torch.cat(each), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [None, "conv1"])
@pytest.mark.parametrize("name", NAMES)
def test_the_classifier_stays_as_it_was(name: str, layer: str | None) -> None:
    classifier = network()
    for parameter in classifier.parameters():
        parameter.grad = torch.full_like(parameter, 7)
    modules = dict(classifier.named_modules())
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    with torch.no_grad():
        load_plugins().create("extractors", name, {"layer": layer})(classifier, images(), LABELS)
        assert not torch.is_grad_enabled()
    assert dict(classifier.named_modules()) == modules
    assert not any(m.training or m._forward_hooks or m._forward_pre_hooks for m in modules.values())
    assert all(torch.equal(value, before[key]) for key, value in classifier.state_dict().items())
    assert all((p.grad == 7).all() and p.requires_grad for p in classifier.parameters())


@pytest.mark.parametrize("name", ["score_cam", "ablation_cam"])
def test_batched_copies_change_no_map_and_nothing_is_printed(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    classifier = network()
    every = extract(name, classifier, images(), LABELS)
    torch.testing.assert_close(extract(name, classifier, images(), LABELS, batch_size=4), every)
    assert capfd.readouterr() == ("", "")


def test_ablation_cam_does_not_depend_on_the_sign_of_the_logit() -> None:
    classifier = network()
    expected = extract("ablation_cam", classifier, images(), LABELS)
    classifier.head.bias.data -= 100
    torch.testing.assert_close(extract("ablation_cam", classifier, images(), LABELS), expected, rtol=1e-3, atol=1e-4)


def test_eigen_cam_is_high_where_activations_are() -> None:
    activations = torch.zeros(1, 6, 3, 3)
    activations[0, :3, 1, 1] = 5
    activations[0, 3:, 0, 0] = 1
    classifier = network()
    classifier.features = nn.Module()
    classifier.features.forward = lambda _: activations
    assert extract("eigen_cam", classifier, images(1), LABELS[:1]).argmax() == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_pyramid_has_a_map_of_its_level_only(name: str) -> None:
    pyramid = Pyramid(network().features, "P4", 7)
    classifier = wsol.Classifier(pyramid, GAP(), 5).eval()
    assert extract(name, classifier, images(), LABELS).shape == (3, 6, 6)
    with pytest.raises(wsol.UsageError, match="layer 'conv1': a network of type Pyramid is no plain chain"):
        extract(name, classifier, images(), LABELS, layer="conv1")


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(wsol.UsageError, match="no unit or stage 'conv3'; did you mean 'conv2'"):
        extract("layer_cam", network(), images(), LABELS, layer="conv3")


@pytest.mark.parametrize("name", NAMES)
def test_a_method_localizes_and_its_cost_is_known(name: str) -> None:
    parts = wsol.Parts(5, Schedule(1, 4), 32, Tiny(), GAP())
    method = CAM(build_options(CAM.Options, {}, "cam"), parts).eval()
    cost = network_cost(method, load_plugins().create("extractors", name), 32, torch.device("cpu"))
    assert cost["flops_localize"] >= cost["flops_classify"] * (96 if name == "score_cam" else 0.99)
