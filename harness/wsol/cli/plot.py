"""Figures of records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsol.cli.common import out


def plot(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Records, RUN.record.json.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Where the figures go.")],
    force: Annotated[bool, typer.Option("--force", help="Draw figures that exist anew.")] = False,
) -> None:
    """Draw the curves of records, as PNG and SVG: accuracy over threshold, precision and recall, raw values, sweeps."""
    from wsol.reports.plots import draw_records

    for path in draw_records(records, out_folder, force=force):
        out.print(str(path), highlight=False, soft_wrap=True, markup=False)
