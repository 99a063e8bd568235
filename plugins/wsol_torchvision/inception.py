"""InceptionV3, as the wsoleval benchmark alters it for localization."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wsol
from wsol_torchvision.base import TorchvisionBackbone, initialise

STAGES = {
    "conv1": "Conv2d_2b_3x3",
    "conv2": "Conv2d_4a_3x3",
    "mixed5": "Mixed_5d",
    "mixed6": "Mixed_6e",
    "added": "dropout3",
}
CHANNELS = {"conv1": 64, "conv2": 192, "mixed5": 288, "mixed6": 768, "added": 1024}
STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "pool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "pool2")
MIXED = ("Mixed_5b", "Mixed_5c", "Mixed_5d", "pool5", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")


class InceptionOptions(wsol.BackboneOptions):
    """Options of InceptionV3."""

    stride: Literal[8, 16] = wsol.option(16, "image pixels per cell of the feature map; at 224: 16 → 14x14, 8 → 28x28")
    dropout: float = wsol.option(0.5, "share of activations dropped before each added layer and the head", ge=0, lt=1)


class InceptionV3(TorchvisionBackbone):
    """InceptionV3 up to Mixed_6e with two new convolutions: 25.5 M parameters, 1024 channels.

    Units as torchvision names the modules, with ``pool1``, ``pool2`` and ``pool5`` (after Mixed_5d; not at stride 8)
    between them, then ``dropout1``, ``added1`` (3x3, 768 → 1024, ReLU), ``dropout2``, ``added2`` (1024 → 1024),
    ``dropout3``; stages conv1, conv2, mixed5, mixed6, added. Differences from torchvision: padding 1 in Conv2d_1a and
    in both poolings of the stem, which round sizes up, and Mixed_6a keeps the size. The benchmark's last 1x1
    convolution is the classifier's linear head here: global average pooling and a linear layer commute. Images are
    normalised as for the other backbones, although these weights were trained on [-1, 1].
    """

    name = "inception_v3"
    paper = "Szegedy et al., Rethinking the inception architecture for computer vision, CVPR 2016"
    Options = InceptionOptions
    options: InceptionOptions
    unused = ("AuxLogits.", "Mixed_7", "fc.")

    def network(self) -> Any:
        """Build torchvision's network without the auxiliary classifier, with the benchmark's Xavier initialisation."""
        from torchvision.models import inception_v3

        network = inception_v3(weights=None, num_classes=1, aux_logits=False, init_weights=False)
        initialise(network, nn.init.xavier_uniform_)
        return network

    def cut(self, network: Any) -> wsol.Features:
        """Split the network into the units that the class lists."""
        network.Conv2d_1a_3x3.conv.padding = (1, 1)
        altered = {
            "pool1": nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
            "pool2": nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
            "pool5": nn.MaxPool2d(3, stride=2, ceil_mode=True),
            "Mixed_6a": SameSize(network.Mixed_6a),
        }
        units = {name: altered[name] if name in altered else getattr(network, name) for name in (*STEM, *MIXED)}
        if self.options.stride == 8:
            del units["pool5"]
        return wsol.Features({**units, **self.added()}, STAGES, CHANNELS, head_lr_units=["added1", "added2"])

    def added(self) -> dict[str, nn.Module]:
        """The new units: two convolutions, with dropout before each and before the head."""
        units: dict[str, nn.Module] = {}
        for i, channels in enumerate((768, 1024), start=1):
            units[f"dropout{i}"] = nn.Dropout(self.options.dropout)
            units[f"added{i}"] = nn.Sequential(nn.Conv2d(channels, 1024, 3, padding=1), nn.ReLU(inplace=True))
            initialise(units[f"added{i}"], nn.init.xavier_uniform_)
        return {**units, "dropout3": nn.Dropout(self.options.dropout)}


class SameSize(nn.Module):
    """Torchvision's InceptionB block (two branches of convolutions, one of pooling) with stride 1 and padding 1."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.direct = block.branch3x3
        self.deep = nn.Sequential(block.branch3x3dbl_1, block.branch3x3dbl_2, block.branch3x3dbl_3)
        for last in (block.branch3x3, block.branch3x3dbl_3):
            last.conv.stride, last.conv.padding = (1, 1), (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Feature map float [B, 288, h, w] → float [B, 768, h, w]."""
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        return torch.cat([self.direct(x), self.deep(x), pooled], dim=1)
