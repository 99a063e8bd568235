"""A small network for small images."""

from __future__ import annotations

from typing import Literal

from torch import nn

import wsol
from wsol_torchvision.base import he, initialise

WIDTHS = {"conv1": 16, "conv2": 32, "conv3": 96}


class TinyOptions(wsol.BackboneOptions):
    """Options of the tiny network."""

    pretrained: bool = wsol.option(False, "start from the weights of an earlier training; there is no download")
    stride: Literal[4, 8] = wsol.option(8, "image pixels per cell of the feature map; at 64: 8 → 8x8, 4 → 16x16")


class Tiny(wsol.Backbone):
    """Six convolutions with batch norm, trained from scratch on small images: 0.13 M parameters, 96 channels.

    Units ``conv1_1`` … ``conv3_2`` (convolution, norm, ReLU); stages conv1 to conv3, each beginning with a
    convolution of stride 2 (at stride 4, conv3 begins with stride 1).
    """

    name = "tiny"
    Options = TinyOptions
    options: TinyOptions

    def build(self) -> wsol.Features:
        """Build the network, randomly initialised or from a file; raises WeightsError if ``pretrained`` without one."""
        units: dict[str, nn.Module] = {}
        before = 3
        for stage, width in WIDTHS.items():
            keeps_size = stage == "conv3" and self.options.stride == 4
            units[f"{stage}_1"] = conv_unit(before, width, stride=1 if keeps_size else 2)
            units[f"{stage}_2"] = conv_unit(width, width)
            before = width
        features = wsol.Features(units, {stage: f"{stage}_2" for stage in WIDTHS}, WIDTHS)
        initialise(features, he)
        self.load_pretrained(features)
        return features


def conv_unit(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """Build a unit: convolution 3x3 without bias, batch norm, ReLU.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        stride: Stride of the convolution; 1 keeps the size.

    Returns:
        The three layers: float [B, channels_in, h, w] → [B, channels_out, ceil(h / stride), ceil(w / stride)].
    """
    conv = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))
