"""``wsol data show``: a contact sheet of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from wsol.cli.common import DataRoot, Overwrite, PluginFiles, ProtocolName, print_line, warn
from wsol.cli.data_common import BenchmarkOption, Name, create_benchmark

MARK = "wsol data show"
"""Stored in every sheet, so that it is known from other images."""


def show(
    name: Name,
    root: DataRoot = None,
    out_file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The sheet to write, a PNG file.")] = Path(
        "sheet.png"
    ),
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="Split of the images.")] = "val",
    count: Annotated[int, typer.Option("--count", min=1, max=400, help="Number of random images.")] = 16,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the random choice.")] = 0,
    protocol: ProtocolName = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            help="Results folder, whose ledger an inspection of test enters. Default: WSOL_RESULTS, or ./results.",
            show_default=False,
        ),
    ] = None,
    overrides: BenchmarkOption = None,
    overwrite: Overwrite = False,
    plugin: PluginFiles = None,
) -> None:
    """Draw random images of a split with class, boxes (green), masks (orange) and ignored pixels (grey), in one file.

    Images are shown after the protocol's squash and crop, those of train as they are trained on, without annotations.
    Annotations of test are read with --split test only. That is an inspection: it is written to the ledger first, and
    leaderboard rows on these data are marked 'test inspected'. An earlier sheet is replaced, another file is not.
    """
    from wsol.data.images import write_png
    from wsol.data.views import evaluation_protocol
    from wsol.errors import UsageError
    from wsol.files import make_folder
    from wsol.outputs import claim_outputs
    from wsol.reports.data_sheet import choose_rows, draw_images, make_sheet
    from wsol.study.inspection import record_inspection
    from wsol.study.ledger import FILE_NAME
    from wsol.study.session import default_out

    if out_file.suffix.lower() != ".png":
        raise UsageError(f"{out_file}: a sheet is a PNG file; let its name end in .png")
    benchmark = create_benchmark(name, root, overrides, plugin)
    rules = evaluation_protocol(benchmark, protocol or benchmark.protocol)
    images = benchmark.images(split)
    rows = choose_rows(len(images), count, seed)
    read = [Path(images.paths[row]) for row in rows] if images.paths else []
    if split != "train":
        read += benchmark.annotation_files(split)
    claim_outputs([out_file], mark=MARK, overwrite=overwrite, inputs=read)
    if split == "test":
        record_inspection((results or default_out()) / FILE_NAME, benchmark, f"{MARK} {name}", warn)
    drawn = draw_images(benchmark, split, rules.name, images, rows)
    title = f"{name}, {split}: {len(rows)} of {len(images)} images, seed {seed}"
    if split != "train":
        title += f", {rules.name}; boxes green, masks orange, ignored pixels grey"
    make_folder(out_file.parent, "the folder of the sheet")
    write_png(out_file, make_sheet(title, drawn), MARK)
    print_line(title)
    for entry in drawn:
        print_line(f"  {entry.class_name}: {entry.image_id}")
    print_line(out_file)
