"""Box accuracy, with the threshold chosen on the evaluated split or carried over from the validation split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import wsol
from wsol_metrics.rates import rounded, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHOE = "Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020"
_CHOE_V2 = "Choe et al., Evaluation for Weakly Supervised Object Localization, TPAMI 2022"


class MaxBoxAcc(wsol.Metric):
    """MaxBoxAcc: share of images whose largest contour's box has IoU >= 0.5, at the threshold where it is highest.

    BoxAcc(tau, delta) = 1/N sum_i [IoU(box(s_i, tau), B_i) >= delta] (Choe et al. 2020, Eq. 2);
    MaxBoxAcc = max over tau of BoxAcc(tau, 0.5) (Eq. 3), tau on the evaluated split itself. Observation: bool
    [deltas, thresholds], a hit or not. Protocols with a strict comparison count IoU > delta.
    """

    name = "maxboxacc"
    paper = _CHOE
    needs = frozenset({"boxes"})
    deltas: tuple[float, ...] = (0.5,)
    contours: str | None = "largest"
    """Which contours have boxes: ``all`` or ``largest``; None: those of the protocol."""

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        """bool [D, T]: whether the image is a hit at each IoU and threshold."""
        return np.stack([image.hits(delta, self.contours) for delta in self.deltas])

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> wsol.Array:
        """The mean over the IoUs of the best rate over the thresholds, in percent: [..., D, T] → [...]."""
        mean: wsol.Array = self._rates(total, weight, calibration).mean(axis=-1)
        return mean

    def parts(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> dict[str, float]:
        """The rate at each IoU whose mean is the score, ``iou_…``."""
        rates = self._rates(total, weight, calibration)
        return {f"iou_{delta}": float(rate) for delta, rate in zip(self.deltas, rates, strict=True)}

    def _rates(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration) -> wsol.Array:
        """The rate at each IoU, at the threshold that counts for it: [..., D, T] → [..., D]."""
        best: wsol.Array = share(total, weight).max(axis=-1)
        return best

    def curves(self, total: wsol.Array, weight: wsol.Array) -> list[wsol.Curve]:
        """The rate over the thresholds k / T at each IoU; a constant where the protocol has one threshold only."""
        rates = share(total, weight)
        count = rates.shape[-1]
        return [
            wsol.Curve(
                name=f"IoU {delta}",
                x=[k / count for k in range(count)] if count > 1 else [0, 1],
                y=rounded(rate if count > 1 else rate.repeat(2)),
                x_label="threshold",
                y_label="accuracy, %",
                y_limits=(0, 100),
            )
            for delta, rate in zip(self.deltas, rates, strict=True)
        ]

    def best_threshold(self, total: wsol.Array, weight: wsol.Array) -> float | None:
        """The lowest threshold with the highest rate at IoU 0.5."""
        if 0.5 not in self.deltas:
            return None
        rates = rounded(share(total, weight)[self.deltas.index(0.5)])
        return float(np.argmax(rates)) / len(rates)

    def draw(self, results: Sequence[wsol.PlottedResult]) -> Sequence[Figure]:
        """The curves; a point at the protocol's threshold where it has one fixed threshold."""
        return super().draw([self._at_fixed_threshold(result) for result in results])

    def _at_fixed_threshold(self, plotted: wsol.PlottedResult) -> wsol.PlottedResult:
        """The result with points at the protocol's fixed threshold in place of constants."""
        theta = plotted.protocol.theta
        if theta is None:
            return plotted
        points = {"kind": "points", "x": [theta]}
        curves = [c.model_copy(update={**points, "y": c.y[:1]}) for c in plotted.curves(self.name)]
        return plotted.with_curves(self.name, curves)


class MaxBoxAccV2(MaxBoxAcc):
    """MaxBoxAccV2: mean of the box accuracies at IoU 0.3, 0.5 and 0.7, each at its own best threshold.

    1/3 sum over delta in {0.3, 0.5, 0.7} of max over tau of BoxAcc(tau, delta), with the best IoU of any contour's box
    and any true box (Choe et al. 2022, section 4). It is a lower bound under a protocol that keeps the largest contour.
    """

    name = "maxboxaccv2"
    paper = _CHOE_V2
    deltas = (0.3, 0.5, 0.7)
    contours = None


class _CarriedThreshold(MaxBoxAcc):
    """Box accuracy at the thresholds that were best on the validation split."""

    def _rates(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration) -> wsol.Array:
        """The rates at the thresholds of ``calibration``, [D]; without them at the best ones of the split."""
        if calibration is None:
            return super()._rates(total, weight, None)
        columns = [round(tau * total.shape[-1]) for tau in calibration]
        rates = share(total, weight)
        return np.stack([rates[..., d, column] for d, column in enumerate(columns)], axis=-1)

    def calibrate(self, total: wsol.Array, weight: wsol.Array) -> list[float]:
        """The lowest best threshold at each IoU, as a share of the map's maximum."""
        return _best_taus(share(total, weight))


class BoxAccAtVal(_CarriedThreshold):
    """BoxAcc@val: MaxBoxAcc with the threshold that was best on the validation split, carried over to test."""

    name = "boxacc_val"
    paper = _CHOE


class BoxAccV2AtVal(_CarriedThreshold):
    """BoxAccV2@val: MaxBoxAccV2 with the thresholds that were best on the validation split, carried over to test."""

    name = "boxaccv2_val"
    paper = _CHOE_V2
    deltas = MaxBoxAccV2.deltas
    contours = None


def _best_taus(rates: wsol.Array) -> list[float]:
    """The lowest threshold with the highest rate in each row of [D, T], as a share of the map's maximum."""
    return [float(k) / rates.shape[-1] for k in rates.argmax(axis=-1)]


BOX_ACCURACIES: dict[str, type[MaxBoxAcc]] = {
    metric.name: metric for metric in (MaxBoxAcc, MaxBoxAccV2, BoxAccAtVal, BoxAccV2AtVal)
}
"""The box accuracies by name."""
