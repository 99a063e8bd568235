"""The figure of a ranking, as SVG for the page: means with intervals over images, and the values of single seeds."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

MOST = 30
"""Most rows in a figure; the table next to it has all rows."""
LONGEST = 48
"""Most characters of a row's label."""
INK, ACCENT = "#010203", "#040506"
"""Placeholders for the page's own colours, so that one figure suits light and dark pages."""
PAGE_COLOURS = {INK: "currentColor", ACCENT: "var(--accent)"}


def plot(rows: Sequence[dict[str, Any]], labels: Sequence[str], title: str) -> str:
    """Draw the rows that have a mean, at most :data:`MOST`; a row that is not ranked has a hollow mark.

    Args:
        rows: Rows of a ranking, best first, from :func:`wsol_leaderboard.files.to_rows`.
        labels: A label for each row.
        title: The accessible name of the figure.

    Returns:
        An ``<svg>`` element, the same text for the same rows; empty when no row has a mean.
    """
    shown = [(row, label) for row, label in zip(rows, labels, strict=True) if row["mean"] is not None][:MOST]
    if not shown:
        return ""
    style: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 9, "text.color": INK}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(7.2, 0.7 + 0.28 * len(shown)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for place, (row, _) in enumerate(shown):
            _mark(axes, place, row)
        _frame(axes, [label for _, label in shown], rows[0]["metric"])
        content = io.StringIO()
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(content.getvalue(), title)


def _mark(axes: Axes, place: int, row: dict[str, Any]) -> None:
    if row["ci_low"] is not None and row["ci_high"] is not None:
        axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=ACCENT, linewidth=1.5, alpha=0.6)
    values = list(row["values"].values())
    axes.plot(values, [place] * len(values), "|", color=INK, markersize=6, alpha=0.6)
    face = ACCENT if row["rank"] is not None else "none"
    axes.plot([row["mean"]], [place], "o", markersize=6, markerfacecolor=face, markeredgecolor=ACCENT)


def _frame(axes: Axes, labels: list[str], metric: str) -> None:
    shortened = [label if len(label) <= LONGEST else label[: LONGEST - 1] + "…" for label in labels]
    axes.set_yticks(range(len(labels)), shortened, parse_math=False)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(f"{metric} (%)", color=INK, parse_math=False)
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    axes.spines[:].set_visible(False)


def _inline(svg: str, title: str) -> str:
    """Make a stand-alone SVG an element of an HTML page: without prologue, and without ids that could clash."""
    body = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r' xmlns(:xlink)?="[^"]*"| font-family: [^;"]*;', "", body).replace("xlink:href", "href")
    used = set(re.findall(r"#([\w.]+)", body))
    body = re.sub(r' id="([\w.]+)"', lambda m: m.group() if m.group(1) in used else "", body)
    body = re.sub(r'^<svg width="[^"]*" height="[^"]*"|^<svg height="[^"]*"', "<svg", body)
    for stand_in, colour in PAGE_COLOURS.items():
        body = body.replace(stand_in, colour)
    return body.replace("<svg", f'<svg role="img" aria-label="{_escaped(title)}"', 1).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
