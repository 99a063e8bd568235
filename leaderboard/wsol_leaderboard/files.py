"""The table as CSV, with full precision, and as JSON."""

from __future__ import annotations

import json

import pandas as pd

from wsol_leaderboard.rows import Row
from wsol_leaderboard.table import JSON_COLUMNS
from wsol_leaderboard.text import no_formula


def to_csv(frame: pd.DataFrame) -> str:
    """Write the table as CSV: one header line, empty cells for unknown values, floats with all their digits.

    Text that a spreadsheet would evaluate as a formula is quoted.
    """
    texts = frame.select_dtypes(["object", "string"]).columns
    quoted = {name: frame[name].map(lambda cell: no_formula(cell) if isinstance(cell, str) else cell) for name in texts}
    return str(frame.assign(**quoted).to_csv(index=False, lineterminator="\n"))


def to_json(frame: pd.DataFrame) -> str:
    """Write the table as a JSON array of objects, one for each row; unknown values are null."""
    return json.dumps(to_rows(frame), indent=1, ensure_ascii=False) + "\n"


def to_rows(frame: pd.DataFrame) -> list[Row]:
    """Return rows as plain Python values: None for unknown values, JSON columns decoded."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(k): json.loads(v) if k in JSON_COLUMNS else v for k, v in row.items()} for row in rows]
