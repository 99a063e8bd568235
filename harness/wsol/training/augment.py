"""The two augmentations of every published schedule, batched: random crop and horizontal flip.

Randomness comes only from the generator handed in, drawn on the CPU, so that a seed gives the same batches on every
device. Pseudo boxes move along with the pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wsol.networks import Augmentation
from wsol.training.batch import Batch


class RandomCrop(Augmentation):
    """A square crop at a random place, one for each image."""

    name = "random_crop"
    geometric = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Boxes are clipped to the crop."""
        count, _, height, width = batch.images.shape
        if (height, width) == (self.size, self.size):
            return batch
        top = torch.randint(height - self.size + 1, (count,), generator=generator)
        left = torch.randint(width - self.size + 1, (count,), generator=generator)
        boxes = batch.boxes
        if boxes is not None:
            offset = torch.stack([left, top, left, top], dim=1).to(boxes)
            sides = boxes.new_tensor([width, height, width, height])
            boxes = ((boxes * sides - offset) / self.size).clamp(0, 1)
        return batch.replace(images=crop(batch.images, top, left, self.size), boxes=boxes)


def crop(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Crop image b of [B, C, H, W] at row ``top[b]`` and column ``left[b]`` to [B, C, size, size]."""
    out = images.new_empty((*images.shape[:2], size, size))
    for b, (y, x) in enumerate(zip(top.tolist(), left.tolist(), strict=True)):
        out[b] = images[b, :, y : y + size, x : x + size]
    return out


def mirrored(images: Tensor, which: Tensor, dim: int) -> Tensor:
    """[B, C, H, W], the images ``which`` (bool [B], on the CPU) reversed along ``dim``: 2 for rows, 3 for columns."""
    out = images.clone()
    for b in which.nonzero()[:, 0].tolist():
        out[b] = images[b].flip(dim - 1)
    return out


class HorizontalFlip(Augmentation):
    """Mirror an image with probability one half."""

    name = "horizontal_flip"
    geometric = True

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Boxes are mirrored too."""
        flip = torch.rand(len(batch.images), generator=generator) < 0.5
        images = mirrored(batch.images, flip, 3)
        boxes = batch.boxes
        if boxes is not None:
            x0, y0, x1, y1 = boxes.unbind(1)
            boxes = torch.where(flip.to(boxes.device)[:, None], torch.stack([1 - x1, y0, 1 - x0, y1], dim=1), boxes)
        return batch.replace(images=images, boxes=boxes)
