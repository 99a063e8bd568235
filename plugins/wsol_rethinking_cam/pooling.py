"""Thresholded average pooling."""

from __future__ import annotations

from torch import Tensor

import wsol

PAPER = "Bae et al., Rethinking Class Activation Mapping for Weakly Supervised Object Localization, ECCV 2020"


class TAP(wsol.Pooling):
    """Thresholded average pooling (TAP): the mean of a channel's values above ``theta`` times its maximum.

    A channel without such values (zeros) pools to 0. The selection of locations is treated as constant in the gradient.
    Class maps use the features without the threshold.
    """

    name = "tap"
    paper = PAPER

    class Options(wsol.Options):
        """Options of the pooling."""

        theta: float = wsol.option(0.1, "share of a channel's maximum", ge=0, lt=1)

    options: Options

    def forward(self, features: Tensor) -> Tensor:
        """Pool features: float [B, K, h, w] → float [B, K]."""
        kept = features > self.options.theta * features.amax(dim=(2, 3), keepdim=True)
        count = kept.sum(dim=(2, 3)).clamp(min=1)
        return features.where(kept, 0.0).sum(dim=(2, 3)) / count
