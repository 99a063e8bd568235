"""ResNets."""

from __future__ import annotations

from typing import Any

from torch import nn

import wsol
from wsol_torchvision.base import StrideOptions, TorchvisionBackbone, lower_stride

LAYERS = ("layer1", "layer2", "layer3", "layer4")


class ResNet(TorchvisionBackbone):
    """Units ``stem`` (convolution, norm, ReLU), ``pool`` and the blocks ``layer1_0`` …; stages stem, layer1 to layer4.

    Stride 16 sets the stride of layer4 to 1, stride 8 also that of layer3. The wsoleval benchmark trains layer4 at the
    head's learning rate.
    """

    paper = "He et al., Deep residual learning for image recognition, CVPR 2016"
    Options = StrideOptions
    options: StrideOptions
    unused = ("fc.",)

    def cut(self, network: Any) -> wsol.Features:
        """Split the network into the units that the class lists."""
        lower_stride(self.options.stride, network.layer4, network.layer3)
        units = {"stem": nn.Sequential(network.conv1, network.bn1, network.relu), "pool": network.maxpool}
        stages, channels = {"stem": "stem"}, {"stem": network.conv1.out_channels}
        for layer in LAYERS:
            blocks = getattr(network, layer)
            units.update({f"{layer}_{i}": block for i, block in enumerate(blocks)})
            stages[layer] = f"{layer}_{len(blocks) - 1}"
            channels[layer] = blocks[0].conv1.out_channels * blocks[0].expansion
        layer4 = [unit for unit in units if unit.startswith("layer4_")]
        return wsol.Features(units, stages, channels, wsoleval_head_lr_units=layer4)


class ResNet18(ResNet):
    """ResNet-18: 11.2 M parameters, 512 channels."""

    name = "resnet18"


class ResNet34(ResNet):
    """ResNet-34: 21.3 M parameters, 512 channels."""

    name = "resnet34"


class ResNet50(ResNet):
    """ResNet-50: 23.5 M parameters, 2048 channels."""

    name = "resnet50"


class ResNet101(ResNet):
    """ResNet-101: 42.5 M parameters, 2048 channels."""

    name = "resnet101"
