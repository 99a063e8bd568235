"""Commands about data sets: what to download, whether it is complete, and decoding before a study."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wsol.cli.common import (
    AsJson,
    CacheFolder,
    DataRoot,
    PluginFiles,
    ResultsFolder,
    load_plugins,
    out,
    print_json,
    print_line,
    styled,
    warn,
)
from wsol.cli.data_common import (
    BenchmarkOption,
    Limit,
    Name,
    create_benchmark,
    print_kinds,
    progress_bars,
)

if TYPE_CHECKING:
    from wsol.data.benchmark import Benchmark
    from wsol.data.checking.inspection import Inspection
    from wsol.data.checking.report import CheckReport, SplitReport
    from wsol.split_names import Split

data_app = typer.Typer(no_args_is_help=True, help="Describe, unpack, check and decode data sets.")

OneSplit = Annotated[
    Literal["train", "val", "test"] | None,
    typer.Option("--split", help="Only this split. Default: all three.", show_default=False),
]


@data_app.command()
def info(name: Name, plugin: PluginFiles = None) -> None:
    """Print which files a benchmark needs, their source and licence, and what to cite."""
    component = load_plugins(plugin).get("benchmarks", name)
    for title, text in (
        (name, component.summary()),
        ("source", component.source),
        ("licence", component.licence),
        ("citation", component.citation),
    ):
        if text:
            out.print(styled((title, "bold")))
            out.print(text)
    _print_archives(component)


@data_app.command()
def prepare(
    name: Name,
    root: DataRoot = None,
    archives: Annotated[
        Path | None,
        typer.Option(
            "--archives", help="Folder of the downloaded files. Default: the data set's folder.", show_default=False
        ),
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Download files that torchvision provides.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do not decode the images.")] = False,
    folder: CacheFolder = None,
    limit: Limit = 20,
    overrides: BenchmarkOption = None,
    plugin: PluginFiles = None,
) -> None:
    """Verify and unpack a data set's archives, check all its files, and decode its images for studies.

    After an interruption, the same command continues where it stopped.
    """
    from wsol.data.checking.form import about_form
    from wsol.data.prepare import prepare as run_prepare

    benchmark = create_benchmark(name, root, overrides, plugin)
    if benchmark.archives:
        with progress_bars() as advance:
            run_prepare(type(benchmark), benchmark.data_folder(), archives, download, advance, print_line)
    else:
        print_line(f"{name} has no archives to unpack; 'wsol data info {name}' describes the files that it needs")
    with progress_bars() as advance:
        report = _checked(name, root, overrides, plugin, advance, cache=folder)
    _print_report(report, limit)
    print_line(about_form(name))
    if report.problems:
        raise typer.Exit(3)
    if not no_cache:
        if benchmark.cache == "memmap":
            _fill_cache(create_benchmark(name, root, overrides, plugin), None, folder)
        else:
            print_line(f"images are not decoded now: this benchmark keeps them as 'cache: {benchmark.cache}' says")


@data_app.command()
def check(
    name: Name,
    root: DataRoot = None,
    split: OneSplit = None,
    near: Annotated[
        bool, typer.Option("--near", help="Also find near-copies: resized, re-encoded or mirrored images.")
    ] = False,
    limit: Limit = 20,
    as_json: AsJson = False,
    out_folder: ResultsFolder = None,
    overrides: BenchmarkOption = None,
    plugin: PluginFiles = None,
) -> None:
    """Read all metadata, decode every image and mask, and list all problems. Exits with 3 if there are any.

    Of the annotations of test, only kinds of problems and names are printed. --split test prints all of them. That is
    an inspection: it is written to the ledger of the results folder first, and leaderboard rows on these data are
    marked 'test inspected'.
    """
    from wsol.data.checking.check import check as run_check
    from wsol.data.checking.form import about_form
    from wsol.study.inspection import record_inspection
    from wsol.study.ledger import FILE_NAME
    from wsol.study.session import default_out

    if near:  # needs time to import
        from wsol.data.checking.near import NearCopies
    benchmark = create_benchmark(name, root, overrides, plugin)
    if split == "test":
        record_inspection((out_folder or default_out()) / FILE_NAME, benchmark, f"wsol data check {name}", warn)
    with progress_bars() as advance:
        more = [NearCopies] if near else []
        if split is None:
            report = _checked(name, root, overrides, plugin, advance, more)
        else:
            report = run_check(benchmark, [split], advance, more=more)
    if as_json:
        print_json({**dataclasses.asdict(report), "counts": report.counts()})
    else:
        _print_report(report, limit)
        if split is None:
            print_line(about_form(name))
    if report.problems:
        raise typer.Exit(3)


def _checked(
    name: str,
    root: Path | None,
    overrides: list[str] | None,
    plugin: list[Path] | None,
    progress: Callable[[str, int, int], None],
    more: Sequence[Callable[[], Inspection]] = (),
    cache: Path | None = None,
) -> CheckReport:
    """Check what a study may see before its choice, and keep the result for the next study if that is all."""
    from wsol.data.checking.check import check_for_study
    from wsol.study.kept_checks import keep

    benchmark = create_benchmark(name, root, overrides, plugin)
    report = check_for_study(benchmark, progress, more)
    if not more:
        keep(benchmark, load_plugins(plugin), report, cache)
    return report


@data_app.command()
def cache(
    name: Name,
    root: DataRoot = None,
    split: OneSplit = None,
    folder: CacheFolder = None,
    overrides: BenchmarkOption = None,
    plugin: PluginFiles = None,
) -> None:
    """Decode the images of a data set before its first study, for example once on every node of a cluster."""
    _fill_cache(create_benchmark(name, root, overrides, plugin), split, folder)


def _fill_cache(benchmark: Benchmark, split: Split | None, folder: Path | None) -> None:
    from wsol.data.checking.check import SPLITS
    from wsol.data.views import fill_cache, reserve_cache
    from wsol.protocols import get_protocol

    protocol = get_protocol(benchmark.protocol)
    splits = [split] if split else SPLITS
    where, needed = reserve_cache(benchmark, protocol, splits, folder)
    if needed:
        print_line(f"decoded images will take {needed / 2**20:,.1f} MiB more in {where}")
    for part in splits:
        with progress_bars() as advance:
            path = fill_cache(benchmark, protocol, part, folder, partial(advance, part))
        print_line(path)


def _print_archives(component: type[Benchmark]) -> None:
    if component.archives:
        out.print(styled(("files", "bold"), " (wsol data prepare verifies and unpacks them)"))
    for archive in component.archives:
        size = f"{archive.size:,} bytes" if archive.size else "size not known"
        checksum = f"md5 {archive.md5}" if archive.md5 else "checksum not known"
        optional = ", not needed by default" if archive.optional else ""
        print_line(f"{archive.name}: {size}, {checksum}{optional}")
        print_line(f"  {archive.url}")
        print_line(f"  gives ROOT/{archive.gives}" + (f"; {archive.note}" if archive.note else ""))


def _print_report(report: CheckReport, limit: int) -> None:
    from rich.table import Table

    table = Table("split", "images", "classes", "boxes", "images with masks", "problems")
    for part in report.splits:
        numbers = (part.images, part.classes, part.boxes, part.masked, len(part.problems))
        table.add_row(part.split, *map(str, numbers))
    out.print(table)
    rest = f"'wsol data check {report.benchmark} --limit 0'"
    for part in report.splits:
        _print_shares(part)
    print_kinds(report.notes, "yellow", limit, rest)
    print_kinds(report.problems, "red", limit, rest)
    if not report.problems:
        out.print(styled((f"{report.benchmark}: no problem found", "green")))


def _print_shares(part: SplitReport) -> None:
    """Print how much of the images the objects cover, so that inverted masks and boxes of another unit are noticed."""
    for kind, shares in (("boxes", part.box_shares), ("masks", part.mask_shares)):
        if shares is not None:
            print_line(
                f"{part.split}: {kind} cover {shares.mean:.1%} of their images on average, from "
                f"{shares.smallest:.1%} ('{shares.smallest_id}') to {shares.largest:.1%} ('{shares.largest_id}')"
            )
