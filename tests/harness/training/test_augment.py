"""The batched augmentations against torchvision's, which work on one image at a time: geometry and distribution."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

import wsol
from wsol.training.augment import crop
from wsol_cam.augment import VerticalFlip

COUNT, SIDE, CROP = 600, 12, 8


def batch(count: int = COUNT, dtype: torch.dtype = torch.float32) -> wsol.Batch:
    """Every pixel holds its position, so that one corner identifies the crop."""
    places = torch.arange(SIDE * SIDE).reshape(1, 1, SIDE, SIDE).expand(count, 3, SIDE, SIDE).to(dtype)
    boxes = torch.tensor([[0.25, 0.5, 0.75, 1.0]]).repeat(count, 1)
    labels = torch.zeros(count, dtype=torch.int64)
    return wsol.Batch(places, labels, torch.ones(count, 1), torch.arange(count), boxes)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def offsets(images: torch.Tensor) -> torch.Tensor:
    """(top, left) of each crop, int64 [B, 2]."""
    corner = images[:, 0, 0, 0].long()
    return torch.stack([corner // SIDE, corner % SIDE], dim=1)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_crops_equal_torchvisions_at_the_same_positions(dtype: torch.dtype) -> None:
    images = torch.randint(0, 256, (5, 3, SIDE, 15)).to(dtype)
    top, left = torch.tensor([0, 1, 4, 2, 3]), torch.tensor([7, 0, 3, 5, 1])
    found = crop(images, top, left, CROP)
    for i in range(5):
        assert torch.equal(found[i], F.crop(images[i], int(top[i]), int(left[i]), CROP, CROP))


def test_crop_positions_are_distributed_as_torchvisions() -> None:
    found = offsets(wsol.RandomCrop(CROP)(batch(), seeded()).images)
    torch.manual_seed(0)
    theirs = offsets(torch.stack([v2.RandomCrop(CROP)(image) for image in batch().images]))
    places = SIDE - CROP + 1
    for column in (0, 1):
        counts = torch.bincount(found[:, column], minlength=places)
        reference = torch.bincount(theirs[:, column], minlength=places)
        assert len(counts) == len(reference) == places
        # Chi-squared of two samples with 4 degrees of freedom: above 18.5 once in a thousand seeds.
        assert float(((counts - reference) ** 2 / (counts + reference)).sum()) < 18.5
    assert abs(float(torch.corrcoef(found.T.float())[0, 1])) < 0.12


@pytest.mark.parametrize(("augmentation", "reference"), [("horizontal_flip", F.hflip), ("vertical_flip", F.vflip)])
def test_half_of_the_images_are_flipped_as_by_torchvision(augmentation: str, reference: object) -> None:
    flip = {"horizontal_flip": wsol.HorizontalFlip, "vertical_flip": VerticalFlip}[augmentation]()
    given = batch(dtype=torch.uint8)
    found = flip(given, seeded())
    turned = (found.images != given.images).flatten(1).any(1)
    assert 0.43 < float(turned.float().mean()) < 0.57
    for i in range(20):
        assert torch.equal(found.images[i], reference(given.images[i]) if turned[i] else given.images[i])  # type: ignore[operator]
    x0, y0, x1, y1 = given.boxes[0].tolist()
    mirrored = [1 - x1, y0, 1 - x0, y1] if augmentation == "horizontal_flip" else [x0, 1 - y1, x1, 1 - y0]
    assert torch.allclose(found.boxes[turned], torch.tensor(mirrored))
    assert torch.equal(found.boxes[~turned], given.boxes[~turned])


def test_boxes_follow_the_crop() -> None:
    found = wsol.RandomCrop(CROP)(batch(), seeded())
    top, left = offsets(found.images).unbind(1)
    expected = torch.stack(
        [(3 - left).clamp(0), (6 - top).clamp(0), (9 - left).clamp(max=CROP), (12 - top).clamp(max=CROP)], dim=1
    )
    assert torch.allclose(found.boxes, expected / CROP)


def test_augmentations_depend_on_the_generator_only() -> None:
    for augmentation in (wsol.RandomCrop(CROP), wsol.HorizontalFlip()):
        first = augmentation(batch(), seeded(5)).images
        torch.manual_seed(1)
        assert torch.equal(augmentation(batch(), seeded(5)).images, first)
        assert not torch.equal(augmentation(batch(), seeded(6)).images, first)


def test_an_image_of_the_crops_size_is_unchanged_and_draws_nothing() -> None:
    generator = seeded()
    given = batch()
    assert wsol.RandomCrop(SIDE)(given, generator) is given
    assert torch.equal(generator.get_state(), seeded().get_state())
