"""DenseNet-161."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

import wsol
from wsol_torchvision.base import PublishedStrideOptions, TorchvisionBackbone

CHANNELS = {"stem": 96, "block1": 384, "block2": 768, "block3": 2112, "block4": 2208}


class DenseNet161(TorchvisionBackbone):
    """DenseNet-161: 26.5 M parameters, 2208 channels.

    Units ``stem`` (convolution, norm, ReLU), ``pool``, ``block1``, ``transition1`` … ``block4`` (the last norm and ReLU
    included); stages stem, block1 to block4. Stride 16 omits the pooling of transition3, stride 8 also that of
    transition2.
    """

    name = "densenet161"
    paper = "Huang et al., Densely connected convolutional networks, CVPR 2017"
    Options = PublishedStrideOptions
    options: PublishedStrideOptions

    @staticmethod
    def rename(key: str) -> str:
        """Published weights use the older names ``norm.1`` for ``norm1``."""
        return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", key)

    def cut(self, network: Any) -> wsol.Features:
        """Split the network into the units that the class lists."""
        layers = network.features
        for transition in {32: (), 16: (3,), 8: (3, 2)}[self.options.stride]:
            layers.get_submodule(f"transition{transition}").pool = nn.Identity()
        units = {"stem": nn.Sequential(layers.conv0, layers.norm0, layers.relu0), "pool": layers.pool0}
        for i in (1, 2, 3):
            units[f"block{i}"] = layers.get_submodule(f"denseblock{i}")
            units[f"transition{i}"] = layers.get_submodule(f"transition{i}")
        units["block4"] = nn.Sequential(layers.denseblock4, layers.norm5, nn.ReLU(inplace=True))
        return wsol.Features(units, {stage: stage for stage in CHANNELS}, CHANNELS)
