"""Pixel average precision."""

import numpy as np

import wsol
from wsol_metrics.rates import rounded

_UINT16_PIXELS = 1 << 16


class PxAP(wsol.Metric):
    """PxAP: average precision of the scores of all pixels of a split, against masks.

    PxAP = sum over l of P(tau_l) (R(tau_l) - R(tau_l-1)), tau falling over 0.999, ..., 0 (Choe et al. 2020, Eq. 4);
    precision and recall over all pixels of the split that are not ignored. Observation: the image's histogram of
    scores, background and foreground, uint16 or uint32 [2, 1002].
    """

    name = "pxap"
    paper = "Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020"
    needs = frozenset({"masks", "map"})

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        """Pixels in each bin, [2, 1002]; the dtype depends on the protocol's frame only."""
        assert image.score_map is not None
        assert image.foreground is not None
        counts = wsol.pixel_histograms(image.score_map, image.foreground, image.ignore)
        wide = image.protocol.original_size or image.score_map.size >= _UINT16_PIXELS
        return counts.astype(np.uint32 if wide else np.uint16)

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> wsol.Array:
        """PxAP in percent: [..., 2, 1002] → [...]; NaN for a resample without foreground.

        Raises:
            wsol.DataError: The split has no foreground.
        """
        found = np.asarray(total)
        if found.ndim == 2:
            return np.asarray(wsol.average_precision(found))
        values = np.full(found.shape[:-2], np.nan)
        there = found[..., 1, :].sum(axis=-1) > 0
        values[there] = wsol.average_precision(found[there])
        return values

    def curves(self, total: wsol.Array, weight: wsol.Array) -> list[wsol.Curve]:
        """Precision over recall, in percent, from the highest threshold to the lowest."""
        precision, recall = wsol.precision_recall(total)
        return [
            wsol.Curve(
                name="precision and recall",
                x=rounded(100 * recall),
                y=rounded(100 * precision),
                x_label="recall, %",
                y_label="precision, %",
                x_limits=(0, 100),
                y_limits=(0, 101),
            )
        ]
