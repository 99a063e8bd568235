"""Scoring third-party maps and boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsol.cli.common import (
    AsJson,
    BenchmarkName,
    DataRoot,
    PluginFiles,
    ProtocolName,
    ResultsFolder,
    ScoredSplitOption,
    err,
    load_plugins,
    out,
    print_json,
    warn,
)

if TYPE_CHECKING:
    from wsol.evaluation.observe import ScoringProgress
    from wsol.options import OptionValues
    from wsol.recipes import ComponentRef
    from wsol.study.submission import ScoredSubmission


def score(
    maps: Annotated[Path, typer.Argument(help="Score-map store, folder of IMAGE_ID.npy files, or .csv file of boxes.")],
    benchmark: BenchmarkName,
    split: ScoredSplitOption,
    root: DataRoot = None,
    normalizer: Annotated[str, typer.Option(help="Normalizer; 'none' for maps in [0, 1].")] = "minmax",
    box_rule: Annotated[
        str | None, typer.Option(help="Box rule instead of the protocol's thresholds.", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Option of the normalizer, or with box_rule.KEY or benchmark.KEY of another part (repeatable).",
            show_default=False,
        ),
    ] = None,
    protocol: ProtocolName = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric (repeatable; the first one is primary). Default: the benchmark's.", show_default=False
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Record of the same method on val, whose thresholds are carried over to test.", show_default=False
        ),
    ] = None,
    logits: Annotated[
        Path | None,
        typer.Option(
            help="Score-map store of another run, whose logits replace those of the maps.", show_default=False
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the method. Default: the maps' file name.", show_default=False)
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Write a record for the leaderboard to this file, NAME.record.json.", show_default=False),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a record and observations that are not of this submission.")
    ] = False,
    out_folder: ResultsFolder = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, max=100_000, help="Resamples for confidence intervals; 0: none.")
    ] = 1000,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads that score.")] = 1,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
) -> None:
    """Score third-party maps or boxes under a benchmark's protocol.

    Missing, unreadable or invalid maps are listed all at once, and nothing is scored. Scoring on test is a test
    evaluation: it is written to the ledger of the results folder first.
    """
    from wsol.study.ledger import FILE_NAME
    from wsol.study.session import default_out
    from wsol.study.submission import Submission, score_submission

    options = parse_options(option or [])
    if root is not None:
        options.benchmark["root"] = str(root.resolve())
    submission = Submission(
        maps=maps,
        name=name or maps.stem,
        benchmark=_ref(benchmark, options.benchmark),
        split=split,
        normalizer=_ref(normalizer, options.normalizer),
        box_rule=_ref(box_rule, options.box_rule) if box_rule else None,
        ledger=(out_folder or default_out()) / FILE_NAME,
        protocol=protocol,
        metrics=tuple(metric or ()),
        calibration=calibration,
        logits=logits,
        record=record,
        overwrite=overwrite,
        bootstrap=bootstrap,
        threads=threads,
    )
    plugins = load_plugins(plugin)
    with _progress() as progress:
        score_submission(submission, plugins, on_scored=lambda scored: _print(scored, as_json), progress=progress)


def _ref(name: str, options: OptionValues) -> ComponentRef:
    from wsol.recipes import ComponentRef

    return ComponentRef(name=name, options=options)


@dataclass(frozen=True)
class PartOptions:
    """The options that ``--option`` gives for each part."""

    normalizer: OptionValues
    box_rule: OptionValues
    benchmark: OptionValues


def parse_options(given: Iterable[str]) -> PartOptions:
    """Sort options by part.

    Args:
        given: For example ``["percentile=0.4", "box_rule.theta=0.2"]``; keys and values are read as by ``--set``,
            so that ``benchmark.KEY.INNER=VALUE`` changes an option that is a mapping.

    Returns:
        The options of each part.

    Raises:
        UsageError: An entry is not KEY=VALUE, names an unknown part, or its value is not valid YAML.
    """
    from wsol.errors import UsageError
    from wsol.options import suggest
    from wsol.study.config import apply_override

    found = PartOptions({}, {}, {})
    for entry in given:
        key, equals, _ = entry.partition("=")
        part, dot, _ = key.partition(".")
        if not equals or not all(key.split(".")):
            raise UsageError(f"--option {entry}: not KEY=VALUE")
        if dot and part not in vars(found):
            raise UsageError(f"--option {entry}: unknown part '{part}'{suggest(part, vars(found))}")
        apply_override(vars(found), entry if dot else f"normalizer.{entry}", "--option")
    return found


@contextmanager
def _progress() -> Iterator[ScoringProgress]:
    from rich.progress import Progress

    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("scoring", total=None)
        yield lambda done, images: bar.update(task, completed=done, total=images)


def _print(scored: ScoredSubmission, as_json: bool) -> None:
    from rich.table import Table

    for warning in scored.warnings:
        warn(warning)
    result, opening = scored.record.results[0], scored.record.test
    if opening is not None:
        warn(f"this recipe has now been scored on test by {opening.evaluations} selection(s), as the ledger records")
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    title = f"{scored.record.run_id}: {result.split} of {scored.record.train.benchmark.name}, {result.protocol}"
    table = Table("metric", "score", "95 % interval", "parts", title=title)
    for name, value in result.metrics.items():
        interval = "" if value.low is None else f"{value.low:.2f} to {value.high:.2f}"
        parts = ", ".join(f"{part} {number:.2f}" for part, number in value.parts.items())
        table.add_row(name, f"{value.value:.2f}", interval, parts)
    out.print(table)
