"""Heat maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsol.cli.common import PluginFiles, out


def localize(
    run: Annotated[Path, typer.Option("--run", help="Folder of a final run: RESULTS/STUDY/runs/RUN_ID.")],
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Image files. Default: some validation images.")
    ] = None,
    out_folder: Annotated[Path, typer.Option("--out", help="Where the pictures go.")] = Path("heatmaps"),
    label: Annotated[
        int | None, typer.Option(help="Class to look for. Default: the one the classifier sees.", show_default=False)
    ] = None,
    evaluation: Annotated[int, typer.Option(min=0, help="Which of the run's evaluations, from 0.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many validation images, when no IMAGE is given.")] = 8,
    plugin: PluginFiles = None,
) -> None:
    """Write overlay pictures: the map, the predicted box (red), and the true one (green) where it is known."""
    from wsol.data.images import decode_image, write_png
    from wsol.inference.localizer import load_localizer, validation_items

    localizer = load_localizer(run, plugin or (), evaluation)
    if images:
        items = [(path.stem, localizer.picture(decode_image(path), label)) for path in images]
    else:
        chosen = validation_items(localizer, count)
        items = [(f"val-{i:02d}", localizer.picture(*item)) for i, item in enumerate(chosen)]
    out_folder.mkdir(parents=True, exist_ok=True)
    for name, picture in items:
        path = out_folder / f"{name}.png"
        write_png(path, picture)
        out.print(str(path), highlight=False, soft_wrap=True)
