"""VGG-16 as the benchmark alters it for ACoL and SPG: other poolings, and no conv6."""

from __future__ import annotations

from torch import nn

import wsol
from wsol_wsoleval.maps import conv3, initialise, xavier


def acol_vgg(features: wsol.Features) -> None:
    """Change all poolings to 3x3, insert missing ones that keep the size, and end with 3x3 averages."""
    halving = [name for name in features.units if name.startswith("pool")]
    for name in halving:
        features.units[name] = nn.MaxPool2d(3, stride=2, padding=1)
    if "pool4" not in halving:
        features.insert("conv4", "pool4", nn.MaxPool2d(3, stride=1, padding=1))
    features.truncate("conv5")
    features.insert("conv5", "pool5", nn.MaxPool2d(3, stride=1, padding=1))
    features.insert("conv5", "average", nn.AvgPool2d(3, stride=1, padding=1))


def spg_vgg(features: wsol.Features) -> None:
    """Make pool4 a 3x3 pooling of stage conv4, and replace conv6 by two convolutions of 512 channels.

    The benchmark trains conv4 and conv5 at the new layers' learning rate, because their names there do not contain
    ``features``.
    """
    features.truncate("conv5")
    if "pool4" in features.units:
        del features.units["pool4"]
        features.insert("conv4", "pool4", nn.MaxPool2d(3, stride=2, padding=1))
    features.wsoleval_head_lr_units = {name for name in features.units if name.startswith(("conv4_", "conv5_"))}
    features.insert("conv5", "added", nn.Sequential(*conv3(512, 512), *conv3(512, 512)))
    initialise(features.units["added"], xavier)
