"""Cutout with a random size."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

import wsol


class CutoutOptions(wsol.Options):
    """Options of Cutout."""

    max_size: float = wsol.hparam(
        0.25, wsol.uniform(0.0, 0.5), "largest side of the hole, as a share of the image's longer side", ge=0, le=1
    )
    fill: Literal["mean", "black"] = wsol.option(
        "mean", "colour of the hole: the mean that images are normalised by, or black under ImageNet's normalisation"
    )


class Cutout(wsol.Augmentation):
    """Cutout: fill one square of each image, whose side is uniform up to ``max_size`` (appendix of the paper).

    The centre is uniform in the image, and the square is clipped to it, as in DeVries and Taylor, Improved
    Regularization of Convolutional Neural Networks with Cutout, arXiv 2017.
    """

    name = "cutout"
    paper = "Körschens et al., Beyond Global Average Pooling, VISAPP 2022"
    Options = CutoutOptions
    options: CutoutOptions

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """Fill the squares; labels and boxes are unchanged."""
        count, _, height, width = batch.images.shape
        side = torch.rand(count, generator=generator) * self.options.max_size * max(height, width)
        rows = _covered(torch.randint(height, (count,), generator=generator), side.round().long(), height)
        columns = _covered(torch.randint(width, (count,), generator=generator), side.round().long(), width)
        hole = (rows[:, None, :, None] & columns[:, None, None, :]).to(batch.images.device)
        return batch.replace(images=torch.where(hole, self.colour(batch.images), batch.images))

    def colour(self, images: Tensor) -> Tensor:
        """The colour of the squares, [1, 3, 1, 1], with the dtype and device of ``images``."""
        black = [-mean / std for mean, std in zip(wsol.IMAGENET_MEAN, wsol.IMAGENET_STD, strict=True)]
        return images.new_tensor(black if self.options.fill == "black" else [0.0] * 3).reshape(1, 3, 1, 1)


def _covered(centre: Tensor, side: Tensor, length: int) -> Tensor:
    """The ``side`` pixels (int64 [B]) around ``centre`` (int64 [B]) on an axis of ``length``: bool [B, length]."""
    first = (centre - side // 2)[:, None]
    pixels = torch.arange(length)[None]
    return (pixels >= first) & (pixels < first + side[:, None])
