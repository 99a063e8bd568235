"""Losses, score, triplets and network of the weight maps against direct versions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import wsol
from wsol.evaluation.boxes import estimated_boxes
from wsol.plugins import load_plugins
from wsol_weightmap.generator import Generator
from wsol_weightmap.losses import completeness, discrepancy, triplet
from wsol_weightmap.sampling import held_out, on_rows, triplets


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


# Losses


def direct_discrepancy(masked: Tensor, original: Tensor, labels: Tensor, target: str) -> Tensor:
    rows = []
    for m, o, label in zip(masked, original, labels, strict=True):
        log_q = m - m.exp().sum().log()
        soft, hard, given = o.exp() / o.exp().sum(), (o == o.max()).double(), torch.eye(len(m))[label]
        p = {"soft": soft, "hard": hard, "label": given}[target]
        rows.append(-(p * log_q).sum())
    return torch.stack(rows).mean()


@pytest.mark.parametrize("target", ["soft", "hard", "label"])
def test_discrepancy_is_cross_entropy_with_a_fixed_target(target: str) -> None:
    masked, original = torch.randn(2, 5, 4, dtype=torch.float64).requires_grad_().unbind()
    labels = torch.tensor([0, 1, 2, 3, 1])
    found = discrepancy(masked, original, labels, target)
    torch.testing.assert_close(found, direct_discrepancy(masked, original, labels, target))
    wrt_masked, wrt_original = torch.autograd.grad(found, (masked, original), allow_unused=True)
    assert wrt_masked.abs().sum() > 0
    assert wrt_original is None


def test_soft_discrepancy_is_smallest_where_the_answer_stays() -> None:
    original = torch.randn(3, 4, dtype=torch.float64)
    masked = original.clone().requires_grad_()
    discrepancy(masked, original, torch.zeros(3).long(), "soft").backward()
    assert masked.grad is not None
    torch.testing.assert_close(masked.grad, torch.zeros_like(masked))


@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_triplet_by_hand(margin: float) -> None:
    a, p, n = torch.randn(3, 40, 6, dtype=torch.float64)
    n[:20] += 3  # some triplets are far enough apart already
    rows = []
    for i in range(40):
        near, far = ((a[i] - p[i]) ** 2).sum() ** 0.5, ((a[i] - n[i]) ** 2).sum() ** 0.5
        rows.append(max(float(near - far + margin), 0.0))
    assert 0 < rows.count(0.0) < 40
    torch.testing.assert_close(triplet(a, p, n, margin), torch.tensor(rows).mean(), check_dtype=False)


def test_triplet_of_equal_vectors_has_a_finite_gradient() -> None:
    a = torch.ones(2, 3, requires_grad=True)
    loss = triplet(a, torch.ones(2, 3), torch.ones(2, 3))
    loss.backward()
    assert loss.item() == 1
    assert a.grad is not None
    assert a.grad.isfinite().all()


# Score


def test_completeness_by_hand() -> None:
    weights = np.full((20, 30), 0.01)
    weights[2:8, 3:13] = 0.8  # 60 pixels
    weights[12:16, 20:25] = 0.4  # 20 pixels outside the largest contour's box
    expected = 60 * 0.8 / (60 * 0.8 + 20 * 0.4)
    assert completeness(weights) == pytest.approx(expected, abs=1e-12)
    weights[12:16, 20:25] = 0.079  # below a tenth of the maximum
    assert completeness(weights) == 1


def test_completeness_of_random_maps_against_equation_6() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        weights = (rng.random((24, 24)) ** 8).round(2)
        kept = np.where(weights >= weights.max() / 10, weights, 0)
        ((x0, y0, x1, y1),) = estimated_boxes(weights, 0.1, contours="largest").tolist()
        inside = sum(kept[y, x] for x in range(x0, x1 + 1) for y in range(y0, y1 + 1))
        assert completeness(weights) == pytest.approx(inside / kept.sum())
        assert 0 < completeness(weights) <= 1


def test_completeness_falls_when_a_map_breaks_up() -> None:
    whole = np.zeros((16, 16))
    whole[4:12, 4:12] = 0.9
    parts = whole * (np.indices(whole.shape).sum(0) % 4 < 2)
    parts[7:9] = 0
    assert completeness(parts) < completeness(whole) == 1


def test_a_box_of_the_whole_image_scores_nothing() -> None:
    """A new generator's map: it hardly varies, and no pixel is below a tenth of the largest."""
    flat = np.random.default_rng(0).uniform(0.45, 0.53, (20, 30))
    assert (completeness(flat), completeness(flat, whole=0.0)) == (1, 0)
    corners = np.zeros((20, 30))
    corners[0, :], corners[:, 0], corners[-1, :], corners[:, -1] = 0.9, 0.9, 0.9, 0.9
    assert completeness(corners, whole=0.0) == 0
    inside = np.zeros((20, 30))
    inside[1:, 2:] = 0.9  # reaches two sides only
    assert completeness(inside, whole=0.0) == 1


def test_dark_maps_score_nothing() -> None:
    assert completeness(np.full((8, 8), 0.003)) == 0
    assert completeness(np.zeros((8, 8))) == 0


# Sampling


def test_triplets_are_of_the_right_classes_and_every_image_is_an_anchor_once() -> None:
    labels = torch.tensor([0] * 5 + [1] * 9 + [2] * 3 + [7])
    seen, negatives = [], []
    for rows in triplets(labels, 4, torch.Generator().manual_seed(0)):
        anchors, near, far = rows.chunk(3)
        assert torch.equal(labels[anchors], labels[near])
        assert (labels[anchors] != labels[far]).all()
        alone = labels[anchors] == 7
        assert ((anchors == near) == alone).all()
        seen += anchors.tolist()
        negatives += labels[far].tolist()
    assert sorted(seen) == list(range(18))
    assert set(negatives) == {0, 1, 2, 7}


def test_the_class_of_a_negative_is_drawn_first() -> None:
    labels = torch.tensor([0] * 200 + [1] * 190 + [2] * 10)
    rows = torch.cat(list(triplets(labels, 400, torch.Generator().manual_seed(0)))).chunk(3)
    negatives = labels[rows[2][labels[rows[0]] == 0]]
    assert 70 < int((negatives == 2).sum()) < 130  # half of 200 anchors, though class 2 has a twentieth of the images


def test_triplets_need_two_classes() -> None:
    with pytest.raises(wsol.UsageError, match="at least two classes"):
        next(iter(triplets(torch.zeros(4).long(), 2, torch.Generator())))


@pytest.mark.parametrize(("count", "share", "apart"), [(50, 0.1, 5), (4, 0.01, 1), (10, 0.0, 0), (3, 0.99, 2)])
def test_held_out_images_are_a_fixed_part(count: int, share: float, apart: int) -> None:
    kept, held = held_out(count, share)
    assert len(held) == apart
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(count))
    torch.manual_seed(5)
    assert torch.equal(held_out(count, share)[1], held)


def test_a_sampler_on_some_rows_draws_only_those() -> None:
    labels, rows = torch.arange(12) % 3, torch.tensor([1, 2, 4, 5, 7, 8])
    found = torch.cat(list(on_rows(rows, wsol.shuffled)(labels, 4, torch.Generator())))
    assert sorted(found.tolist()) == rows.tolist()
    for batch in on_rows(rows, triplets)(labels, 3, torch.Generator()):
        assert set(batch.tolist()) <= set(rows.tolist())
        anchors, near, far = labels[batch].chunk(3)
        assert torch.equal(anchors, near)
        assert (anchors != far).all()


# Network


def convolutions(generator: Generator) -> list[tuple[int, int]]:
    encoder = {id(m) for m in generator.features.modules()}
    layers = [m for m in generator.modules() if isinstance(m, torch.nn.Conv2d) and id(m) not in encoder]
    assert all(layer.kernel_size == (3, 3) and layer.padding == (1, 1) for layer in layers)
    return [(layer.in_channels, layer.out_channels) for layer in layers]


def test_the_decoder_of_a_resnet18() -> None:
    with torch.device("meta"):
        backbone = load_plugins().create("backbones", "resnet18", {"pretrained": False, "stride": 32})
        authors, paper = Generator(backbone.build(), "authors"), Generator(backbone.build(), "paper")
    blocks = [(768, 256), (256, 256), (384, 128), (128, 128), (192, 64), (64, 64), (128, 64), (64, 64)]
    assert convolutions(authors) == [(512, 512), (512, 512), *blocks, (64, 64), (64, 1)]
    assert convolutions(paper) == [*blocks, (64, 64), (64, 1)]
    assert [type(m).__name__ for m in paper.blocks[0]] == ["Conv2d", "Conv2d", "BatchNorm2d", "ReLU"]
    assert [type(m).__name__ for m in paper.last] == ["Conv2d", "Conv2d", "BatchNorm2d"]
    assert [type(m).__name__ for m in authors.last] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d"]
    new = {id(p) for p in authors.new_parameters()}
    assert {id(p) for p in authors.features.parameters()}.isdisjoint(new)
    assert len(new) + len(list(authors.features.parameters())) == len(list(authors.parameters()))


@pytest.mark.parametrize("decoder", ["authors", "paper"])
@pytest.mark.parametrize("stride", [8, 4])
def test_maps_have_the_images_size_and_reach_every_parameter(decoder: str, stride: int) -> None:
    torch.manual_seed(0)
    features = load_plugins().create("backbones", "tiny", {"stride": stride}).build()
    generator = Generator(features, decoder)
    maps = generator(torch.randn(3, 3, 40, 40))
    assert maps.shape == (3, 1, 40, 40)
    assert 0 < maps.min().item() < maps.max().item() < 1
    maps[:, :, :20].mean().backward()
    assert [name for name, p in generator.named_parameters() if p.grad is None] == []
