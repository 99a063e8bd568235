"""The page: one self-contained HTML file with every ranking, all failures, and the origin of each number."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup
from pydantic import JsonValue

from wsol_leaderboard.conditions import plain_value
from wsol_leaderboard.files import to_rows
from wsol_leaderboard.galleries import Galleries
from wsol_leaderboard.plots import plot
from wsol_leaderboard.rankings import RANKING
from wsol_leaderboard.rows import Row
from wsol_leaderboard.table import ranking_title
from wsol_leaderboard.terminal import interval, score, split_parts, trials

FOLDER = Path(__file__).with_name("page_parts")
DETAILS = {
    "hparams": "Hyper-parameters (chosen on val)",
    "search": "Search spaces that the study gave",
    "values": "Test score of each seed",
    "parts": "Parts of the score",
    "problems": "Images with a broken map or box (counted over seeds)",
    "test_split": "Test data",
    "conditions": "Conditions",
    "changes": "Accepted changes",
    "versions": "Versions",
    "record_ids": "Records",
}
"""JSON columns that a row's details show, with their headings."""


def render(frame: pd.DataFrame, published: pd.DataFrame | None = None, galleries: Galleries | None = None) -> str:
    """Render the page.

    Args:
        frame: The table (see :mod:`wsol_leaderboard.table`).
        published: Published numbers, from :func:`wsol_leaderboard.published.match_published`; None shows none.
        galleries: Pictures of test images; None shows none.

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
    galleries = galleries or Galleries()
    rankings = [_ranking(rows, frame, published, galleries) for _, rows in frame.groupby(RANKING, sort=False)]
    return environment.get_template("page.html").render(
        rankings=rankings,
        filters=_filters(rankings),
        recipes=len(frame[["study", "plan", "recipe"]].drop_duplicates()),
        style=Markup((FOLDER / "page.css").read_text()),
        script=Markup((FOLDER / "page.js").read_text()),
        details=DETAILS,
    )


def plain(value: JsonValue) -> str:
    """Format a value of a record: numbers with six digits, mappings and lists without brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _filters(rankings: list[Row]) -> list[Row]:
    """What the page filters by: the fixed properties, test data where there are several, and every condition."""
    names = list(dict.fromkeys(name for ranking in rankings for name in ranking["filters"]))
    found = []
    for name in names:
        values = sorted({ranking["filters"].get(name, "") for ranking in rankings} - {""})
        if name != "test data" or len(values) > 1:
            found.append({"name": name, "values": values, "primary": name == "metric"})
    return found


def _ranking(rows: pd.DataFrame, frame: pd.DataFrame, published: pd.DataFrame | None, galleries: Galleries) -> Row:
    first = rows.iloc[0]
    varying, shared = split_parts(rows)
    entries = [{**_entry(row), "gallery": galleries.of_row(row)} for row in to_rows(rows)]
    labels = [" · ".join([entry["method"], *(entry[name] for name in varying if entry[name])]) for entry in entries]
    title = ranking_title(first, frame)
    what = f"{first['metric']} on {title}" if first["metric"] else f"No result on {title}"
    numbers = pd.DataFrame() if published is None else published
    for name in RANKING if len(numbers) else ():
        numbers = numbers[numbers[name] == first[name]]
    fixed = {"benchmark": first["benchmark"], "protocol": first["protocol"], "metric": first["metric"]}
    conditions = {name: plain_value(value) for name, value in entries[0]["conditions"].items()}
    return {
        **{name: first[name] for name in ("metric", "primary", "higher_is_better")},
        "title": what,
        "filters": {**conditions, **fixed, "test data": first["test_data"]},
        "varying": varying,
        "shared": shared,
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


def _entry(row: Row) -> Row:
    bounds = [float("nan") if row[name] is None else row[name] for name in ("mean", "std", "ci_low", "ci_high")]
    return {**row, "score": score(*bounds[:2]), "interval": interval(*bounds[2:]), "trials": trials(row)}
