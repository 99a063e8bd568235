"""Figures of results: the curves of a metric, and the panels that metrics with figures of their own draw on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wsol.arrays import Array
from wsol.evaluation.observations import Observations
from wsol.protocols import EvalProtocol, get_protocol
from wsol.records import Curve, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4
"""Panels side by side."""


@dataclass(frozen=True)
class PlottedResult:
    """One result in a figure, with its label in the legend, and its observations where they are kept."""

    label: str
    result: Result
    observations: Observations | None = None

    def curves(self, metric: str) -> tuple[Curve, ...]:
        """The curves of a metric by its name; empty where the result does not have the metric."""
        value = self.result.metrics.get(metric)
        return () if value is None else value.curves

    @property
    def protocol(self) -> EvalProtocol:
        """The protocol of the result."""
        return get_protocol(self.result.protocol)

    def with_curves(self, metric: str, curves: Sequence[Curve]) -> PlottedResult:
        """The same result with other curves of a metric.

        Args:
            metric: Name of the metric, which the result must have.
            curves: Its new curves.
        """
        value = self.result.metrics[metric].model_copy(update={"curves": tuple(curves)})
        metrics = {**self.result.metrics, metric: value}
        return replace(self, result=self.result.model_copy(update={"metrics": metrics}))

    def observed(self, metric: str) -> Array | None:
        """What a metric observed, [N, *shape of one observation]; None where it is not kept."""
        table = None if self.observations is None else self.observations.tables[0].get(metric)
        return None if table is None else table.rows(0, len(table)).reshape(len(table), *table.shape)


def draw_curves(metric: str, results: Sequence[PlottedResult]) -> list[Figure]:
    """Draw the curves of a metric: one panel for each name of a curve, in it one line for each result.

    Args:
        metric: The metric's name.
        results: What to draw; results without the metric are left out.

    Returns:
        One figure, or none where no result has a curve.
    """
    names = list(dict.fromkeys(curve.name for result in results for curve in result.curves(metric)))
    if not names:
        return []
    figure, panels = new_figure(len(names))
    for name, panel in zip(names, panels, strict=True):
        drawn = [(r.label, curve) for r in results for curve in r.curves(metric) if curve.name == name]
        for label, curve in drawn:
            draw_curve(panel, curve, label)
        _set_axes(panel, drawn[0][1])
        panel.set_title(name)
    finish_figure(figure)
    return [figure]


def draw_curve(panel: Axes, curve: Curve, label: str) -> None:
    """Draw the values of one curve, without labels or limits of the axes.

    Args:
        panel: Where to draw.
        curve: The values.
        label: Text of the legend.
    """
    if curve.kind == "bars":
        panel.stairs(curve.y, curve.x, label=label, fill=True, alpha=0.5)
    else:
        panel.plot(curve.x, curve.y, "o" if curve.kind == "points" else "-", label=label)
    if curve.x_scale == "symlog":
        panel.set_xscale("symlog", linthresh=min((abs(x) for x in curve.x if x), default=1.0))
    else:
        panel.set_xscale(curve.x_scale)


def _set_axes(panel: Axes, curve: Curve) -> None:
    panel.set_xlabel(curve.x_label)
    panel.set_ylabel(curve.y_label)
    if curve.x_limits is not None:
        panel.set_xlim(*curve.x_limits)
    if curve.y_limits is not None:
        panel.set_ylim(*curve.y_limits)


def new_figure(panels: int) -> tuple[Figure, list[Axes]]:
    """An empty figure with ``panels`` panels of the usual size."""
    from matplotlib.figure import Figure

    columns, rows = min(panels, _COLUMNS), math.ceil(panels / _COLUMNS)
    figure = Figure(figsize=(4.6 * columns, 4.2 * rows), layout="constrained")
    axes = list(np.ravel(figure.subplots(rows, columns)))
    for unused in axes[panels:]:
        unused.remove()
    return figure, axes[:panels]


def finish_figure(figure: Figure) -> None:
    """Add a grid and a legend to every panel."""
    for panel in figure.axes:
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7)
