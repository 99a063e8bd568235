"""The figure of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from wsol.evaluation.figures import PlottedResult, finish_figure, new_figure


def draw_sweep(option: str, results: Sequence[PlottedResult]) -> Figure:
    """Draw the primary score over the settings that were scored on stored maps.

    Args:
        option: The swept options, separated by ``", "``.
        results: Results whose ``sweep`` has these options.
    """
    figure, panels = new_figure(1)
    for plotted in results:
        sweep, primary = plotted.result.sweep, plotted.result.primary
        settings = list(zip(*(sweep[name] for name in option.split(", ")), strict=True))
        numeric = all(len(setting) == 1 and isinstance(setting[0], int | float) for setting in settings)
        x = [setting[0] if numeric else ", ".join(map(str, setting)) for setting in settings]
        panels[0].plot(x, sweep[primary], "o-", label=plotted.label)
    panels[0].set(xlabel=option, ylabel=f"{results[0].result.primary}, %")
    finish_figure(figure)
    return figure
