"""Drawing heat maps of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsol.cli.common import EvaluationIndex, PluginFiles, RunFolder, print_line


def localize(
    run: RunFolder,
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Image files. Default: validation images.")
    ] = None,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the heat maps.")] = Path("heatmaps"),
    label: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**31, help="Class to localize, from 0. Default: the predicted class.", show_default=False
        ),
    ] = None,
    evaluation: EvaluationIndex = 0,
    count: Annotated[
        int, typer.Option(min=1, max=10_000, help="Number of validation images, where no IMAGE is given.")
    ] = 8,
    plugin: PluginFiles = None,
) -> None:
    """Draw heat maps over images, with the predicted box (red) and the true box (green) where it is known."""
    from wsol.data.images import decode_image, write_png
    from wsol.files import make_folder
    from wsol.inference.localizer import load_localizer, validation_items

    localizer = load_localizer(run, plugin or (), evaluation)
    if images:
        items = [(path.stem, localizer.picture(decode_image(path), label)) for path in images]
    else:
        chosen = validation_items(localizer, count)
        items = [(f"val-{i:02d}", localizer.picture(*item)) for i, item in enumerate(chosen)]
    make_folder(out_folder, "the folder of heat maps")
    for name, picture in items:
        path = out_folder / f"{name}.png"
        write_png(path, picture)
        print_line(path)
