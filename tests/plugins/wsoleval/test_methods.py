"""ADL, ACoL and SPG against direct versions of their formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import wsol
from tests.support.wsoleval_parts import method, parts
from wsol.plugins import load_plugins
from wsol_wsoleval.acol import remaining
from wsol_wsoleval.adl import AttentionDropout
from wsol_wsoleval.guidance import IGNORED, region_loss, regions
from wsol_wsoleval.maps import minmax

CLASSES = 3


@pytest.fixture(autouse=True)
def _seeded():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def batch(count: int = 4, side: int = 32) -> wsol.Batch:
    labels = torch.arange(count) % CLASSES
    images = torch.randn(count, 3, side, side)
    return wsol.Batch(images, labels, F.one_hot(labels, CLASSES).float(), torch.arange(count))


def build(name: str, **options: Any) -> Any:
    return method(name, parts("tiny", CLASSES, crop=32), **options)


def losses(network: Any, data: wsol.Batch) -> dict[str, Tensor]:
    return dict(next(network.step(data)))


def numpy_minmax(score_map: Tensor) -> np.ndarray:
    values = score_map.detach().double().numpy()
    return (values - values.min()) / (values.max() - values.min())


# --- ADL --------------------------------------------------------------------------------------------------------------


def hidden(x: Tensor, threshold: float) -> Tensor:
    """The drop mask applied, image by image."""
    out = x.clone()
    for image in out:
        attention = image.mean(0)
        image[:, attention >= threshold * attention.max()] = 0
    return out


def test_adl_makes_one_choice_for_the_batch_and_each_layer_its_own() -> None:
    x = torch.rand(5, 4, 6, 6)
    layers = [AttentionDropout(0.8, 0.3), AttentionDropout(0.5, 0.3)]
    versions = [(hidden(x, t), x * torch.sigmoid(x.mean(1, keepdim=True))) for t in (0.8, 0.5)]
    choices = []
    for _ in range(400):
        outputs = [layer(x) for layer in layers]
        kinds = [[torch.allclose(y, v) for v in of_layer] for y, of_layer in zip(outputs, versions, strict=True)]
        assert all(sum(kind) == 1 for kind in kinds)  # the whole batch is hidden from, or the whole batch weighted
        choices.append([kind[0] for kind in kinds])
    table = np.array(choices)
    assert table.mean(0) == pytest.approx([0.3, 0.3], abs=0.07)
    assert (table[:, 0] != table[:, 1]).mean() == pytest.approx(2 * 0.3 * 0.7, abs=0.07)


def test_adl_gradient_flows_through_the_attention() -> None:
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    weighting, hiding = AttentionDropout(0.6, 0.0), AttentionDropout(0.6, 1.0)
    assert torch.autograd.gradcheck(weighting, x)
    (gradient,) = torch.autograd.grad(hiding(x).sum(), x)
    assert torch.equal(gradient, (hidden(x.detach(), 0.6) != 0).double())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_adl_compares_attention_in_float32(dtype: torch.dtype) -> None:
    x = torch.rand(8, 64, 28, 28).to(dtype)
    exact = hidden(x.float(), 0.9).to(dtype)
    assert torch.equal(AttentionDropout(0.9, 1.0)(x), exact)
    assert AttentionDropout(0.9, 0.0)(x).dtype == dtype
    assert not torch.equal(hidden(x, 0.9), exact)  # half precision hides other locations


def test_adl_is_the_identity_when_evaluating() -> None:
    network = build("adl").eval()
    plain = build("cam").eval()
    plain.classifier.load_state_dict(network.classifier.state_dict())  # no parameters of its own
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(network.classify(images), plain.classify(images))
    network.train()
    assert not torch.equal(network.classify(images), plain.train().classify(images))


def test_adl_draws_from_the_global_generator() -> None:
    layer, x = AttentionDropout(0.8, 0.5), torch.rand(1, 2, 4, 4)
    runs = []
    for _ in range(2):
        torch.manual_seed(7)
        runs.append(torch.stack([layer(x) for _ in range(20)]))
    assert torch.equal(*runs)
    assert len(runs[0].unique(dim=0)) == 2


# --- ACoL -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.2, 0.7])
def test_acol_equals_a_direct_version(threshold: float) -> None:
    network, data = build("acol", threshold=threshold).eval(), batch()
    found = losses(network, data)
    loss_a, loss_b, maps = [], [], []
    for image, label in zip(data.images, data.labels, strict=True):
        features = network.features(image[None])
        maps_a = network.branch_a(features)
        normalised = numpy_minmax(maps_a[0, label])
        maps_b = network.branch_b(features * torch.from_numpy(normalised < threshold))
        assert 0 < (normalised < threshold).mean() < 1
        loss_a.append(-F.log_softmax(maps_a.mean((2, 3)), 1)[0, label])
        loss_b.append(-F.log_softmax(maps_b.mean((2, 3)), 1)[0, label])
        maps.append(np.maximum(normalised, numpy_minmax(maps_b[0, label])))
    assert found["a"].item() == pytest.approx(torch.stack(loss_a).mean().item(), rel=1e-5)
    assert found["b"].item() == pytest.approx(torch.stack(loss_b).mean().item(), rel=1e-5)
    located = network.localize(data.images, data.labels, None)
    assert np.allclose(located.detach().numpy(), np.stack(maps), atol=1e-5)
    assert torch.allclose(network.classify(data.images), network.branch_a(network.features(data.images)).mean((2, 3)))


def test_acol_erasing_has_no_gradient() -> None:
    """B's loss gives branch A no gradient, and the features the one of a fixed mask."""
    network, data = build("acol").eval(), batch()
    losses(network, data)["b"].backward()
    assert all(p.grad is None for p in network.branch_a.parameters())
    first = network.features.units["conv1_1"][0].weight
    through_step = first.grad.clone()
    network.zero_grad()
    features = network.features(data.images)
    with torch.no_grad():
        maps = network.branch_a(features)[torch.arange(4), data.labels]
        kept = remaining(maps, network.options.threshold).float()
    F.cross_entropy(network.branch_b(features * kept[:, None]).mean((2, 3)), data.labels).backward()
    assert torch.allclose(through_step, first.grad)


def test_minmax_of_a_constant_map_is_zero() -> None:
    maps = torch.stack([torch.full((3, 3), 5.0), torch.arange(9.0).reshape(3, 3)])
    normalised = minmax(maps)
    assert torch.equal(normalised[0], torch.zeros(3, 3))
    assert torch.allclose(normalised[1], maps[1] / 8)


# --- SPG --------------------------------------------------------------------------------------------------------------


def direct_regions(score_map: np.ndarray, low: float, high: float, enough: int) -> np.ndarray:
    """One image, pixel by pixel."""
    certain = high if (score_map > high).sum() >= enough else 0.7 * score_map.max()
    out = np.full(score_map.shape, IGNORED)
    for place, value in np.ndenumerate(score_map):
        if value > certain:
            out[place] = 1
        elif value < low:
            out[place] = 0
    return out


@pytest.mark.parametrize(("low", "high"), [(0.05, 0.7), (0.3, 0.9), (0.8, 0.97), (0.5, 0.5), (0.0, 1.0)])
def test_regions_equal_a_direct_version(low: float, high: float) -> None:
    maps = torch.rand(6, 12, 12, dtype=torch.float64) ** torch.tensor([1, 0.2, 8, 1, 3, 20]).reshape(-1, 1, 1)
    expected = np.stack([direct_regions(m, low, high, 30) for m in maps.numpy()])
    assert np.array_equal(regions(maps, low, high, 30).numpy(), expected)


def test_a_small_region_of_one_image_does_not_change_the_others() -> None:
    """With a leak, the images after the faint one would get its low threshold too."""
    bright = torch.rand(3, 16, 16)
    faint = torch.rand(1, 16, 16) * 0.3
    alone = regions(bright, 0.1, 0.6, 30)
    together = regions(torch.cat([bright[:1], faint, bright[1:]]), 0.1, 0.6, 30)
    assert torch.equal(together[[0, 2, 3]], alone)
    assert torch.equal(together[1] == 1, faint[0] > 0.7 * faint.max())
    assert ((bright > 0.6).sum((1, 2)) >= 30).all()
    assert ((faint > 0.6).sum((1, 2)) == 0).all()


def test_region_loss_is_the_mean_over_certain_pixels() -> None:
    logits = torch.randn(3, 8, 8, dtype=torch.float64)
    target = torch.tensor([0.0, 1.0, IGNORED])[torch.randint(3, (3, 8, 8))]
    terms = []
    for logit, wanted in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        if wanted != IGNORED:
            share = 1 / (1 + np.exp(-logit))
            terms.append(-np.log(share if wanted == 1 else 1 - share))
    assert region_loss(logits, target).item() == pytest.approx(np.mean(terms))


def test_region_loss_without_a_certain_pixel_is_zero() -> None:
    logits = torch.randn(1, 4, 4, requires_grad=True)
    loss = region_loss(logits, torch.full((1, 4, 4), IGNORED))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(1, 4, 4))


def test_spg_equals_a_direct_version() -> None:
    options = {"low1": 0.1, "rise1": 0.5, "low2": 0.4, "rise2": 0.2, "low3": 0.3, "rise3": 0.25}
    network, data = build("spg", **options).eval(), batch()
    assert [network.options.thresholds(i) for i in (1, 2, 3)] == [
        pytest.approx(pair) for pair in [(0.1, 0.55), (0.4, 0.52), (0.3, 0.475)]
    ]

    with torch.no_grad():
        for head in (network.branch_b, network.branch_c):
            head[-1].weight.mul_(15)  # maps far enough from 1/2 to fall on both sides of the thresholds

    def enlarged(x: Tensor) -> Tensor:
        return F.interpolate(x, (32, 32), mode="bilinear", align_corners=False)[:, 0]

    _, stages = network.classifier.features.run(data.images, want=["conv1", "conv2", "conv3"])
    b1 = enlarged(network.branch_b(network.branch_b1(stages["conv1"])))
    b2 = enlarged(network.branch_b(network.branch_b2(stages["conv2"])))
    c = enlarged(network.branch_c(stages["conv3"]))
    conv = F.conv2d(stages["conv3"], network.classifier.head.weight[:, :, None, None], network.classifier.head.bias)
    attention = np.stack([numpy_minmax(m) for m in enlarged(conv[torch.arange(4), data.labels][:, None])])
    teachers = {
        "b2": (b2, attention, 0.1, 0.55),
        "b1": (b1, torch.sigmoid(b2), 0.4, 0.52),
        "c": (c, (torch.sigmoid(b1) + torch.sigmoid(b2)) / 2, 0.3, 0.475),
    }
    found = losses(network, data)
    assert set(found) == {*teachers, "classes"}
    for name, (logits, teacher, low, high) in teachers.items():
        maps = np.asarray(torch.as_tensor(teacher).detach())
        target = torch.from_numpy(np.stack([direct_regions(m, low, high, 30) for m in maps]))
        assert len(target.unique()) == 3, name
        certain = target != IGNORED
        expected = F.binary_cross_entropy(logits[certain].sigmoid(), target[certain].float())
        assert found[name].item() == pytest.approx(expected.item(), rel=1e-4), name
    assert found["classes"].item() == pytest.approx(F.cross_entropy(conv.mean((2, 3)), data.labels).item(), rel=1e-5)


def test_spg_teachers_get_no_gradient() -> None:
    """B1 learns from B2's regions and C from both; neither loss may change its teacher."""
    network, data = build("spg").eval(), batch()
    found = losses(network, data)
    own = {"b2": ["branch_b2", "branch_b"], "b1": ["branch_b1", "branch_b"], "c": ["branch_c"]}
    for name, allowed in own.items():
        network.zero_grad()
        found[name].backward(retain_graph=True)
        reached = {key.split(".")[0] for key, p in network.named_parameters() if p.grad is not None and p.grad.any()}
        assert reached - {"classifier"} == set(allowed)
        assert network.classifier.head.weight.grad is None


# --- all --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["has", "cutmix", "adl", "acol", "spg"])
def test_gradients_reach_every_parameter(name: str) -> None:
    network = build(name)
    loss = next(network.step(batch()))
    total = sum(loss.values()) if isinstance(loss, dict) else loss
    total.backward()
    assert [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("name", ["has", "cutmix", "adl", "acol", "spg"])
def test_every_draw_of_the_space_is_valid(name: str) -> None:
    plugins, rng = load_plugins(), np.random.default_rng(0)
    space = plugins.get("methods", name).Options.space()
    assert str(space["lr"]) == "loguniform(1e-05, 1.0)"
    published = {
        "has": {"cell", "drop_rate"},
        "cutmix": {"mix_rate", "u"},
        "adl": {"drop_rate", "threshold"},
        "acol": {"threshold"},
        "spg": {f"{side}{i}" for side in ("low", "rise") for i in (1, 2, 3)},
    }
    assert set(space) == {"lr", *published[name]}
    for _ in range(50):
        plugins.options("methods", name, {key: d.draw(rng) for key, d in space.items()})


@pytest.mark.parametrize("name", ["has", "cutmix", "adl", "acol", "spg"])
def test_a_step_at_any_draw_of_the_space_is_finite(name: str) -> None:
    space, rng = load_plugins().get("methods", name).Options.space(), np.random.default_rng(1)
    for seed in range(8):
        network = build(name, **{key: d.draw(rng) for key, d in space.items()})
        data = batch()
        for augmentation in network.augmentations():
            data = augmentation(data, torch.Generator().manual_seed(seed))
        loss = next(network.step(data))
        (sum(loss.values()) if isinstance(loss, dict) else loss).backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", ["acol", "spg"])
def test_mixed_precision_gives_about_the_same_losses(name: str) -> None:
    """Maps are normalised and compared in float32, whatever the convolutions compute in."""
    network, data = build(name).eval(), batch()
    exact = next(network.step(data))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = next(network.step(data))
    pairs = [(exact[key], mixed[key]) for key in exact] if isinstance(exact, dict) else [(exact, mixed)]
    for wanted, found in pairs:
        assert found.dtype == torch.float32
        assert found.item() == pytest.approx(wanted.item(), rel=0.05)
