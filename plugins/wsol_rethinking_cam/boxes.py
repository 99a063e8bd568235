"""One box at a threshold relative to a percentile of the map."""

from __future__ import annotations

import numpy as np

import wsol
from wsol_rethinking_cam.pooling import PAPER


class PasThreshold(wsol.BoxRule):
    """One box: that of the largest contour above ``theta`` times the map's 90th percentile (PaS, as first published).

    The map is quantised to 8-bit levels, the percentile is interpolated between them, and the threshold is truncated to
    a level. The box of a map of zeros is the whole image. The rule is meant for min-max maps, whose highest level is
    255.
    """

    name = "pas_threshold"
    paper = PAPER

    class Options(wsol.Options):
        """Options of the rule."""

        theta: float = wsol.hparam(
            0.35, wsol.choice(*(step / 20 for step in range(1, 20))), "share of the percentile", gt=0, lt=1
        )
        percentile: float = wsol.option(90.0, "percentile of the map's levels, in percent", ge=0, le=100)

    options: Options

    def __call__(self, score_map: wsol.FloatArray) -> wsol.IntArray:
        """Find the box: float64 [H, W] in [0, 1] → int64 [1, 4]."""
        levels = (score_map * 255).astype(np.uint8)
        top = int(levels.max())
        if top == 0:
            height, width = levels.shape
            return np.array([[0, 0, width - 1, height - 1]])
        level = int(self.options.theta * np.percentile(levels, self.options.percentile))
        # estimated_boxes takes a share of the highest level and truncates; half a level more is safe from rounding.
        return wsol.estimated_boxes(score_map, (level + 0.5) / top, contours="largest")
