"""Write the leaderboard's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

import wsol
from wsol_leaderboard.files import to_csv
from wsol_leaderboard.galleries import Galleries
from wsol_leaderboard.page import render
from wsol_leaderboard.rankings import RANKING
from wsol_leaderboard.reading import collect
from wsol_leaderboard.table import build_table
from wsol_leaderboard.terminal import print_table
from wsol_leaderboard.verification import verify


def publish(folders: Sequence[Path], out: Path) -> list[Path]:
    """Print the table of the records in ``folders`` and write the leaderboard's files.

    This is the entry point ``leaderboard`` of the group ``wsol.publishers``: it runs at the end of every study.

    Args:
        folders: Folders with records, searched to any depth, or single records.
        out: The folder to write to.

    Returns:
        The files that were written.

    Raises:
        DataError: A folder or all records are missing, a record cannot be read, or a file cannot be written.
    """
    claim_files(out)
    collection = verify(collect(folders))
    frame = build_table(collection)
    print_table(frame)
    return write_files(frame, out, galleries=Galleries.of(collection.found))


def claim_files(out: Path, *, published: bool = False, overwrite: bool = False) -> None:
    """Check that the leaderboard's files may be written; earlier ones may be replaced.

    Args:
        out: The folder to write to.
        published: Whether ``leaderboard-published.csv`` is written too.
        overwrite: Whether to replace files that are no leaderboard.

    Raises:
        UsageError: A file of a leaderboard's name is none, and ``overwrite`` is false; or ``out`` is not a folder.
    """
    tables = ["leaderboard.csv", "leaderboard-published.csv"] if published else ["leaderboard.csv"]
    wsol.claim_outputs([out / name for name in tables], mark=",".join(RANKING[:-1]), overwrite=overwrite)
    wsol.claim_outputs([out / "leaderboard.html"], mark='content="wsol leaderboard"', overwrite=overwrite)


def write_files(
    frame: pd.DataFrame,
    out: Path,
    published: pd.DataFrame | None = None,
    *,
    galleries: Galleries | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write the leaderboard, each file atomically; earlier ones are replaced, other files are not.

    Args:
        frame: The table (see :mod:`wsol_leaderboard.table`).
        out: The folder to write to.
        published: Published numbers, from :func:`wsol_leaderboard.published.match_published`.
        galleries: Pictures of test images for the page; None: none.
        overwrite: Whether to replace files that are no leaderboard.

    Returns:
        The files: ``leaderboard.csv``, ``leaderboard.html`` and, with ``published``, ``leaderboard-published.csv``.

    Raises:
        DataError: A file cannot be written.
        UsageError: As :func:`claim_files`.
    """
    claim_files(out, published=published is not None, overwrite=overwrite)
    files = {"leaderboard.csv": to_csv(frame), "leaderboard.html": render(frame, published, galleries)}
    if published is not None:
        files["leaderboard-published.csv"] = to_csv(published)
    for name, content in files.items():
        wsol.write_atomic(out / name, content)
    return [out / name for name in files]
