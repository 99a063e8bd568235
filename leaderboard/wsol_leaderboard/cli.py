"""``wsol leaderboard``: records → table, CSV, page."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import wsol

if TYPE_CHECKING:
    import pandas as pd


class Format(str, Enum):
    """What is printed to standard output."""

    table = "table"
    csv = "csv"
    json = "json"


def leaderboard(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="PLACES",
            help="Folders, searched to any depth, and records; they may overlap, and results/* works too.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write the leaderboard's files to.", show_default=False)
    ] = None,
    benchmark: Annotated[
        list[str] | None, typer.Option(help="Only this benchmark (repeatable).", show_default=False)
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="Only this protocol (repeatable).", show_default=False)
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only this metric (repeatable).", show_default=False)] = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = Format.table,
    published: Annotated[
        bool, typer.Option("--published", help="Also show published numbers of the same recipes.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Skip records that cannot be read, and list them.")
    ] = False,
    overwrite: wsol.cli.Overwrite = False,
) -> None:
    """Rank the records in PLACES; with --out also write leaderboard.csv and leaderboard.html."""
    from wsol_leaderboard.build import claim_files, write_files
    from wsol_leaderboard.galleries import Galleries
    from wsol_leaderboard.published import match_published
    from wsol_leaderboard.reading import collect
    from wsol_leaderboard.table import build_table
    from wsol_leaderboard.verification import verify

    if out:
        claim_files(out, published=published, overwrite=overwrite)
    collection = collect(folders, keep_going)
    for problem in collection.problems:
        wsol.cli.warn(problem)
    frame = build_table(verify(collection))
    for column, wanted in (("benchmark", benchmark), ("protocol", protocol), ("metric", metric)):
        frame = keep(frame, column, wanted or [])
    numbers = match_published(frame) if published else None
    _show(frame, format, numbers)
    galleries = Galleries.of(collection.found)
    for path in write_files(frame, out, numbers, galleries=galleries, overwrite=overwrite) if out else []:
        wsol.cli.print_status(f"wrote {path}")


def keep(frame: pd.DataFrame, column: str, wanted: list[str]) -> pd.DataFrame:
    """Filter rows.

    Args:
        frame: The table.
        column: The column to filter by.
        wanted: The values to keep; empty keeps all rows.

    Raises:
        UsageError: No row has one of the values.
    """
    known = set(frame[column])
    for value in wanted:
        if value not in known:
            raise wsol.UsageError(f"--{column} {value}: no such {column} in these records{wsol.suggest(value, known)}")
    return frame[frame[column].isin(wanted)].reset_index(drop=True) if wanted else frame


def _show(frame: pd.DataFrame, format: Format, numbers: pd.DataFrame | None) -> None:
    from wsol_leaderboard.files import to_csv, to_json
    from wsol_leaderboard.terminal import print_published, print_table

    if format is Format.table:
        print_table(frame)
        if numbers is not None:
            print_published(numbers)
    else:
        typer.echo(to_csv(frame) if format is Format.csv else to_json(frame), nl=False)
