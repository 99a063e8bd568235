"""Figures of records as PNG and SVG files: every curve of every metric, and sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from wsol.errors import DataError, UsageError
from wsol.evaluation.figures import PlottedResult, draw_curves
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.evaluation.observations import Observations
from wsol.files import write_atomic
from wsol.plugins import Plugins
from wsol.records import Result, RunRecord, read_record
from wsol.reports.figures import draw_sweep

FORMATS = ("png", "svg")


def draw_records(paths: Sequence[Path], out: Path, plugins: Plugins, *, force: bool = False) -> list[Path]:
    """Draw the figures of records, with results of one split and one protocol together.

    Args:
        paths: The records.
        out: The folder for the figures.
        plugins: Provide metrics that draw figures of their own. Metrics that no plugin provides are drawn from the
            curves in the records.
        force: Overwrite figures that exist.

    Returns:
        The files that were written.

    Raises:
        UsageError: A figure exists and ``force`` is false, or there is nothing to draw.
        DataError: A record is broken.
    """
    groups: dict[str, list[PlottedResult]] = {}
    for plotted in read_results(paths):
        groups.setdefault(f"{plotted.result.split}-{plotted.result.protocol}", []).append(plotted)
    figures = {
        f"{group}-{name}": figure
        for group, results in groups.items()
        for name, figure in {**_draw_metrics(results, plugins), **_draw_sweeps(results)}.items()
    }
    if not figures:
        raise UsageError("these records hold no curve")
    return _save(figures, out, force)


def _draw_metrics(results: Sequence[PlottedResult], plugins: Plugins) -> dict[str, Figure]:
    """The figures of all metrics by name; ``metric``, then ``metric-2`` … where a metric has several."""
    found = {}
    for metric in dict.fromkeys(name for plotted in results for name in plotted.result.metrics):
        having = [plotted for plotted in results if metric in plotted.result.metrics]
        known = len(plugins.owners("metrics", metric)) == 1
        figures = plugins.create("metrics", metric).draw(having) if known else draw_curves(metric, having)
        for number, figure in enumerate(figures, 1):
            found[metric if number == 1 else f"{metric}-{number}"] = figure
    return found


def _draw_sweeps(results: Sequence[PlottedResult]) -> dict[str, Figure]:
    swept: dict[str, list[PlottedResult]] = {}
    for plotted in results:
        if plotted.result.sweep:
            options = [name for name in plotted.result.sweep if name != plotted.result.primary]
            swept.setdefault(", ".join(options), []).append(plotted)
    return {f"sweep-{option.replace(', ', '-')}": draw_sweep(option, having) for option, having in swept.items()}


def read_results(paths: Sequence[Path]) -> list[PlottedResult]:
    """All results of the records, labelled by the parts of the recipe, and by benchmark or run where those are equal.

    Raises:
        DataError: A record or its observations are broken.
    """
    found: list[tuple[RunRecord, PlottedResult]] = []
    for path in paths:
        record = read_record(path)
        observed = observations_path(path)
        seen: Sequence[Observations | None] = read_observations(observed) if observed.exists() else []
        if seen and len(seen) != len(record.results):
            raise DataError(f"{observed}: has {len(seen)} results, but the record has {len(record.results)}")
        for i, result in enumerate(record.results):
            found.append((record, PlottedResult(_label(record, result), result, seen[i] if seen else None)))
    if len({record.train.benchmark.name for record, _ in found}) > 1:
        found = [(record, replace(p, label=f"{record.train.benchmark.name} {p.label}")) for record, p in found]
    count = Counter((plotted.label, plotted.result.split) for _, plotted in found)
    return [
        replace(plotted, label=f"{plotted.label} {record.run_id}")
        if count[plotted.label, plotted.result.split] > 1
        else plotted
        for record, plotted in found
    ]


def _label(record: RunRecord, result: Result) -> str:
    refs = [*record.train.filled(), *result.evaluation.filled()]
    return " ".join(ref.name for part, ref in refs if part.name != "pooling" and not part.many)


def _save(figures: dict[str, Figure], out: Path, force: bool) -> list[Path]:
    paths = {out / f"{name}.{kind}": (figure, kind) for name, figure in figures.items() for kind in FORMATS}
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        raise UsageError(f"{existing[0]}: exists already; give --force to overwrite it, or another --out")
    with rc_context({"svg.hashsalt": "wsol"}):
        for path, (figure, kind) in paths.items():
            content = BytesIO()
            figure.savefig(content, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
            write_atomic(path, content.getvalue(), "the figure")
    return list(paths)
