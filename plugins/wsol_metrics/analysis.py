"""Analyses of failures: boxes that cover background, and the range of raw values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import wsol
from wsol_metrics.boxes import BOX_ACCURACIES
from wsol_metrics.rates import rounded, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEPS = 20
_UNIT = 10_000
"""Shares are stored in units of 0.01 %."""


class BackgroundShare(wsol.Metric):
    """Background share: mean share of the predicted box that covers background; lower is better.

    1/N sum_i |b_i minus the union of the true boxes| / |b_i|, in pixels of the evaluation frame. b_i is the box of the
    largest contour (Wang et al. 2021, section 4.5, do not define it further) at the one of 20 thresholds 0, 0.05, ...,
    0.95 whose GT-known rate at IoU 0.5 is highest on the split, or the given box. A box without pixels has share 0.
    Small boxes inside the object score well, so it should be reported together with a box accuracy. Observation: uint16
    [thresholds, 22]: hit, share, and whether the share exceeds 0, 0.05, ..., 0.95. It takes longer than a box accuracy,
    because contours are searched at each of the 20 thresholds.
    """

    name = "background_share"
    paper = "Wang et al., MinMaxCAM: Improving Object Coverage for CAM-based WSOL, BMVC 2021"
    needs = frozenset({"boxes"})
    higher_is_better = False

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        """uint16 [thresholds, 22]."""
        fixed = image.protocol.theta is not None
        taus = image.protocol.taus if fixed else np.arange(_STEPS) / _STEPS
        return np.stack([self._at(image, float(tau)) for tau in taus])

    def _at(self, image: wsol.ScoredImage, tau: float) -> wsol.Array:
        boxes = image.boxes_at(tau, "largest")
        hit = image.protocol.hits(np.array(image.iou(boxes)), 0.5)
        background = round(_UNIT * _background(boxes, image))
        above = background > np.arange(_STEPS) * _UNIT // _STEPS
        return np.array([hit, background, *above], dtype=np.uint16)

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> wsol.Array:
        """The mean share at the best threshold, in percent: [..., thresholds, 22] → [...]."""
        return share(self._best(total)[..., 1], weight) / _UNIT

    def parts(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> dict[str, float]:
        """``above_0.1``: images whose share exceeds a tenth, in percent (the paper's figure)."""
        return {"above_0.1": float(share(self._best(total)[2 + _STEPS // 10], weight))}

    def curves(self, total: wsol.Array, weight: wsol.Array) -> list[wsol.Curve]:
        """Images whose share exceeds k / 20, in percent."""
        above = rounded(share(self._best(total)[2:], weight))
        return [
            wsol.Curve(
                name="images above a share of background",
                x=[step / _STEPS for step in range(_STEPS)],
                y=above,
                x_label="share of background in the box",
                y_label="images above, %",
                y_limits=(0, 100),
            )
        ]

    def _best(self, total: wsol.Array) -> wsol.Array:
        best = np.asarray(total)[..., 0].argmax(axis=-1)
        return np.take_along_axis(total, best[..., None, None], axis=-2)[..., 0, :]


def _background(boxes: wsol.Array, image: wsol.ScoredImage) -> float:
    """The share of the pixels of the predicted boxes that no true box covers; predicted ends are exclusive."""
    assert image.gt_boxes is not None
    edge = 1 if image.protocol.inclusive else 0
    predicted, true = np.rint(boxes).astype(int), np.rint(image.gt_boxes).astype(int)
    width, height = np.concatenate([predicted, true])[:, 2:].max(axis=0) + 1
    inside, covered = np.zeros((2, height, width), dtype=bool)
    for x0, y0, x1, y1 in predicted:
        inside[y0:y1, x0:x1] = True
    for x0, y0, x1, y1 in true:
        covered[y0 : y1 + edge, x0 : x1 + edge] = True
    pixels = np.count_nonzero(inside)
    return float(np.count_nonzero(inside & ~covered) / pixels) if pixels else 0.0


_IOU = 0.7
"""The IoU that counts as localized in Fig. 4 of Kim et al. 2021."""
_DECADES = np.logspace(-4, 4, 33)
_EDGES = np.concatenate([-_DECADES[::-1], _DECADES])


class MapExtrema(wsol.Metric):
    """Map extrema: the smallest and largest raw values of maps; the score is the share of maps with values below 0.

    Min and max of each raw map, upsampled and not normalised (Kim et al. 2021, Fig. 4 and 6). The ratio of the
    standard deviations of maxima and minima predicts where removing low values helps (section 4.4). NaN and constant
    maps are left out. Observation: float32 [6 + 2 * 67]: 1 for a map, 1 for min < 0, min, max, min^2, max^2, then
    one-hot bins of min and of max. The bins are logarithmic on both sides of 0, four per decade from 1e-4 to 1e4.
    ``wsol plot`` draws max over min of each image if observations are stored.
    """

    name = "map_extrema"
    paper = "Kim et al., Normalization Matters in Weakly Supervised Object Localization, ICCV 2021"
    needs = frozenset({"map"})
    higher_is_better = False

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        """float32 [140]."""
        bins = np.zeros((2, len(_EDGES) + 1), dtype=np.float32)
        if image.raw_map is None:
            return np.concatenate([np.zeros(6, dtype=np.float32), bins.ravel()])
        low, high = float(image.raw_map.min()), float(image.raw_map.max())
        bins[[0, 1], np.searchsorted(_EDGES, [low, high], side="right")] = 1
        with np.errstate(over="ignore"):
            head = np.array([1, low < 0, low, high, low * low, high * high]).astype(np.float32)
        return np.concatenate([head, bins.ravel()])

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> wsol.Array:
        """The share of images with a map, in percent: [..., 140] → [...]."""
        sums = np.asarray(total, dtype=np.float64)
        return 100 * sums[..., 1] / np.maximum(sums[..., 0], 1)

    def parts(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> dict[str, float]:
        """Means and standard deviations of minima and maxima, in the maps' own unit, and ``std_ratio``.

        Empty without maps, and with values beyond 1e19, whose squares are infinite in float32.
        """
        count, _, *sums = np.asarray(total[:6], dtype=np.float64)
        if not count or not np.isfinite(sums).all():
            return {}
        means, squares = np.array(sums[:2]) / count, np.array(sums[2:]) / count
        stds = np.sqrt(np.maximum(squares - means**2, 0))
        names = ("mean_minimum", "mean_maximum", "std_minimum", "std_maximum")
        found = {name: float(v) for name, v in zip(names, [*means, *stds], strict=True)}
        return {**found, "std_ratio": float(stds[1] / stds[0])} if stds[0] > 0 else found

    def curves(self, total: wsol.Array, weight: wsol.Array) -> list[wsol.Curve]:
        """Histograms of the minimum and the maximum, in percent of the images; the outer bins are open-ended."""
        count = max(float(total[0]), 1.0)
        edges = [float(f"{edge:.6g}") for edge in _EDGES]
        ends = [2 * edges[0], *edges, 2 * edges[-1]]
        return [
            wsol.Curve(
                name=name,
                x=ends,
                y=rounded(100 * values / count),
                x_label="raw value",
                y_label="images, %",
                kind="bars",
                x_scale="symlog",
            )
            for name, values in zip(("minimum", "maximum"), np.asarray(total[6:]).reshape(2, -1), strict=True)
        ]

    def draw(self, results: Sequence[wsol.PlottedResult]) -> Sequence[Figure]:
        """Maximum over minimum of each image (Fig. 4), or both histograms where no observations are kept."""
        if not results:
            return []
        figure, panels = wsol.new_figure(len(results))
        for panel, plotted in zip(panels, results, strict=True):
            seen = plotted.observed(self.name)
            if seen is not None:
                _scatter(panel, seen, _hits(plotted))
            else:
                _histograms(panel, plotted.curves(self.name))
            panel.set_title(plotted.label)
        wsol.finish_figure(figure)
        return [figure]


def _scatter(panel: Axes, seen: wsol.Array, hits: wsol.Array | None) -> None:
    """Draw a point for each image with a map, black for hits and red for others."""
    valid = seen[:, 0] > 0
    groups = [("images", "black", valid)]
    if hits is not None:
        groups = [("localized", "black", valid & hits), ("missed", "red", valid & ~hits)]
    for label, colour, chosen in groups:
        panel.plot(seen[chosen, 2], seen[chosen, 3], ".", color=colour, markersize=2, label=label)
    panel.set(xlabel="minimum of the raw map", ylabel="maximum of the raw map")


def _hits(plotted: wsol.PlottedResult) -> wsol.Array | None:
    """Which images are hits at IoU 0.7 and at the best threshold for it, bool [N]; None without a box accuracy."""
    for name in plotted.result.metrics:
        deltas = BOX_ACCURACIES[name].deltas if name in BOX_ACCURACIES else ()
        seen = plotted.observed(name)
        if _IOU in deltas and seen is not None:
            row = deltas.index(_IOU)
            hits: wsol.Array = seen[:, row, int(np.argmax(plotted.curves(name)[row].y))]
            return hits
    return None


def _histograms(panel: Axes, curves: Sequence[wsol.Curve]) -> None:
    for curve in curves:
        wsol.draw_curve(panel, curve, curve.name)
    panel.set(xlabel="raw value", ylabel="images, %")
