"""MobileNetV2."""

from __future__ import annotations

from typing import Any

import wsol
from wsol_torchvision.base import StrideOptions, TorchvisionBackbone, lower_stride

LEVELS = {"level1": 1, "level2": 3, "level3": 6, "level4": 13, "level5": 18}
CHANNELS = {"level1": 16, "level2": 24, "level3": 32, "level4": 96, "level5": 1280}


class MobileNetV2(TorchvisionBackbone):
    """MobileNetV2: 2.2 M parameters, 1280 channels.

    Units ``features_0`` … ``features_18``; stages level1 to level5, one for each resolution at stride 32. Stride 16
    sets the stride of the sixth stage of inverted residuals to 1, stride 8 also that of the fourth (MinMaxCAM uses 8).
    """

    name = "mobilenet_v2"
    paper = "Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018"
    Options = StrideOptions
    options: StrideOptions

    def cut(self, network: Any) -> wsol.Features:
        """Split the network into the units that the class lists."""
        lower_stride(self.options.stride, network.features[14], network.features[7])
        units = {f"features_{i}": unit for i, unit in enumerate(network.features)}
        return wsol.Features(units, {level: f"features_{i}" for level, i in LEVELS.items()}, CHANNELS)
