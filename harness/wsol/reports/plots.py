"""From records to files: all their curves, as PNG and SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from wsol.errors import DataError, UsageError
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.evaluation.observations import Observations
from wsol.records import Result, RunRecord, read_record
from wsol.reports.figures import KINDS, Line, draw_sweep

FORMATS = ("png", "svg")


def draw_records(paths: Sequence[Path], out: Path, *, force: bool = False) -> list[Path]:
    """Draw all curves of the records into ``out``, results of one split and protocol together.

    Returns the files. Raises UsageError when a file exists and ``force`` was not given, or when there is nothing to
    draw, DataError for a broken record.
    """
    groups: dict[str, list[Line]] = {}
    for line in read_lines(paths):
        groups.setdefault(f"{line.result.split}-{line.result.protocol}", []).append(line)
    figures = {f"{group}-{name}": figure for group, lines in groups.items() for name, figure in _draw(lines).items()}
    if not figures:
        raise UsageError("these records hold no curve")
    return _save(figures, out, force)


def _draw(lines: Sequence[Line]) -> dict[str, Figure]:
    """The figures of results that may stand in one figure, by name."""
    metrics = dict.fromkeys(name for line in lines for name in line.result.metrics)
    pairs = ((metric, kind) for metric in metrics for kind in KINDS)
    found = {f"{metric}-{kind}": figure for metric, kind in pairs for figure in KINDS[kind](metric, lines)}
    swept: dict[str, list[Line]] = {}
    for line in lines:
        if line.result.sweep:
            options = [name for name in line.result.sweep if name != line.result.primary]
            swept.setdefault(", ".join(options), []).append(line)
    return {**found, **{f"sweep-{o.replace(', ', '-')}": draw_sweep(o, having) for o, having in swept.items()}}


def read_lines(paths: Sequence[Path]) -> list[Line]:
    """All results of the records, labelled by what tells them apart; by benchmark too where there are several."""
    found = []
    for path in paths:
        record = read_record(path)
        beside = observations_path(path)
        seen: Sequence[Observations | None] = read_observations(beside) if beside.exists() else []
        if seen and len(seen) != len(record.results):
            raise DataError(f"{beside}: not of this record")
        for i, result in enumerate(record.results):
            found.append((record, Line(_label(record, result), result, seen[i] if seen else None)))
    if len({record.train.benchmark.name for record, _ in found}) > 1:
        found = [(record, replace(line, label=f"{record.train.benchmark.name} {line.label}")) for record, line in found]
    often = Counter((line.label, line.result.split) for _, line in found)
    return [
        replace(line, label=f"{line.label} {record.run_id}") if often[line.label, line.result.split] > 1 else line
        for record, line in found
    ]


def _label(record: RunRecord, result: Result) -> str:
    refs = [*record.train.filled(), *result.evaluation.filled()]
    return " ".join(ref.name for part, ref in refs if part.name != "pooling" and not part.many)


def _save(figures: dict[str, Figure], out: Path, force: bool) -> list[Path]:
    paths = {out / f"{name}.{kind}": (figure, kind) for name, figure in figures.items() for kind in FORMATS}
    existing = [path for path in paths if path.exists()]
    if existing and not force:
        raise UsageError(f"{existing[0]}: exists already; give --force to draw it anew, or another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with rc_context({"svg.hashsalt": "wsol"}):
            for path, (figure, kind) in paths.items():
                figure.savefig(path, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    except OSError as error:
        raise DataError(f"{out}: cannot be written: {error.strerror or error}") from None
    return list(paths)
