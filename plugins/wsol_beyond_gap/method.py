"""CAM on a feature pyramid."""

from __future__ import annotations

from typing import Literal

import wsol
from wsol_beyond_gap.pooling import PAPER
from wsol_beyond_gap.pyramid import Pyramid


class FpnOptions(wsol.TrainingOptions):
    """Options of CAM on a feature pyramid."""

    level: Literal["P2", "P3", "P4"] = wsol.option("P4", "feature map; P4 as large as the last stage but one, P3, P2")
    channels: int = wsol.option(512, "channels of the pyramid", gt=0)


class FpnCam(wsol.ClassifierMethod):
    """CAM on one level of a Feature Pyramid Network, which enlarges the map instead of lower strides.

    Wraps whatever backbone the recipe names, at the strides it names: a published network (stride 32) at 224 gives
    56x56 at P2, 28x28 at P3, 14x14 at P4. The pyramid trains at the new layers' learning rate.
    """

    name = "fpn_cam"
    paper = PAPER
    Options = FpnOptions

    def build_features(self) -> Pyramid:
        """The backbone inside the pyramid; raises UsageError when it has too few stages."""
        return Pyramid(super().build_features(), self.options.level, self.options.channels)
