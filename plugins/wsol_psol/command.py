"""``wsol pseudo-boxes``: the boxes that a finished run gives the training images, for another method to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import wsol
from wsol.cli.common import PluginFiles, out


def pseudo_boxes(
    run: Annotated[Path, typer.Option("--run", help="Folder of a final run: RESULTS/STUDY/runs/RUN_ID.")],
    file: Annotated[Path, typer.Option("--out", help="The CSV file to write.")] = Path("boxes.csv"),
    theta: Annotated[
        float | None,
        typer.Option(min=0, max=0.99, help="Threshold of maps. Default: the run's best on val.", show_default=False),
    ] = None,
    evaluation: Annotated[int, typer.Option(min=0, help="Which of the run's evaluations, from 0.")] = 0,
    plugin: PluginFiles = None,
) -> None:
    """Write boxes of the training images, for their labels: image_id, x0, y0, x1, y1 as shares of the sides.

    Any method will do, one of boxes or one of maps; PSOL learns from them with 'boxes: FILE'. The default threshold was
    chosen on val, with its boxes; give --theta for boxes that owe nothing to an annotation.
    """
    from wsol.inference.localizer import load_localizer
    from wsol_psol.pseudo import training_boxes

    localizer = load_localizer(run, plugin or (), evaluation)
    wsol.write_box_csv(file, training_boxes(localizer, theta), "shares")
    out.print(str(file), highlight=False, soft_wrap=True)
