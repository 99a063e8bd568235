"""The page: one self-contained HTML file with every ranking, all failures, and the origin of each number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from wsol_leaderboard.files import to_rows
from wsol_leaderboard.plots import plot
from wsol_leaderboard.table import RANKING
from wsol_leaderboard.terminal import interval, score, split_parts

FOLDER = Path(__file__).with_name("page_parts")
DETAILS = {
    "hparams": "Hyper-parameters (chosen on val)",
    "search": "Search spaces that the study gave",
    "values": "Test score of each seed",
    "parts": "Parts of the score",
    "problems": "Broken score maps (counted over seeds)",
    "test_data": "Fingerprint of the test data",
    "versions": "Versions",
    "record_ids": "Records",
}
"""JSON columns that a row's details show, with their headings."""


def render(frame: pd.DataFrame, published: pd.DataFrame | None = None) -> str:
    """Render the page.

    Args:
        frame: The table (see :mod:`wsol_leaderboard.table`).
        published: Published numbers, from :func:`wsol_leaderboard.published.match_published`; None shows none.

    Returns:
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["plain"] = plain
    rankings = [_ranking(rows, published) for _, rows in frame.groupby(RANKING, sort=False)]
    return environment.get_template("page.html").render(
        rankings=rankings,
        filters={name: list(dict.fromkeys(frame[name])) for name in ("benchmark", "protocol", "metric")},
        recipes=len(frame[["study", "plan", "recipe"]].drop_duplicates()),
        style=Markup((FOLDER / "page.css").read_text()),
        script=Markup((FOLDER / "page.js").read_text()),
        details=DETAILS,
    )


def plain(value: Any) -> str:
    """Format a value of a record: numbers with six digits, mappings and lists without brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _ranking(rows: pd.DataFrame, published: pd.DataFrame | None) -> dict[str, Any]:
    first = rows.iloc[0]
    varying, shared = split_parts(rows)
    entries = [_entry(row) for row in to_rows(rows)]
    labels = [" · ".join([entry["method"], *(entry[name] for name in varying if entry[name])]) for entry in entries]
    where = f"{first['benchmark']}, {first['protocol']} version {first['protocol_version']}"
    what = f"{first['metric']} on {where}" if first["metric"] else f"No result on {first['benchmark']}"
    numbers = pd.DataFrame() if published is None else published
    for name in RANKING if len(numbers) else ():
        numbers = numbers[numbers[name] == first[name]]
    return {
        **{name: first[name] for name in (*RANKING, "primary", "higher_is_better")},
        "title": what,
        "varying": varying,
        "shared": shared,
        "copies": len({data for entry in entries for data in entry["test_data"]}),
        "entries": entries,
        "plot": Markup(plot(entries, labels, what)),
        "published": [
            {
                **row,
                "measured": score(row["mean"], row["std"]),
                "published": score(row["published_value"], row["published_std"]),
            }
            for row in numbers.to_dict("records")
        ],
    }


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    bounds = [float("nan") if row[name] is None else row[name] for name in ("mean", "std", "ci_low", "ci_high")]
    return {**row, "score": score(*bounds[:2]), "interval": interval(*bounds[2:])}
