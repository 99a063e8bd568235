"""Boxes at one fixed threshold."""

import wsol


class Threshold(wsol.BoxRule):
    """One box: that of the largest contour above ``theta`` times the map's maximum."""

    name = "threshold"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"

    class Options(wsol.Options):
        """Options of the rule."""

        theta: float = wsol.hparam(
            0.2, wsol.choice(0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5), help="share of the map's maximum", ge=0, lt=1
        )

    options: Options

    def __call__(self, score_map: wsol.FloatArray) -> wsol.IntArray:
        """Find the box: float64 [H, W] in [0, 1] → int64 [1, 4]."""
        return wsol.estimated_boxes(score_map, self.options.theta, contours="largest")
