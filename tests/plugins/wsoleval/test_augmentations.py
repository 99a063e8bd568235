"""Hide-and-seek and CutMix: each image against plain loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import wsol
from tests.support.wsoleval_parts import method, parts
from wsol.plugins import load_plugins


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def augmentation(name: str, **options: Any) -> wsol.Augmentation:
    return load_plugins().create("augmentations", name, options)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(images: Tensor, num_classes: int = 3) -> wsol.Batch:
    labels = torch.arange(len(images)) % num_classes
    return wsol.Batch(images, labels, F.one_hot(labels, num_classes).float(), torch.arange(len(images)))


# --- hide-and-seek ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "cell"), [(24, 24, 0.25), (20, 24, 0.32), (224, 224, 65 / 224)])
def test_has_equals_plain_loops(height: int, width: int, cell: float) -> None:
    images = torch.rand(3, 3, height, width) + 1
    hidden = augmentation("has", cell=cell, drop_rate=0.4)(batch(images), seeded()).images
    side = round(cell * width)
    rows, columns = math.ceil(height / side), math.ceil(width / side)
    numbers = torch.rand((3, rows, columns), generator=seeded())
    for b in range(3):
        for r in range(rows):
            for c in range(columns):
                place = (b, slice(None), slice(r * side, (r + 1) * side), slice(c * side, (c + 1) * side))
                expected = torch.zeros_like(images[place]) if numbers[b, r, c] < 0.4 else images[place]
                assert torch.equal(hidden[place], expected)


def test_has_hides_its_share_in_other_cells_of_every_image() -> None:
    source = batch(torch.ones(64, 3, 32, 32))
    shown = augmentation("has", cell=1 / 8, drop_rate=0.3)(source, seeded()).images
    assert 1 - shown.mean().item() == pytest.approx(0.3, abs=0.02)
    assert len({tuple(image.flatten().tolist()) for image in shown}) == 64
    assert torch.equal(source.images, torch.ones(64, 3, 32, 32))


@pytest.mark.parametrize(
    ("options", "mean"),
    [({"cell": 0}, 1), ({"cell": 0.01}, 1), ({"drop_rate": 0}, 1), ({"drop_rate": 1}, 0), ({"cell": 1}, 0)],
)
def test_has_at_its_limits(options: dict[str, float], mean: float) -> None:
    images = torch.ones(2, 3, 32, 32)
    assert augmentation("has", **{"drop_rate": 1.0, **options})(batch(images), seeded()).images.mean() == mean


# --- CutMix -----------------------------------------------------------------------------------------------------------


def marked(count: int = 6, height: int = 20, width: int = 30) -> wsol.Batch:
    """Images whose every pixel holds the image's number; a class of its own for each."""
    return batch(torch.arange(count).float().reshape(-1, 1, 1, 1).expand(count, 3, height, width), count)


@pytest.mark.parametrize("seed", range(30))
def test_cutmix_mixes_targets_by_the_pixels_that_changed(seed: int) -> None:
    source = marked()
    mixed = augmentation("cutmix", u=0.5)(source, seeded(seed))
    shares = torch.stack([(mixed.images[:, 0] == k).float().mean((1, 2)) for k in range(6)], dim=1)
    assert torch.allclose(mixed.targets, shares, atol=1e-6)
    assert torch.equal(mixed.labels, source.labels)
    changed = mixed.images != source.images
    pasted = changed.any(dim=0)
    if pasted.any():  # one box for the whole batch
        rows, columns = pasted[0].any(dim=1).nonzero(), pasted[0].any(dim=0).nonzero()
        assert pasted[0].sum() == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)


def test_cutmix_soft_targets_give_the_mixed_loss() -> None:
    mixed = augmentation("cutmix", u=0.5)(marked(), seeded(3))
    logits = torch.randn(6, 6)
    partner = mixed.images.amax((1, 2, 3)).long(), mixed.images.amin((1, 2, 3)).long()
    other = torch.where(partner[0] == mixed.labels, partner[1], partner[0])
    kept = (mixed.images[:, 0] == mixed.labels[:, None, None]).float().mean((1, 2))
    assert 0 < kept.min() < 1
    direct = kept * F.cross_entropy(logits, mixed.labels, reduction="none")
    direct += (1 - kept) * F.cross_entropy(logits, other, reduction="none")
    assert F.cross_entropy(logits, mixed.targets) == pytest.approx(direct.mean().item(), rel=1e-5)


def test_cutmix_lambda_is_that_of_the_clipped_box() -> None:
    """Boxes are cut off at the border, so that images keep more than the half that Beta(1, 1) leaves on average."""
    mix, source = augmentation("cutmix", u=2 / 3), marked(2, 64, 64)
    boxes = torch.tensor([mix.box(64, 64, seeded(seed)) for seed in range(2000)])
    x0, y0, x1, y1 = boxes.unbind(1)
    assert boxes.min() == 0
    assert boxes.max() == 64
    area = ((x1 - x0) * (y1 - y0)).float() / 64**2
    assert area.mean().item() == pytest.approx(expected_area(), abs=0.01)
    assert (area >= 0).all()
    kept = mix(source, seeded(5)).targets
    assert torch.allclose(kept.sum(1), torch.ones(2))


def expected_area() -> float:
    """Mean area of a clipped box: with side s the mean length inside [0, 1] is s - s²/4; s² = 1 - lambda is uniform."""
    steps = torch.linspace(0, 1, 100_001, dtype=torch.float64).sqrt()
    return float(((steps - steps**2 / 4) ** 2).mean())


@pytest.mark.parametrize(("u", "beta"), [(2 / 3, 1.0), (1 / 1.35, 0.85), (1 / 0.54, 0.04), (0.01, 99.5)])
def test_cutmix_beta_gives_the_expected_area(u: float, beta: float) -> None:
    assert augmentation("cutmix", u=u).options.beta == pytest.approx(beta)


@pytest.mark.parametrize("u", [1e-9, 2 - 1e-12])
def test_cutmix_at_the_ends_of_its_range(u: float) -> None:
    """Beta concentrates at lambda = 1/2, or at 0 and 1."""
    areas = [(b[2] - b[0]) * (b[3] - b[1]) / 64**2 for s in range(40) for b in [box(u, s)]]
    assert all(math.isfinite(area) for area in areas)
    assert max(areas) == pytest.approx(0.5, abs=0.02) if u < 1 else min(areas) == 0


def box(u: float, seed: int) -> tuple[int, int, int, int]:
    return augmentation("cutmix", u=u).box(64, 64, seeded(seed))


def test_cutmix_rate_is_per_batch() -> None:
    mix, source, generator = augmentation("cutmix", mix_rate=0.3, u=1e-3), marked(), seeded()
    mixed = [not torch.equal(mix(source, generator).images, source.images) for _ in range(500)]
    assert sum(mixed) / 500 == pytest.approx(0.3, abs=0.06)
    off = augmentation("cutmix", mix_rate=0.0)
    assert torch.equal(off(source, seeded()).images, source.images)


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["has", "cutmix"])
def test_augmentations_depend_on_the_generator_only(name: str) -> None:
    source, augment = batch(torch.rand(8, 3, 32, 32)), augmentation(name)
    runs = []
    for seed in (1, 1, 2):
        torch.rand(3)  # the global generator must not matter
        runs.append(augment(source, seeded(seed)))
    assert torch.equal(runs[0].images, runs[1].images)
    assert torch.equal(runs[0].targets, runs[1].targets)
    assert not torch.equal(runs[0].images, runs[2].images)


@pytest.mark.parametrize(("name", "options"), [("has", {"cell": 0.1, "drop_rate": 0.9}), ("cutmix", {"u": 0.3})])
def test_methods_augment_after_the_recipe(name: str, options: dict[str, float]) -> None:
    given = parts("tiny", 3, crop=16)
    trained = method(name, given, lr=0.1, **options)
    *before, last = trained.augmentations()
    assert [type(a) for a in before] == [wsol.RandomCrop, wsol.HorizontalFlip]
    assert isinstance(last, load_plugins().get("augmentations", name))
    assert {key: getattr(last.options, key) for key in options} == options


@pytest.mark.parametrize(
    ("name", "options"),
    [("has", {"cell": 1.5}), ("has", {"drop_rate": -0.1}), ("cutmix", {"u": 0}), ("cutmix", {"u": 2})],
)
def test_options_out_of_range_are_an_error(name: str, options: dict[str, float]) -> None:
    with pytest.raises(wsol.UsageError, match=f"augmentation '{name}': {next(iter(options))}"):
        augmentation(name, **options)
