"""``wsol pseudo-boxes``: the boxes that a finished run gives the training images, for another method to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import wsol


def pseudo_boxes(
    run: wsol.cli.RunFolder,
    file: Annotated[Path, typer.Option("--out", help="The CSV file to write.")] = Path("boxes.csv"),
    theta: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.99,
            callback=wsol.cli.finite,
            help="Threshold of maps, as a share of their maximum. Default: the run's best on val.",
            show_default=False,
        ),
    ] = None,
    evaluation: wsol.cli.EvaluationIndex = 0,
    overwrite: wsol.cli.Overwrite = False,
    plugin: wsol.cli.PluginFiles = None,
) -> None:
    """Write boxes of the training images, for their labels: image_id, x0, y0, x1, y1 as shares of the sides.

    Works for methods that output boxes or maps; PSOL learns from the file with 'boxes: FILE'. The default threshold
    was chosen on val with its boxes; give --theta for boxes that depend on no annotation.
    """
    from wsol_psol.pseudo import training_boxes

    wsol.claim_outputs([file], overwrite=overwrite)
    localizer = wsol.load_localizer(run, plugin or (), evaluation)
    wsol.write_box_csv(file, training_boxes(localizer, theta), "shares")
    wsol.cli.print_line(file)
