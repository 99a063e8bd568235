"""Commands about data sets: what to get, whether it is whole, and decoding it ahead of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wsol.cli.common import AsJson, PluginFiles, err, load_plugins, out, print_json

if TYPE_CHECKING:
    from wsol.data.check import CheckReport
    from wsol.data.splits import Benchmark

data_app = typer.Typer(no_args_is_help=True, help="Look at data sets: what to get, and whether it is whole.")

SplitName = Literal["train", "val", "test"]
Name = Annotated[str, typer.Argument(metavar="BENCHMARK", help="One of 'wsol benchmarks'.")]
Root = Annotated[
    Path | None, typer.Option("--root", help="The data set's folder. Default: WSOL_DATA/BENCHMARK.", show_default=False)
]
OneSplit = Annotated[
    SplitName | None, typer.Option("--split", help="Only this split. Default: all three.", show_default=False)
]
Limit = Annotated[int, typer.Option(min=0, help="Problems of a kind to print; 0 prints all.")]
CacheFolder = Annotated[
    Path | None, typer.Option("--cache", help="Default: WSOL_CACHE, or ~/.cache/wsol.", show_default=False)
]


@data_app.command()
def info(name: Name, plugin: PluginFiles = None) -> None:
    """Say what a benchmark needs, from where, under which licence, and what to cite."""
    component = load_plugins(plugin).get("benchmarks", name)
    for title, text in (
        (name, component.summary()),
        ("source", component.source),
        ("licence", component.licence),
        ("citation", component.citation),
    ):
        if text:
            out.print(f"[bold]{title}[/]", highlight=False)
            out.print(text, highlight=False, markup=False)


@data_app.command()
def check(
    name: Name,
    root: Root = None,
    split: OneSplit = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
) -> None:
    """Read all metadata, decode every image and mask, and list everything that is wrong; exits with 3 then."""
    from wsol.data.check import SPLITS
    from wsol.data.check import check as run_check

    benchmark = _benchmark(name, root, plugin)
    with _progress() as advance:
        report = run_check(benchmark, [split] if split else SPLITS, advance)
    if as_json:
        print_json(_plain(report))
    else:
        _print_report(report, limit)
    if report.problems:
        raise typer.Exit(3)


@data_app.command()
def cache(
    name: Name,
    root: Root = None,
    split: OneSplit = None,
    folder: CacheFolder = None,
    plugin: PluginFiles = None,
) -> None:
    """Decode a data set ahead of its first study, for example once on every node of a cluster."""
    from wsol.data.check import SPLITS
    from wsol.data.stages import fill_cache
    from wsol.evaluation.protocols import get_protocol

    benchmark = _benchmark(name, root, plugin)
    protocol = get_protocol(benchmark.protocol)
    for part in [split] if split else SPLITS:
        with _progress() as advance:
            total, done = len(benchmark.images(part)), iter(range(1, 2**62))
            path = fill_cache(benchmark, protocol, part, folder, lambda: advance(part, next(done), total))  # noqa: B023
        out.print(str(path), highlight=False, soft_wrap=True)


def _benchmark(name: str, root: Path | None, plugin: list[Path] | None) -> Benchmark:
    benchmark: Benchmark = load_plugins(plugin).create("benchmarks", name, {"root": str(root)} if root else {})
    return benchmark


@contextmanager
def _progress() -> Iterator[Callable[[Any, int, int], None]]:
    """A bar a split on standard error; yields the function to report to."""
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def advance(split: str, done: int, total: int) -> None:
            task = tasks.setdefault(split, None) or bar.add_task(split, total=total)
            tasks[split] = task
            bar.update(task, completed=done)

        yield advance


def _plain(report: CheckReport) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(report), "counts": report.counts()}


def _print_report(report: CheckReport, limit: int) -> None:
    from rich.table import Table

    table = Table("split", "images", "classes", "boxes", "images with masks", "problems")
    for part in report.splits:
        numbers = (part.images, part.classes, part.boxes, part.masked, len(part.problems))
        table.add_row(part.split, *map(str, numbers))
    out.print(table)
    for kind, count in report.counts().items():
        out.print(f"[red]{kind}[/]: {count}", highlight=False)
        of_kind = [problem.message for problem in report.problems if problem.kind == kind]
        for message in of_kind[: limit or None]:
            out.print(f"  {message}", highlight=False, markup=False, soft_wrap=True)
        if limit and count > limit:
            out.print(f"  … and {count - limit} more; --limit 0 prints all", highlight=False)
    if not report.problems:
        out.print(f"[green]{report.benchmark}: no problem found[/]", highlight=False)
