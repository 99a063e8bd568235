"""The network that predicts one box per image, and classification averaged over ten crops."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import wsol
from wsol_psol.boxes import resize

HIDDEN = 512


class Regressor(nn.Module):
    """Features, pooling, and a head of two layers for (x, y, w, h) as shares of the image sides, each in (0, 1).

    Linear(d, 512), ReLU, Linear(512, 4), sigmoid (Zhang et al., CVPR 2020, section 3.2.2; the width is that of the
    parameter counts in its Table 2).
    """

    def __init__(self, features: wsol.Features, pooling: wsol.Pooling) -> None:
        super().__init__()
        self.features = features
        self.pooling = pooling
        self.head = nn.Sequential(
            nn.Linear(features.out_channels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 4), nn.Sigmoid()
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images float [B, 3, H, W] → float [B, 4]."""
        boxes: Tensor = self.head(self.pooling(self.features(images)))
        return boxes

    def new_parameters(self) -> list[nn.Parameter]:
        """Parameters with the learning rate of new layers: the head, and the new units of the features."""
        return [*self.head.parameters(), *self.features.new_parameters()]


def ten_crops(images: Tensor) -> Tensor:
    """Four corners and the middle of the enlarged images, and the mirror images: float [B, 3, S, S] → [10 * B, ...].

    Images are enlarged by 256 / 224 first, so that crops have their size. Crop k of image b is row k * B + b.
    """
    side = images.shape[-1]
    large = resize(images, round(side * 256 / 224))
    end, middle = large.shape[-1] - side, round((large.shape[-1] - side) / 2)
    corners = [(0, 0), (0, end), (end, 0), (end, end), (middle, middle)]
    crops = [large[..., y : y + side, x : x + side] for y, x in corners]
    return torch.cat([*crops, *(crop.flip(3) for crop in crops)])


def ten_crop_logits(classifier: nn.Module, images: Tensor) -> Tensor:
    """The logarithm of the mean probability over ten crops.

    Args:
        classifier: A network from images float [N, 3, S, S] to logits float [N, C].
        images: float [B, 3, S, S].

    Returns:
        float [B, C], <= 0.
    """
    logits: Tensor = classifier(ten_crops(images))
    probabilities = logits.softmax(dim=1).reshape(10, len(images), -1)
    return probabilities.mean(dim=0).log()
