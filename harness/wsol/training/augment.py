"""Augmentations of training batches: their base class, and the two of every published schedule.

Randomness comes only from the generator that is passed in, drawn on the CPU, so that a seed gives the same batches on
every device. Pseudo boxes are transformed together with the images.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from wsol.components import Component
from wsol.errors import RunError
from wsol.isolation import Calling
from wsol.process_state import difference, process_state, random_state
from wsol.training.batch import Batch


class Augmentation(Component, ABC):
    """Changes a training batch on the device, at random."""

    geometric: ClassVar[bool] = False
    """Whether it only moves pixels, so that it also works on uint8 images before they are normalised."""

    @abstractmethod
    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Augment a batch.

        Args:
            batch: Normalised images, 0 being the mean colour; uint8 images for a ``geometric`` augmentation.
            generator: The only source of randomness, on the CPU.

        Returns:
            The changed batch; the given one is not modified.
        """


class RandomCrop(Augmentation):
    """Crop a square at a random place, another one in each image.

    Args:
        size: Side of the crop in pixels.
    """

    name = "random_crop"
    geometric = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Crop the images; boxes are clipped to the crop."""
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


def augment(augmentation: Augmentation, batch: Batch, generator: torch.Generator, strict: bool = False) -> Batch:
    """Apply an augmentation, and check that it kept to its contract.

    Args:
        augmentation: The augmentation.
        batch: The batch to augment.
        generator: The only source of randomness.
        strict: Also compare the global random generators and the state of the process. Only where no other thread uses
            them.

    Returns:
        The augmented batch.

    Raises:
        RunError: The augmentation wrote to the given batch, drew from a global generator, or changed the process.
    """
    named = f"augmentation '{augmentation.name}'"
    versions = {name: tensor._version for name, tensor in batch.tensors()}
    kept = batch.labels.clone(), batch.index.clone()
    before = (random_state(), process_state()) if strict else None
    with Calling(named, "training batch", watched=False):
        found = augmentation(batch, generator)
    written = [name for name, tensor in batch.tensors() if tensor._version != versions[name]]
    written += [] if torch.equal(batch.index, kept[1]) else ["index"]
    if batch.labels.device.type == "cpu" and not torch.equal(batch.labels, kept[0]):
        written.append("labels")
    if written:
        raise RunError(
            f"{named} writes to the {written[0]} of the batch that it is given; it must return a changed copy"
        )
    if before is not None:
        if difference(before[0], random_state()):
            raise RunError(f"{named} draws from a global random generator; it must use the one that it is given")
        if change := difference(before[1], process_state()):
            raise RunError(f"{named} changes the process ({change}), which other components use")
    return found


def crop(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Crop each image of a batch at its own place.

    Args:
        images: Images [B, C, H, W] of any dtype.
        top: First row of each crop, int64 [B], from 0 to H - size.
        left: First column of each crop, int64 [B], from 0 to W - size.
        size: Side of the crops, in pixels.

    Returns:
        The crops, [B, C, size, size], with the dtype and the device of ``images``.
    """
    out = images.new_empty((*images.shape[:2], size, size))
    for b, (y, x) in enumerate(zip(top.tolist(), left.tolist(), strict=True)):
        out[b] = images[b, :, y : y + size, x : x + size]
    return out


def mirrored(images: Tensor, which: Tensor, dim: int) -> Tensor:
    """Mirror some images of a batch.

    Args:
        images: Images [B, C, H, W] of any dtype.
        which: The images to mirror, bool [B], on the CPU.
        dim: The dimension to reverse: 2 for rows, 3 for columns.

    Returns:
        A copy of ``images``.

    Example:
        >>> import torch
        >>> images = torch.arange(4).reshape(2, 1, 1, 2)
        >>> mirrored(images, torch.tensor([True, False]), dim=3).flatten().tolist()
        [1, 0, 2, 3]
    """
    out = images.clone()
    for b in which.nonzero()[:, 0].tolist():
        out[b] = images[b].flip(dim - 1)
    return out


class HorizontalFlip(Augmentation):
    """Mirror an image left to right with probability one half."""

    name = "horizontal_flip"
    geometric = True

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirror the images and their boxes."""
        flip = torch.rand(len(batch.images), generator=generator) < 0.5
        images = mirrored(batch.images, flip, 3)
        boxes = batch.boxes
        if boxes is not None:
            x0, y0, x1, y1 = boxes.unbind(1)
            boxes = torch.where(flip.to(boxes.device)[:, None], torch.stack([1 - x1, y0, 1 - x0, y1], dim=1), boxes)
        return batch.replace(images=images, boxes=boxes)
