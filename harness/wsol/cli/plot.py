"""Drawing the curves of records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsol.cli.common import Overwrite, PluginFiles, load_plugins, print_line, warn


def plot(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Records, RUN.record.json.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the figures.")],
    overwrite: Overwrite = False,
    plugin: PluginFiles = None,
) -> None:
    """Draw every curve of every metric in the records, and sweeps, as PNG and SVG."""
    from wsol.reports.plots import draw_records

    for path in draw_records(records, out_folder, load_plugins(plugin), overwrite=overwrite, warn=warn):
        print_line(path)
