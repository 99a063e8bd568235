"""Scoring maps that somebody else's code made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsol.cli.common import AsJson, PluginFiles, err, load_plugins, out, print_json, warn

if TYPE_CHECKING:
    from wsol.study.submission import ScoredSubmission, Submission


def score(
    maps: Annotated[Path, typer.Argument(help="Score-map store, folder of IMAGE_ID.npy files, or .csv file of boxes.")],
    benchmark: Annotated[str, typer.Option(help="Benchmark that the maps are of ('wsol benchmarks').")],
    split: Annotated[str, typer.Option(metavar="val|test", help="Split that the maps are of.")],
    root: Annotated[
        Path | None, typer.Option(help="Data folder of the benchmark, where it needs one.", show_default=False)
    ] = None,
    normalizer: Annotated[str, typer.Option(help="Normalizer; 'none' for maps in [0, 1].")] = "minmax",
    box_rule: Annotated[
        str | None, typer.Option(help="Box rule instead of the protocol's thresholds.", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Option of the normalizer, or with box_rule.KEY or benchmark.KEY of another part (repeatable).",
        ),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol. Default: the benchmark's.", show_default=False)
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Metric (repeatable; the first is the primary). Default: the benchmark's."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Record of the same method on val: carry its thresholds over.")
    ] = None,
    logits: Annotated[
        Path | None,
        typer.Option(help="Store of another run, whose logits say which class comes first.", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the method. Default: the maps' file name.", show_default=False)
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write a record for the leaderboard here: NAME.record.json.", show_default=False)
    ] = None,
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="Results folder with the ledger. Default: WSOL_RESULTS, or ./results."),
    ] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples for intervals; 0: none.")] = 1000,
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
) -> None:
    """Score maps or boxes of anybody's code under a benchmark's protocol.

    Missing, unreadable or impossible maps are named, all at once, and nothing is scored. Scoring test is written into
    the ledger of the results folder, as every look at test is.
    """
    from wsol.errors import UsageError
    from wsol.recipes import ComponentRef
    from wsol.study.ledger import FILE_NAME
    from wsol.study.session import default_out
    from wsol.study.submission import Submission, score_maps

    if split not in ("val", "test"):
        raise UsageError(f"--split {split}: maps are scored on 'val' or 'test'")
    _check_record(record)
    options = parse_options(option or [])
    if root is not None:
        options["benchmark"]["root"] = str(root.resolve())
    submission = Submission(
        maps=maps,
        name=name or maps.stem,
        benchmark=ComponentRef(name=benchmark, options=options["benchmark"]),
        split=split,  # type: ignore[arg-type]
        normalizer=ComponentRef(name=normalizer, options=options["normalizer"]),
        box_rule=ComponentRef(name=box_rule, options=options["box_rule"]) if box_rule else None,
        ledger=(out_folder or default_out()) / FILE_NAME,
        protocol=protocol,
        metrics=tuple(metric or ()),
        calibration=calibration,
        logits=logits,
        bootstrap=bootstrap,
        threads=threads,
    )
    plugins = load_plugins(plugin)
    scored = _with_progress(submission, plugins, score_maps)
    _print(scored, as_json)  # first: what was seen of test is not lost where the record cannot be written
    if record is not None:
        _write(scored, record, plugins)


def parse_options(given: list[str]) -> dict[str, dict[str, Any]]:
    """``["percentile=0.4", "box_rule.theta=0.2"]`` → options of normalizer, box rule and benchmark."""
    import yaml

    from wsol.errors import UsageError
    from wsol.options import suggest

    found: dict[str, dict[str, Any]] = {"normalizer": {}, "box_rule": {}, "benchmark": {}}
    for entry in given:
        key, equals, value = entry.partition("=")
        part, _, field = key.rpartition(".")
        if not equals or not field:
            raise UsageError(f"--option {entry}: not KEY=VALUE")
        if (part or "normalizer") not in found:
            raise UsageError(f"--option {entry}: unknown part '{part}'{suggest(part, found)}")
        found[part or "normalizer"][field] = yaml.safe_load(value)
    return found


def _check_record(record: Path | None) -> None:
    from wsol.errors import UsageError

    if record is None:
        return
    if not record.name.endswith(".record.json"):
        raise UsageError(f"--record {record}: the name of a record ends in .record.json")
    if record.exists():
        raise UsageError(f"--record {record}: exists already, and nothing is overwritten; choose another name")
    folder = next(parent for parent in record.absolute().parents if parent.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(f"--record {record}: nothing can be written in {folder}")


def _with_progress(submission: Submission, plugins: Any, score_maps: Any) -> ScoredSubmission:
    from rich.progress import Progress

    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("scoring", total=None)

        def show(done: int, images: int) -> None:
            bar.update(task, completed=done, total=images)

        scored: ScoredSubmission = score_maps(submission, plugins, show)
        return scored


def _write(scored: ScoredSubmission, path: Path, plugins: Any) -> None:
    from wsol.evaluation.observation_file import observations_path, write_observations
    from wsol.records import write_record
    from wsol.study import environment

    update = {"versions": environment.versions(plugins.plugins), "hardware": environment.hardware()}
    write_observations(observations_path(path), [scored.scores.observations])
    write_record(scored.record.model_copy(update=update), path)


def _print(scored: ScoredSubmission, as_json: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    for warning in scored.warnings:
        warn(escape(warning))
    result, opening = scored.record.results[0], scored.record.test
    if opening is not None:
        warn(f"this cell has now been scored on test by {opening.touched} selection(s); the ledger has it")
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    title = f"{scored.record.run_id}: {result.split} of {scored.record.train.benchmark.name}, {result.protocol}"
    table = Table("metric", "score", "95 % interval", "parts", title=escape(title))
    for name, value in result.metrics.items():
        interval = "" if value.low is None else f"{value.low:.2f} to {value.high:.2f}"
        parts = ", ".join(f"{part} {number:.2f}" for part, number in value.parts.items())
        table.add_row(name, f"{value.value:.2f}", interval, parts)
    out.print(table)
