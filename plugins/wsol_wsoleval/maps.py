"""Arithmetic on maps, and the convolutions that ACoL and SPG add to a backbone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMALLEST = torch.finfo(torch.float32).tiny
Draw = Callable[[Tensor], Tensor]


def minmax(maps: Tensor) -> Tensor:
    """Min-max normalise each map: [B, h, w] → float32 [B, h, w] in [0, 1]; a constant map becomes 0."""
    maps = maps.float()
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp(min=SMALLEST)


def of_label(maps: Tensor, labels: Tensor) -> Tensor:
    """Select the maps of labels.

    Args:
        maps: Class maps, [B, C, h, w].
        labels: int64 [B].

    Returns:
        [B, h, w], of the same dtype.
    """
    return maps[torch.arange(len(labels), device=labels.device), labels]


def upsampled(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Upsample maps bilinearly.

    Args:
        maps: [B, h, w].
        size: New height and width.

    Returns:
        float32 [B, *size].
    """
    return F.interpolate(maps[:, None].float(), size, mode="bilinear", align_corners=False)[:, 0]


def conv3(channels_in: int, channels_out: int) -> list[nn.Module]:
    """A 3x3 convolution that keeps the size, and a ReLU.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.

    Returns:
        The two layers.
    """
    return [nn.Conv2d(channels_in, channels_out, 3, padding=1), nn.ReLU(inplace=True)]


def xavier(weight: Tensor) -> Tensor:
    """Xavier initialisation: a uniform distribution (Glorot and Bengio, AISTATS 2010)."""
    return nn.init.xavier_uniform_(weight)


def he(weight: Tensor) -> Tensor:
    """He initialisation: a normal distribution that preserves the variance of gradients (He et al., ICCV 2015)."""
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def initialise(module: nn.Module, draw: Draw) -> None:
    """Initialise the weights of all convolutions and linear layers in a module, and their biases with 0.

    Args:
        module: The module; it is changed in place.
        draw: Fills a weight tensor in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            draw(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
