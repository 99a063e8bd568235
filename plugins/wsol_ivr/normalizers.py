"""Max, PaS and IVR normalisation.

Kim et al., Normalization Matters in Weakly Supervised Object Localization, ICCV 2021, with the clipping that its
equations omit. All normalizers act on the upsampled map F of n pixels. The p-th percentile is the element at index
int(p * n) of the ascending values, without interpolation. Where a formula divides 0 by 0, the score is 0.
"""

from __future__ import annotations

import numpy as np

import wsol

PAPER = "Kim et al., Normalization Matters in Weakly Supervised Object Localization, ICCV 2021"


def percentile(values: wsol.FloatArray, share: float) -> float:
    """The element at index int(share * n) of the n ascending values, without interpolation.

    Args:
        values: Values of any shape, n of them, at least one.
        share: Position in the ascending order, with 0 <= share < 1.

    Returns:
        One of the values.
    """
    index = int(share * values.size)
    return float(np.partition(values, index, axis=None)[index])


def positive_share(values: wsol.FloatArray) -> wsol.FloatArray:
    """Clip ``values`` at 0 and divide them by their maximum, in place; zeros if none is positive."""
    np.maximum(values, 0.0, out=values)
    top = values.max()
    return np.divide(values, top, out=values) if top > 0 else values


class Max(wsol.Normalizer):
    """Max: negative values become 0, then F / max F (Eq. 4)."""

    name = "max"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        """Normalise: float64 [H, W] → float64 [H, W] in [0, 1]; zeros if no value is positive."""
        return positive_share(score_map.copy())


class PaS(wsol.Normalizer):
    """Percentile as a standard (PaS): G = F - min F, divided by the 90th percentile of G and clipped at 1 (Eq. 5).

    The original paper applies the percentile to the threshold instead: box rule ``pas_threshold``.
    """

    name = "pas"
    paper = "Bae et al., Rethinking Class Activation Mapping for Weakly Supervised Object Localization, ECCV 2020"

    class Options(wsol.Options):
        """Options of the normalizer."""

        percentile: float = wsol.option(0.9, "share of pixels below the value that becomes 1", ge=0, lt=1)

    options: Options

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        """Normalise: float64 [H, W] → float64 [H, W] in [0, 1]; if the percentile is the minimum, all above it is 1."""
        raised = score_map - float(score_map.min())
        standard = percentile(raised, self.options.percentile)
        if standard == 0:
            return (raised > 0).astype(np.float64)
        return np.minimum(np.divide(raised, standard, out=raised), 1.0, out=raised)


class IVR(wsol.Normalizer):
    """Inferior value removal (IVR): F minus its p-th percentile, clipped at 0 and divided by its maximum (Eq. 6).

    p is chosen on the maps of val, without retraining; 0 is min-max. The paper chooses p with CAM and uses it for all
    methods. To do the same, fix ``percentile``: for VGG16, ResNet50 and InceptionV3 .45, .60 and .60 on CUB, .25, .30
    and .35 on ImageNet; .05 on OpenImages.
    """

    name = "ivr"
    paper = PAPER

    class Options(wsol.Options):
        """Options of the normalizer."""

        percentile: float = wsol.hparam(
            0.45, wsol.choice(*(step / 20 for step in range(20))), "share of pixels that become 0", ge=0, lt=1
        )

    options: Options

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        """Normalise: float64 [H, W] → float64 [H, W] in [0, 1]; zeros if the percentile is the maximum."""
        return positive_share(score_map - percentile(score_map, self.options.percentile))
