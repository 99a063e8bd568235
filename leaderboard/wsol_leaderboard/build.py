"""Write the leaderboard's files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wsol.study.records import write_atomic
from wsol_leaderboard.files import to_csv


def write_files(frame: pd.DataFrame, out: Path) -> list[Path]:
    """Write ``frame`` below ``out``, each file atomically; an earlier leaderboard there is replaced."""
    files = {"leaderboard.csv": to_csv(frame)}
    for name, content in files.items():
        write_atomic(out / name, content)
    return [out / name for name in files]
