"""Min-max normalisation, and none."""

import numpy as np

import wsol


class MinMax(wsol.Normalizer):
    """Min-max: (F - min F) / (max F - min F) of the upsampled map F."""

    name = "minmax"
    paper = "Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020"

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        """Normalise: float64 [H, W], not constant → float64 [H, W] in [0, 1]."""
        low, high = float(score_map.min()), float(score_map.max())
        return (score_map - low) / (high - low)


class Unchanged(wsol.Normalizer):
    """None: for maps that are in [0, 1] already; values that upsampling moved out of the range are clipped."""

    name = "none"

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        """Clip float64 [H, W] to [0, 1]."""
        return np.clip(score_map, 0.0, 1.0)
