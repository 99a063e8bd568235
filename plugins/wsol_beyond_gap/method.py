"""CAM on a feature pyramid."""

from __future__ import annotations

from typing import Literal

import wsol
from wsol_beyond_gap.pooling import PAPER
from wsol_beyond_gap.pyramid import Pyramid


class FpnOptions(wsol.TrainingOptions):
    """Options of CAM on a feature pyramid."""

    level: Literal["P2", "P3", "P4"] = wsol.option(
        "P4", "level of the pyramid; P4 has the size of the second last stage"
    )
    channels: int = wsol.option(512, "channels of the pyramid", gt=0)


class FpnCam(wsol.ClassifierMethod):
    """CAM on one level of a Feature Pyramid Network, which enlarges the map without lowering strides.

    Works with any backbone at any stride: at stride 32, images of 224x224 give 56x56 at P2, 28x28 at P3 and 14x14 at
    P4. The pyramid is trained at the new layers' learning rate.
    """

    name = "fpn_cam"
    paper = PAPER
    Options = FpnOptions
    options: FpnOptions

    def build_features(self) -> Pyramid:
        """Build the pyramid around the backbone; raises UsageError if that has too few stages."""
        return Pyramid(super().build_features(), self.options.level, self.options.channels)
