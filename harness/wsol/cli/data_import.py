"""``wsol data import``: from annotations in a common format to a data set that the harness reads."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wsol.cli.common import PluginFiles, load_plugins, out, print_line, styled
from wsol.cli.data_common import Limit, print_kinds, progress_bars

if TYPE_CHECKING:
    from wsol.data.importing.plan import ImportPlan, ImportReport
    from wsol.data.importing.source import SourceReader
    from wsol.registry import Plugins

MAX_SEED = 2**31 - 1


def import_data(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of the annotations and images, or the annotation file.")
    ],
    root: Annotated[Path, typer.Option("--out", metavar="ROOT", help="Folder of the data set; new, or empty.")],
    format_name: Annotated[
        str, typer.Option("--format", help="voc, coco, yolo, csv or masks; auto: the one that SOURCE has.")
    ] = "auto",
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder of the images. Default: found in SOURCE.", show_default=False),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="OLD=NEW",
            help="Rename a class; two to one name joins them, OLD= leaves it out (repeatable).",
            show_default=False,
        ),
    ] = None,
    class_map: Annotated[
        Path | None,
        typer.Option("--class-map", help="File with a line OLD=NEW for each class.", show_default=False),
    ] = None,
    only_mapped: Annotated[
        bool, typer.Option("--only-mapped", help="Leave out classes that neither --class nor --class-map names.")
    ] = False,
    several: Annotated[
        Literal["skip", "largest", "each"],
        typer.Option(
            "--several",
            help="Images with objects of several classes: leave them out, label them with the class of the largest "
            "area (which makes labels from boxes), or import them once for each class.",
        ),
    ] = "skip",
    copies: Annotated[
        Literal["refuse", "first"],
        typer.Option("--copies", help="Images with equal bytes: a problem, or only the first by name is imported."),
    ] = "refuse",
    split: Annotated[
        str, typer.Option("--split", metavar="TRAIN/VAL/TEST", help="Shares of train, val and test in percent.")
    ] = "60/20/20",
    seed: Annotated[int, typer.Option("--seed", min=0, max=MAX_SEED, help="Seed of the split.")] = 0,
    keep_splits: Annotated[
        bool,
        typer.Option("--keep-splits", help="Keep the splits of SOURCE; missing ones are taken from train."),
    ] = False,
    rounding: Annotated[
        Literal["outwards", "inwards"],
        typer.Option("--rounding", help="Boxes to whole pixels: all that they meet, or those wholly inside."),
    ] = "outwards",
    copy: Annotated[bool, typer.Option("--copy", help="Copy the images instead of linking them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be imported; write nothing.")] = False,
    limit: Limit = 20,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change an option of the format (repeatable).", show_default=False
        ),
    ] = None,
    plugin: PluginFiles = None,
) -> None:
    """Import annotated images into a folder for each class, split into train, val and test.

    Images are linked or copied, never moved; nothing is overwritten, and nothing is written into SOURCE. Val and test
    get boxes and masks, train does not. Exits with 3, and writes nothing, if the source has a problem.
    """
    from wsol.data.importing.assigning import SplitChoice
    from wsol.data.importing.classes import parse_class_options
    from wsol.data.importing.plan import ImportReport, ImportRules, plan_import
    from wsol.data.importing.splitting import Shares
    from wsol.data.importing.writing import check_target, write_import

    plugins = load_plugins(plugin)
    source, root = source.expanduser(), root.expanduser()
    rules = ImportRules(
        several=several,
        rounding=rounding,
        copies=copies,
        classes=parse_class_options(classes or [], class_map),
        only_mapped=only_mapped,
        split=SplitChoice(Shares.parse(split), seed, keep_splits),
    )
    reader = _open(source, format_name, images, overrides)
    target = check_target(root, [*([source] if source.is_dir() else []), reader.index.folder])
    report, written = ImportReport(), False
    with progress_bars() as advance:
        plan = plan_import(reader, rules, report, advance)
        if plan is not None and not report.problems and not dry_run:
            written = write_import(plan, target, report, copy=copy, progress=advance)
    _print(reader, plan, report, limit)
    if report.problems:
        print_line(f"nothing was written: {len(report.problems)} problem{'s' * (len(report.problems) > 1)} (see above)")
        raise typer.Exit(3)
    if not written:
        print_line("dry run: nothing was written")
        return
    print_line(f"wrote {root}")
    _print_next(plugins, root)


def _open(source: Path, format_name: str, images: Path | None, overrides: list[str] | None) -> SourceReader:
    from wsol.data.importing.formats import open_source
    from wsol.options import OptionValues
    from wsol.study.config import apply_override

    values: OptionValues = {}
    for override in overrides or []:
        apply_override(values, override)
    if images is not None:
        values["images"] = str(images.expanduser().absolute())
    return open_source(format_name, source, values)


def _print(reader: SourceReader, plan: ImportPlan | None, report: ImportReport, limit: int) -> None:
    print_line(f"format {reader.name}: {reader.summary}")
    print_kinds(report.notes, "yellow", limit)
    print_kinds(report.problems, "red", limit)
    if plan is not None:
        _print_counts(plan, limit)


def _print_counts(plan: ImportPlan, limit: int) -> None:
    """The number of images of each class in each split."""
    from rich.table import Table

    counts = plan.manifest.images
    classes = sorted({name for found in counts.values() for name in found})
    table = Table("class", *counts)
    for name in classes[: limit or None]:
        table.add_row(name, *(str(found.get(name, 0)) for found in counts.values()))
    if limit and len(classes) > limit:
        table.add_row(f"… and {len(classes) - limit} more", *("" for _ in counts))
    table.add_row(styled(("all", "bold")), *(str(sum(found.values())) for found in counts.values()))
    out.print(table)
    kinds = " and ".join(kind for kind, there in (("boxes", plan.boxes), ("masks", plan.masks)) if there)
    print_line(f"val and test get {kinds or 'no annotations'}; train gets image labels only")
    print_line(f"split: {plan.manifest.split_rule or 'that of the source'}")


def _print_next(plugins: Plugins, root: Path) -> None:
    """Print the commands that follow, ready to be pasted."""
    readers = [name for name in plugins.names("benchmarks") if plugins.get("benchmarks", name).reads_imports]
    name = root.absolute().name
    study = f"{name if re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._-]*', name) else 'mystudy'}.yaml"
    print_line("next:")
    for benchmark in readers[:1]:
        place = shlex.quote(str(root))
        print_line(f"  wsol data check {benchmark} --root {place}")
        print_line(f"  wsol data new-study {benchmark} --root {place} --out {study}")
        print_line(f"  wsol run {study}")
