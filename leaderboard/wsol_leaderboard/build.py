"""Write the leaderboard's files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import wsol
from wsol_leaderboard.files import to_csv
from wsol_leaderboard.page import render


def write_files(frame: pd.DataFrame, out: Path, published: pd.DataFrame | None = None) -> list[Path]:
    """Write the leaderboard of ``frame`` below ``out``, each file atomically; an earlier one there is replaced.

    Files: ``leaderboard.csv``, ``leaderboard.html`` and, with ``published`` (from
    :func:`wsol_leaderboard.published.beside`), ``leaderboard-published.csv``. Raises DataError when a file cannot be
    written.
    """
    files = {"leaderboard.csv": to_csv(frame), "leaderboard.html": render(frame, published)}
    if published is not None:
        files["leaderboard-published.csv"] = to_csv(published)
    for name, content in files.items():
        wsol.write_atomic(out / name, content)
    return [out / name for name in files]
