"""The figures that curves of records are drawn as. A curve is drawn by its name, whichever metric it comes from:

``accuracy_at_iou_…`` over the threshold; ``precision`` against ``recall``; ``minimum`` and ``maximum`` over ``edges``
(a scatter of the images where their observations are kept); ``images_above``; and the sweep of a result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from wsol.arrays import Array
from wsol.evaluation.observations import Observations
from wsol.protocols import get_protocol
from wsol.records import Result

ACCURACY = "accuracy_at_iou_"


@dataclass(frozen=True)
class Line:
    """One result with its name in a legend, and its observations where they are kept."""

    label: str
    result: Result
    observations: Observations | None = None

    def curves(self, metric: str) -> dict[str, list[float]]:
        """The curves of a metric; {} where the result does not have it."""
        value = self.result.metrics.get(metric)
        return {} if value is None else value.curves


def draw_accuracy(metric: str, lines: Sequence[Line]) -> list[Figure]:
    """Accuracy over the threshold, a panel an IoU."""
    names = dict.fromkeys(n for line in lines for n in line.curves(metric) if n.startswith(ACCURACY))
    if not names:
        return []
    figure, panels = _panels(len(names))
    for panel, name in zip(panels, names, strict=True):
        for line in lines:
            if rates := line.curves(metric).get(name):
                _plot_rates(panel, rates, line)
        panel.set(title=f"IoU {name.removeprefix(ACCURACY)}", xlabel="threshold", ylabel="accuracy, %", ylim=(0, 100))
    return [_finished(figure, panels)]


def _plot_rates(panel: Any, rates: Sequence[float], line: Line) -> None:
    """A curve; a point where the protocol fixes its one threshold; a level where boxes need none."""
    if len(rates) > 1:
        panel.plot(np.arange(len(rates)) / len(rates), rates, label=line.label)
    elif (theta := get_protocol(line.result.protocol).theta) is not None:
        panel.plot([theta], rates, "o", label=line.label)
    else:
        panel.plot([0, 1], [rates[0], rates[0]], label=line.label)


def draw_precision_recall(metric: str, lines: Sequence[Line]) -> list[Figure]:
    """Precision against recall."""
    having = [line for line in lines if {"precision", "recall"} <= set(line.curves(metric))]
    if not having:
        return []
    figure, panels = _panels(1)
    for line in having:
        curves = line.curves(metric)
        panels[0].plot(curves["recall"], curves["precision"], label=line.label)
    panels[0].set(xlabel="recall, %", ylabel="precision, %", xlim=(0, 100), ylim=(0, 101))
    return [_finished(figure, panels)]


def draw_extrema(metric: str, lines: Sequence[Line]) -> list[Figure]:
    """Smallest against largest raw value of each image, or how often each occurs where images are not kept."""
    having = [line for line in lines if {"edges", "minimum", "maximum"} <= set(line.curves(metric))]
    if not having:
        return []
    figure, panels = _panels(len(having))
    for panel, line in zip(panels, having, strict=True):
        if line.observations is not None:
            _scatter(panel, metric, line)
        else:
            _histogram(panel, line.curves(metric))
        panel.set_title(line.label)
    return [_finished(figure, panels)]


def _scatter(panel: Any, metric: str, line: Line) -> None:
    """As Kim et al. 2021, Fig. 4: localized at IoU 0.7 at the best threshold or not. Columns 2, 3: minimum, maximum."""
    assert line.observations is not None
    rows = line.observations.tables[0][metric].rows(0, len(line.observations))
    there = rows[:, 0] > 0
    hits = _hits(line)
    groups = [("localized", "black", there & hits), ("missed", "red", there & ~hits)] if hits is not None else []
    for label, colour, chosen in groups or [("images", "black", there)]:
        panel.plot(rows[chosen, 2], rows[chosen, 3], ".", color=colour, markersize=2, label=label)
    panel.set(xlabel="minimum of the raw map", ylabel="maximum of the raw map")


def _hits(line: Line) -> Array | None:
    """bool [N]: which images are hits at IoU 0.7 at the threshold that is best for it; None without such a curve."""
    assert line.observations is not None
    for metric in line.result.metrics:
        names = [name for name in line.curves(metric) if name.startswith(ACCURACY)]
        table = line.observations.tables[0].get(metric)
        if table is not None and f"{ACCURACY}0.7" in names:
            delta, best = names.index(f"{ACCURACY}0.7"), int(np.argmax(line.curves(metric)[f"{ACCURACY}0.7"]))
            return table.rows(0, len(table)).reshape(len(table), *table.shape)[:, delta, best]
    return None


def _histogram(panel: Any, curves: dict[str, list[float]]) -> None:
    edges = np.array(curves["edges"])
    ends = [edges[0] * 2, *edges, edges[-1] * 2]
    for name in ("minimum", "maximum"):
        panel.stairs(curves[name], ends, label=name, fill=True, alpha=0.5)
    panel.set_xscale("symlog", linthresh=float(np.abs(edges).min()))
    panel.set(xlabel="raw value", ylabel="images, %")


def draw_background(metric: str, lines: Sequence[Line]) -> list[Figure]:
    """Images whose share of background exceeds a share."""
    having = [line for line in lines if "images_above" in line.curves(metric)]
    if not having:
        return []
    figure, panels = _panels(1)
    for line in having:
        shares = line.curves(metric)["images_above"]
        panels[0].plot(np.arange(len(shares)) / len(shares), shares, label=line.label)
    panels[0].set(xlabel="share of background in the box", ylabel="images above, %", ylim=(0, 100))
    return [_finished(figure, panels)]


def draw_sweep(option: str, lines: Sequence[Line]) -> Figure:
    """The primary score over the settings of the options ``option`` that were tried on stored maps."""
    figure, panels = _panels(1)
    for line in lines:
        scores = line.result.sweep[line.result.primary]
        settings = list(zip(*(line.result.sweep[name] for name in option.split(", ")), strict=True))
        numeric = all(len(setting) == 1 and isinstance(setting[0], int | float) for setting in settings)
        x = [setting[0] if numeric else ", ".join(map(str, setting)) for setting in settings]
        panels[0].plot(x, scores, "o-", label=line.label)
    panels[0].set(xlabel=option, ylabel=f"{lines[0].result.primary}, %")
    return _finished(figure, panels)


KINDS: dict[str, Callable[[str, Sequence[Line]], list[Figure]]] = {
    "accuracy": draw_accuracy,
    "precision-recall": draw_precision_recall,
    "extrema": draw_extrema,
    "background": draw_background,
}


def _panels(count: int) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(4.6 * count, 4.2), layout="constrained")
    return figure, list(np.ravel(figure.subplots(1, count)))


def _finished(figure: Figure, panels: Sequence[Any]) -> Figure:
    for panel in panels:
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7)
    return figure
