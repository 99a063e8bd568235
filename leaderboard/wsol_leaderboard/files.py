"""The table as text for machines: CSV with full precision, and JSON."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from wsol_leaderboard.table import JSON_COLUMNS


def to_csv(frame: pd.DataFrame) -> str:
    """CSV: one header line, empty cells for what is not known, floats so that they read back to the bit."""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def to_json(frame: pd.DataFrame) -> str:
    """A JSON array with one object a row; columns with structure are objects, and what is not known is null."""
    return json.dumps(to_rows(frame), indent=1, ensure_ascii=False) + "\n"


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain Python values: None for what is not known, columns with structure decoded."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(k): json.loads(v) if k in JSON_COLUMNS else v for k, v in row.items()} for row in rows]
