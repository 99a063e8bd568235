"""VGG-16."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

import wsol
from wsol_torchvision.base import TorchvisionBackbone, he, initialise

CONVOLUTIONS = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
CHANNELS = {"conv1": 64, "conv2": 128, "conv3": 256, "conv4": 512, "conv5": 512, "conv6": 1024}


class VggOptions(wsol.BackboneOptions):
    """Options of VGG-16."""

    stride: Literal[8, 16] = wsol.option(16, "image pixels per cell of the feature map; at 224: 16 → 14x14, 8 → 28x28")


class Vgg16(TorchvisionBackbone):
    """VGG-16 with a new convolution in place of its fully connected layers: 19.4 M parameters, 1024 channels.

    Units ``conv1_1`` … ``conv5_3`` (convolution, ReLU) with ``pool1`` … ``pool4`` between them, and the new ``conv6``
    (3x3, 512 → 1024, ReLU); stages conv1 to conv6, each ends before its pooling. pool5 is dropped as in the CAM paper
    (Zhou et al., CVPR 2016), and pool4 too at stride 8. A method with its own head drops conv6: ``truncate("conv5")``.
    """

    name = "vgg16"
    paper = "Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015"
    Options = VggOptions
    options: VggOptions

    def network(self) -> Any:
        """Build the convolutions with He initialisation; the 124 M parameters after them are never allocated."""
        with torch.device("meta"):
            network = super().network()
        network.features.to_empty(device=torch.get_default_device())
        initialise(network.features, he)
        return network

    def cut(self, network: Any) -> wsol.Features:
        """Split the network into the units that the class lists."""
        layers = iter(network.features)
        units: dict[str, nn.Module] = {}
        for block, count in CONVOLUTIONS.items():
            units.update({f"conv{block}_{i}": nn.Sequential(next(layers), next(layers)) for i in range(1, count + 1)})
            units[f"pool{block}"] = next(layers)
        for dropped in ("pool5", "pool4")[: 1 if self.options.stride == 16 else 2]:
            del units[dropped]
        units["conv6"] = nn.Sequential(nn.Conv2d(512, 1024, 3, padding=1), nn.ReLU(inplace=True))
        initialise(units["conv6"], he)
        stages = {f"conv{block}": f"conv{block}_{count}" for block, count in CONVOLUTIONS.items()}
        return wsol.Features(units, {**stages, "conv6": "conv6"}, CHANNELS, head_lr_units=["conv6"])
