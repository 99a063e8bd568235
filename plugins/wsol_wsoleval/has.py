"""Hide-and-seek."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

import wsol

PAPER = "Singh and Lee, Hide-and-Seek: forcing a network to be meticulous, ICCV 2017"


class HaSOptions(wsol.Options):
    """Options of hide-and-seek."""

    cell: float = wsol.hparam(
        0.25, wsol.uniform(0.0, 1.0), "side of a cell as a share of the image's; 0 hides nothing", ge=0, le=1
    )
    drop_rate: float = wsol.hparam(0.5, wsol.uniform(0.0, 1.0), "share of the cells that are hidden", ge=0, le=1)


class HaS(wsol.Augmentation):
    """Hide-and-seek: fill random cells of a grid on each image with the mean colour.

    The grid starts in the upper left corner of the image; cells at the right and bottom edges are cut off.
    """

    name = "has"
    paper = PAPER
    Options = HaSOptions
    options: HaSOptions

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """Hide cells of each image, filling them with 0, the mean colour after normalisation."""
        count, _, height, width = batch.images.shape
        side = round(self.options.cell * width)
        if side == 0:
            return batch
        shape = (count, -(-height // side), -(-width // side))
        cells = torch.rand(shape, generator=generator) < self.options.drop_rate
        hidden = enlarge(cells.to(batch.images.device), side)[:, None, :height, :width]
        return batch.replace(images=batch.images.masked_fill(hidden, 0))


def enlarge(cells: Tensor, side: int) -> Tensor:
    """Enlarge cells to squares of pixels.

    Args:
        cells: [B, r, c], of any dtype.
        side: Side of a square in pixels.

    Returns:
        [B, r * side, c * side], of the same dtype.
    """
    return cells.repeat_interleave(side, dim=1).repeat_interleave(side, dim=2)


class HaSTrainingOptions(HaSOptions, wsol.TrainingOptions):
    """Options of CAM trained with hide-and-seek."""


class HaSMethod(wsol.ClassifierMethod):
    """Hide-and-seek: CAM trained on images with hidden cells, so that it uses more than the best part."""

    name = "has"
    paper = PAPER
    Options = HaSTrainingOptions
    options: HaSTrainingOptions

    def augmentations(self) -> Sequence[wsol.Augmentation]:
        """The recipe's augmentations, then hide-and-seek."""
        return [*super().augmentations(), HaS(self.options)]
