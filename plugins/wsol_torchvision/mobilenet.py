"""MobileNetV2."""

from __future__ import annotations

from typing import Any

import wsol
from wsol_torchvision.base import TorchvisionBackbone, lower_stride

LEVELS = {"level1": 1, "level2": 3, "level3": 6, "level4": 13, "level5": 18}
CHANNELS = {"level1": 16, "level2": 24, "level3": 32, "level4": 96, "level5": 1280}


class MobileNetV2(TorchvisionBackbone):
    """MobileNetV2: 2.2 M parameters, 1280 channels.

    Units ``features_0`` … ``features_18``; stages level1 to level5, one a resolution at stride 32. Strides 16 and 8 set
    the stride of the sixth, then of the fourth stage of inverted residuals too, to 1 (MinMaxCAM, BMVC 2021, uses 8).
    """

    name = "mobilenet_v2"
    paper = "Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018"

    def cut(self, network: Any) -> wsol.Features:
        """See the class."""
        lower_stride(self.options.stride, network.features[14], network.features[7])
        units = {f"features_{i}": unit for i, unit in enumerate(network.features)}
        return wsol.Features(units, {level: f"features_{i}" for level, i in LEVELS.items()}, CHANNELS)
