"""MobileNetV1 from the package timm, which is imported on use."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

import wsol

MISSING = "this backbone needs the package timm: pip install 'wsol[timm]'"
MODEL = "mobilenetv1_100"
CHANNELS = (64, 128, 256, 512, 1024)


class TimmOptions(wsol.BackboneOptions):
    """Options of MobileNetV1.

    Without the package they raise UsageError, so that a study fails when it is planned and not when it runs.
    """

    stride: Literal[8, 16, 32] = wsol.option(32, "image pixels per cell of the feature map; at 224: 8 → 28x28")

    @model_validator(mode="after")
    def _package_is_there(self) -> TimmOptions:
        if find_spec("timm") is None:
            raise wsol.UsageError(MISSING)
        return self


class Rescale(nn.Module):
    """Converts images from the harness's normalisation to [-1, 1], which timm's weights were trained with."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, std = torch.tensor(wsol.Method.image_mean), torch.tensor(wsol.Method.image_std)
        self.register_buffer("scale", (2 * std)[:, None, None], persistent=False)
        self.register_buffer("shift", (2 * mean - 1)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Rescale images, float [B, 3, H, W]."""
        return images * self.scale + self.shift


class MobileNetV1(wsol.Backbone):
    """MobileNetV1: 3.2 M parameters, 1024 channels; needs ``wsol[timm]``, and ImageNet weights as a file.

    Units ``rescale``, ``stem``, then ``block1_1`` … ``block5_2``, one for each depthwise separable convolution; stages
    level1 to level5, one for each resolution at stride 32. Stride 16 sets the stride of the fifth level to 1, stride 8
    also that of the fourth.
    The file is timm's ``state_dict`` for ``mobilenetv1_100``.
    """

    name = "mobilenet_v1"
    paper = "Howard et al., MobileNets: efficient convolutional neural networks for mobile vision applications, 2017"
    Options = TimmOptions
    options: TimmOptions

    def build(self) -> wsol.Features:
        """Build the network in units; raises WeightsError without its weights."""
        import timm

        network: Any = timm.create_model(MODEL, pretrained=False, num_classes=0)
        self.load_pretrained(network, skip=("classifier.",))
        for level in {32: (), 16: (4,), 8: (4, 3)}[self.options.stride]:
            network.blocks[level][0].conv_dw.stride = (1, 1)
        units: dict[str, nn.Module] = {"rescale": Rescale(), "stem": nn.Sequential(network.conv_stem, network.bn1)}
        stages = {}
        for i, level in enumerate(network.blocks, start=1):
            units |= {f"block{i}_{j}": block for j, block in enumerate(level, start=1)}
            stages[f"level{i}"] = f"block{i}_{len(level)}"
        return wsol.Features(units, stages, dict(zip(stages, CHANNELS, strict=True)))
