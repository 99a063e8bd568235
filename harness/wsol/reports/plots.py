"""Figures of records as PNG and SVG files: every curve of every metric, and sweeps."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import chain, count
from pathlib import Path
from urllib.parse import quote

from matplotlib import rc_context
from matplotlib.figure import Figure

from wsol.errors import DataError, RunError, UsageError, one_line
from wsol.evaluation.figures import PlottedResult, draw_curves
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.evaluation.observations import Observations
from wsol.files import write_atomic
from wsol.outputs import claim_outputs
from wsol.recipes import ComponentRef, Part
from wsol.records import Result, RunRecord, read_record
from wsol.registry import Plugins
from wsol.reports.figures import draw_sweep

FORMATS = ("png", "svg")
Images = dict[str, bytes]
"""A figure as files: format → content."""
MARK = "wsol plot"
"""Stored in every figure, so that it is known from other files."""
_LOG = logging.getLogger(__name__)


def draw_records(
    paths: Sequence[Path],
    out: Path,
    plugins: Plugins,
    *,
    overwrite: bool = False,
    warn: Callable[[str], None] = _LOG.warning,
) -> list[Path]:
    """Draw the figures of records, with results of one split and one protocol together.

    Args:
        paths: The records.
        out: The folder for the figures.
        plugins: Provide metrics that draw figures of their own. Metrics that no plugin provides are drawn from the
            curves in the records.
        overwrite: Replace files that exist and that no call of this function wrote.
        warn: Receives a line for each metric whose own figures cannot be drawn. Its curves are drawn instead.

    Returns:
        The files that were written.

    Raises:
        UsageError: A file of a figure's name exists and may not be replaced, or there is nothing to draw.
        DataError: A record is broken.
    """
    groups: dict[str, list[PlottedResult]] = {}
    for plotted in read_results(paths):
        groups.setdefault(f"{plotted.result.split}-{plotted.result.protocol}", []).append(plotted)
    figures = {
        f"{group}-{name}": images
        for group, results in groups.items()
        for name, images in {**_draw_metrics(results, plugins, warn), **_draw_sweeps(results)}.items()
    }
    if not figures:
        raise UsageError("these records hold no curve")
    return _save(figures, out, paths, overwrite)


def _draw_metrics(results: Sequence[PlottedResult], plugins: Plugins, warn: Callable[[str], None]) -> dict[str, Images]:
    """The figures of all metrics by name; ``metric``, then ``metric-2`` … where a metric has several."""
    found: dict[str, Images] = {}
    for metric in dict.fromkeys(name for plotted in results for name in plotted.result.metrics):
        having = [plotted for plotted in results if metric in plotted.result.metrics]
        for images in _draw_metric(metric, having, plugins, warn):
            names = chain([metric], (f"{metric}-{number}" for number in count(2)))
            found[next(name for name in names if name not in found)] = images
    return found


def _draw_metric(
    metric: str, results: Sequence[PlottedResult], plugins: Plugins, warn: Callable[[str], None]
) -> list[Images]:
    """The figures that the metric draws; those of its curves where no plugin provides it, or where it fails."""
    if len(plugins.owners("metrics", metric)) == 1:
        try:
            return [_render(figure) for figure in _own_figures(metric, results, plugins)]
        except Exception as error:  # a third-party metric may raise anything
            warn(f"metric '{metric}': its own figures cannot be drawn, its curves are drawn instead: {one_line(error)}")
    try:
        return [_render(figure) for figure in draw_curves(metric, results)]
    except Exception as error:  # curves of a third-party metric may be such that Matplotlib cannot draw them
        warn(f"metric '{metric}': its curves cannot be drawn: {one_line(error)}")
        return []


def _own_figures(metric: str, results: Sequence[PlottedResult], plugins: Plugins) -> Sequence[Figure]:
    figures = plugins.create("metrics", metric).draw(results)
    if not isinstance(figures, Sequence) or not all(isinstance(figure, Figure) for figure in figures):
        raise RunError(f"'draw' returned {type(figures).__name__}; it must return a list of Matplotlib figures")
    return figures


def _draw_sweeps(results: Sequence[PlottedResult]) -> dict[str, Images]:
    swept: dict[str, list[PlottedResult]] = {}
    for plotted in results:
        if plotted.result.sweep:
            options = [name for name in plotted.result.sweep if name != plotted.result.primary]
            swept.setdefault(", ".join(options), []).append(plotted)
    return {
        f"sweep-{option.replace(', ', '-')}": _render(draw_sweep(option, having)) for option, having in swept.items()
    }


def read_results(paths: Sequence[Path]) -> list[PlottedResult]:
    """All results of the records, each with a label that tells it from the others.

    A label is the method, and every other part of the recipe that differs between the results, with its options; where
    that is equal, the run's name as well.

    Raises:
        DataError: A record or its observations are broken.
    """
    records: list[RunRecord] = []
    found: list[tuple[Result, Observations | None]] = []
    for path in paths:
        record = read_record(path)
        observed = observations_path(path)
        seen: Sequence[Observations | None] = read_observations(observed) if observed.exists() else []
        if seen and len(seen) != len(record.results):
            raise DataError(f"{observed}: has {len(seen)} results, but the record has {len(record.results)}")
        records += [record] * len(record.results)
        found += [(result, seen[i] if seen else None) for i, result in enumerate(record.results)]
    labels = _labels([_part_labels(record, result) for record, (result, _) in zip(records, found, strict=True)])
    alike = Counter((label, result.split) for label, (result, _) in zip(labels, found, strict=True))
    return [
        PlottedResult(f"{label} {record.run_id}" if alike[label, result.split] > 1 else label, result, observations)
        for record, label, (result, observations) in zip(records, labels, found, strict=True)
    ]


def _labels(results: Sequence[dict[str, str]]) -> list[str]:
    """A label for each result from the labels of its parts: those that differ, and the method."""
    keys = list(dict.fromkeys(key for parts in results for key in parts))
    shown = [key for key in keys if key == "method" or len({parts.get(key) for parts in results}) > 1]
    return [" ".join(parts[key] for key in shown if key in parts) for parts in results]


def _part_labels(record: RunRecord, result: Result) -> dict[str, str]:
    """Part key → the label of its component, or of all components of a list; the benchmark without its folder."""
    benchmark = record.train.benchmark
    options = {name: value for name, value in benchmark.options.items() if name != "root"}
    labels = {"benchmark": benchmark.model_copy(update={"options": options}).label()}
    refs: Iterator[tuple[Part, ComponentRef]] = chain(record.train.filled(), result.evaluation.filled())
    for part, ref in refs:
        labels[part.key] = f"{labels[part.key]}+{ref.label()}" if part.key in labels else ref.label()
    return labels


def _render(figure: Figure) -> Images:
    """A figure as files of all formats, with the same content for the same figure."""
    images = {}
    with rc_context({"svg.hashsalt": "wsol"}):
        for kind in FORMATS:
            content = BytesIO()
            metadata = {"Date": None, "Creator": MARK} if kind == "svg" else {"Software": MARK}
            figure.savefig(content, format=kind, dpi=150, metadata=metadata)
            images[kind] = content.getvalue()
    return images


def _save(figures: dict[str, Images], out: Path, inputs: Sequence[Path], overwrite: bool) -> list[Path]:
    contents = {
        out / f"{_file_name(name)}.{kind}": content
        for name, images in figures.items()
        for kind, content in images.items()
    }
    claim_outputs(list(contents), mark=MARK, overwrite=overwrite, inputs=inputs)
    for path, content in contents.items():
        write_atomic(path, content, "the figure")
    return list(contents)


def _file_name(name: str) -> str:
    """The name of a figure as that of a file: ``/`` and other characters that file names lack are percent-encoded."""
    return re.sub(r"[^\w. ,()=+-]", lambda found: quote(found[0], safe=""), name)
