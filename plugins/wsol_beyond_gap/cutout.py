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
    """Fill one square of each image; its side is drawn uniformly up to ``max_size`` (appendix of the paper).

    The centre is anywhere in the image, and what lies outside is cut off, as in DeVries and Taylor, Improved
    Regularization of Convolutional Neural Networks with Cutout, arXiv 2017.
    """

    name = "cutout"
    paper = "Körschens et al., Beyond Global Average Pooling, VISAPP 2022"
    Options = CutoutOptions

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """Labels and boxes stay as they are."""
        count, _, height, width = batch.images.shape
        side = torch.rand(count, generator=generator) * self.options.max_size * max(height, width)
        rows = _covered(torch.randint(height, (count,), generator=generator), side.round().long(), height)
        columns = _covered(torch.randint(width, (count,), generator=generator), side.round().long(), width)
        hole = (rows[:, None, :, None] & columns[:, None, None, :]).to(batch.images.device)
        return batch.replace(images=torch.where(hole, self.colour(batch.images), batch.images))

    def colour(self, images: Tensor) -> Tensor:
        """What fills the hole, [1, 3, 1, 1], like ``images``."""
        black = [-mean / std for mean, std in zip(wsol.IMAGENET_MEAN, wsol.IMAGENET_STD, strict=True)]
        return images.new_tensor(black if self.options.fill == "black" else [0.0] * 3).reshape(1, 3, 1, 1)


def _covered(centre: Tensor, side: Tensor, length: int) -> Tensor:
    """int64 [B] and int64 [B] → bool [B, length]: the ``side`` pixels around ``centre`` that lie in the image."""
    first = (centre - side // 2)[:, None]
    pixels = torch.arange(length)[None]
    return (pixels >= first) & (pixels < first + side[:, None])
