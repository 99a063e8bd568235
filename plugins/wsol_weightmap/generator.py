"""The network g: from an image to a weight for each of its pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wsol


class Generator(nn.Module):
    """U-Net: a backbone as encoder, and a decoder with a skip connection from each of its stages but the last.

    Each block enlarges the map to the size of the next stage's (bilinear), appends that, and brings the channels to as
    many as it has; the last block, without a skip, leads to the image's size and one channel. ``decoder`` is
    ``authors`` (two more convolutions first; convolution, norm, ReLU twice a block; the last one ends with a bare
    convolution) or ``paper`` (two convolutions, then norm and activation; section 3).
    """

    def __init__(self, features: wsol.Features, decoder: str) -> None:
        super().__init__()
        self.features = features
        twice = decoder == "authors"
        *skips, deepest = (features.channels[stage] for stage in features.stages)
        self.bottleneck = nn.Sequential(*block(deepest, deepest, twice)) if twice else nn.Identity()
        self.blocks = nn.ModuleList()
        width = deepest
        for skip in reversed(skips):
            self.blocks.append(nn.Sequential(*block(width + skip, skip, twice)))
            width = skip
        self.last = nn.Sequential(
            *conv(width, width, norm=twice),
            nn.Conv2d(width, 1, 3, padding=1, bias=twice),
            *([] if twice else [nn.BatchNorm2d(1)]),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images float [B, 3, H, W] → M float32 [B, 1, H, W] in (0, 1)."""
        stages = list(self.features.stages)
        found = self.features.run(images, want=stages)[1]
        *skips, x = (found[stage] for stage in stages)
        x = self.bottleneck(x)
        for layers, skip in zip(self.blocks, reversed(skips), strict=True):
            x = layers(torch.cat([enlarge(x, skip), skip], dim=1))
        logits: Tensor = self.last(enlarge(x, images))
        return logits.float().sigmoid()

    def new_parameters(self) -> list[nn.Parameter]:
        """Those without pretrained weights: the decoder's, and what the features say is new."""
        ids = {id(p) for p in self.features.parameters()}
        return [*(p for p in self.parameters() if id(p) not in ids), *self.features.new_parameters()]


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Bring maps to the height and width of others, bilinear.

    Args:
        x: float [B, C, h, w].
        like: Tensor whose size is taken, [B, D, H, W].

    Returns:
        float [B, C, H, W].
    """
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def block(channels_in: int, channels_out: int, twice: bool) -> list[nn.Module]:
    """Build two 3x3 convolutions; batch normalization and ReLU follow the last one, or each of them.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels between the convolutions and of the output.
        twice: Whether batch normalization and ReLU follow the first convolution too.

    Returns:
        The layers, which keep the size of the map.
    """
    return [*conv(channels_in, channels_out, norm=twice), *conv(channels_out, channels_out)]


def conv(channels_in: int, channels_out: int, norm: bool = True) -> list[nn.Module]:
    """Build a 3x3 convolution, by default followed by batch normalization and ReLU.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        norm: Whether batch normalization and ReLU follow; the convolution has a bias only without them.

    Returns:
        The layers, which keep the size of the map.
    """
    layer = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=not norm)
    return [layer, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)] if norm else [layer]
