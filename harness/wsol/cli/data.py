"""Commands about data sets: what to get, whether it is whole, and decoding it ahead of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wsol.cli.common import AsJson, PluginFiles, err, load_plugins, out, print_json

if TYPE_CHECKING:
    from wsol.data.benchmark import Benchmark, Split
    from wsol.data.check import CheckReport

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
BenchmarkOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change an option of the benchmark (repeatable).", show_default=False
    ),
]
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
    _print_archives(component)


@data_app.command()
def prepare(
    name: Name,
    root: Root = None,
    archives: Annotated[
        Path | None, typer.Option("--archives", help="Folder of the files as downloaded. Default: the data set's.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Get the files that torchvision can download.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not decode the images at the end.")] = False,
    folder: CacheFolder = None,
    limit: Limit = 20,
    overrides: BenchmarkOption = None,
    plugin: PluginFiles = None,
) -> None:
    """Verify and unpack a data set's archives, check everything in it, and decode it ahead of a study.

    Nothing is done twice: after an interruption the same command goes on where it stopped.
    """
    from wsol.data.check import check as run_check
    from wsol.data.prepare import prepare as run_prepare

    benchmark = _benchmark(name, root, overrides, plugin)
    if benchmark.archives:
        with _progress() as advance:
            run_prepare(type(benchmark), benchmark.data_folder(), archives, download, advance, _say)
    else:
        _say(f"{name} names no archives; 'wsol data info {name}' says what belongs where")
    with _progress() as advance:
        report = run_check(_benchmark(name, root, overrides, plugin), progress=advance)
    _print_report(report, limit)
    if report.problems:
        raise typer.Exit(3)
    if not no_cache:
        if benchmark.cache == "memmap":
            _fill_cache(_benchmark(name, root, overrides, plugin), None, folder)
        else:
            _say(f"not decoded ahead: this benchmark's images are kept by 'cache: {benchmark.cache}'")


@data_app.command()
def check(
    name: Name,
    root: Root = None,
    split: OneSplit = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    overrides: BenchmarkOption = None,
    plugin: PluginFiles = None,
) -> None:
    """Read all metadata, decode every image and mask, and list everything that is wrong; exits with 3 then."""
    from wsol.data.check import SPLITS
    from wsol.data.check import check as run_check

    benchmark = _benchmark(name, root, overrides, plugin)
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
    overrides: BenchmarkOption = None,
    plugin: PluginFiles = None,
) -> None:
    """Decode a data set ahead of its first study, for example once on every node of a cluster."""
    _fill_cache(_benchmark(name, root, overrides, plugin), split, folder)


def _fill_cache(benchmark: Benchmark, split: Split | None, folder: Path | None) -> None:
    from wsol.data.check import SPLITS
    from wsol.data.views import fill_cache, reserve_cache
    from wsol.protocols import get_protocol

    protocol = get_protocol(benchmark.protocol)
    splits = [split] if split else SPLITS
    where, needed = reserve_cache(benchmark, protocol, splits, folder)
    if needed:
        _say(f"decoded images will take {needed / 2**20:,.1f} MiB more in {where}")
    for part in splits:
        with _progress() as advance:
            path = fill_cache(benchmark, protocol, part, folder, partial(advance, part))
        _say(str(path))


def _say(line: str) -> None:
    out.print(line, highlight=False, markup=False, soft_wrap=True)


def _print_archives(component: type[Benchmark]) -> None:
    if component.archives:
        out.print("[bold]files[/] (wsol data prepare verifies and unpacks them)", highlight=False)
    for archive in component.archives:
        size = f"{archive.size:,} bytes" if archive.size else "size not known"
        checksum = f"md5 {archive.md5}" if archive.md5 else "checksum not known"
        optional = ", not needed by default" if archive.optional else ""
        _say(f"{archive.name}: {size}, {checksum}{optional}")
        _say(f"  {archive.url}")
        _say(f"  gives ROOT/{archive.gives}" + (f"; {archive.note}" if archive.note else ""))


def _benchmark(name: str, root: Path | None, overrides: list[str] | None, plugin: list[Path] | None) -> Benchmark:
    from wsol.study.config import apply_override

    options: dict[str, Any] = {}
    for override in overrides or []:
        apply_override(options, override)
    if root:
        options["root"] = str(root)
    benchmark: Benchmark = load_plugins(plugin).create("benchmarks", name, options)
    return benchmark


@contextmanager
def _progress() -> Iterator[Callable[[Any, int, int], None]]:
    """A bar a split on standard error; yields the function to report to."""
    from rich.progress import Progress

    with Progress(console=err, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def advance(split: str, done: int, total: int) -> None:
            if split not in tasks:
                tasks[split] = bar.add_task(split, total=total)
            bar.update(tasks[split], completed=done)

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
