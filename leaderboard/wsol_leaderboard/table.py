"""Build the leaderboard's table from records: one row for each recipe, study, protocol and metric.

* ``mean`` and ``std`` (n - 1) are taken over the seeds of the final runs; ``std`` is empty for one seed.
* ``ci_low`` and ``ci_high`` are the means over seeds of each run's 95 % bootstrap bounds, which resample images. All
  seeds are evaluated on the same images, so the interval does not shrink with more seeds; the spread over seeds is
  ``std``. Empty unless every seed has bounds.
* Rows are ranked within one benchmark, test data, protocol (with version), conditions and metric, best first; equal
  means share a rank. Only complete rows are ranked, because a mean without the failed seeds would favour recipes that
  fail. A row is ``refused`` when its records contradict each other, the ledgers or the range of a percentage; its
  ``reason`` says how, and it shows no score.
* ``val`` is the score on val of the chosen trial, and ``chosen_among`` the number of trials that it was chosen among.
* ``test_evaluations`` counts the different pairs of selection and identities that opened test for the row's cell on
  its test data, in all ledgers; ``repeats`` counts restarts of the row's own runs, which are no evaluations.
* ``test_data`` names the test data; ``test_split`` holds their hashes. ``conditions`` holds the conditions that differ
  from the default in any row, and each of them has a column ``condition NAME`` too.
* ``verification`` is the weakest word of the row's runs, see :mod:`wsol_leaderboard.verification`. A record that
  repeats another one has no row: it is the reason for the word ``reproduced``.
* ``dirty``: the code had uncommitted changes. ``search``: distributions that the study gave.
* Columns with structure (``hparams``, ``values`` …) hold JSON; a hyper-parameter or version that differs between seeds
  is a list there. Text has no control characters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

import wsol
from wsol_leaderboard.conditions import describe_conditions, plain_value
from wsol_leaderboard.rankings import RANKING, Rankings
from wsol_leaderboard.reading import Collection
from wsol_leaderboard.results import NOTHING, group_results
from wsol_leaderboard.rows import Row, build_row
from wsol_leaderboard.text import printable

TEXT = "string"
CONDITION = "condition "
"""Beginning of the name of a column that holds one condition."""
LARGEST = 2**53
"""Largest integer that is shown; a record can claim any number."""
_BEFORE_PARTS = {
    "rank": "Int64",
    "benchmark": TEXT,
    "test_data": TEXT,
    "protocol": TEXT,
    "protocol_version": "Int64",
    "conditions": TEXT,
    "metric": TEXT,
    "primary": "bool",
    "higher_is_better": "bool",
}
_AFTER_PARTS = {
    "schedule": TEXT,
    "mean": "float64",
    "std": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "seeds_done": "Int64",
    "seeds_planned": "Int64",
    "values": TEXT,
    "parts": TEXT,
    "images": "Int64",
    "val": "float64",
    "chosen_among": "Int64",
    "trials_done": "Int64",
    "trials_failed": "Int64",
    "trials_planned": "Int64",
    "hparams": TEXT,
    "search": TEXT,
    "test_evaluations": "Int64",
    "repeats": "Int64",
    "status": TEXT,
    "reason": TEXT,
    "verification": TEXT,
    "stage": TEXT,
    "study": TEXT,
    "plan": TEXT,
    "recipe": TEXT,
    "record_ids": TEXT,
    "test_split": TEXT,
    "changes": TEXT,
    "problems": TEXT,
    "dirty": "bool",
    "versions": TEXT,
}
JSON_COLUMNS = (
    *("conditions", "values", "parts", "hparams", "search", "record_ids", "test_split", "changes", "problems"),
    "versions",
)


def columns(conditions: Sequence[str] = ()) -> dict[str, str]:
    """Return column → pandas dtype, in the order of the CSV.

    Args:
        conditions: Names of the conditions that are shown.

    Returns:
        The columns; each part of a recipe has one, and each condition.
    """
    parts = {part.key: TEXT for part in wsol.recipe_parts()}
    return {**_BEFORE_PARTS, **{f"{CONDITION}{name}": TEXT for name in conditions}, **parts, **_AFTER_PARTS}


def build_table(collection: Collection) -> pd.DataFrame:
    """Build the table; the order of the records does not matter.

    Args:
        collection: Records, evidence and words of the verification.

    Returns:
        The table, with the columns and dtypes of :func:`columns`.

    Raises:
        DataError: A recipe has two final runs of one seed in one study.
    """
    cells = group_results(record for record in collection.records if record.reproduces is None)
    rankings = Rankings(cells, collection.evidence)
    rows = [
        build_row(cell, target, primary, rankings, collection.evidence, collection.words)
        for cell in cells
        for target, primary in (rankings.targets(cell) or {NOTHING: False}).items()
    ]
    shown = [json.loads(row["conditions"]) for row in rows]
    dtypes = columns(list(dict.fromkeys(name for values in shown for name in values)))
    for row, values in zip(rows, shown, strict=True):
        row |= {f"{CONDITION}{name}": plain_value(value) for name, value in values.items()}
    frame = pd.DataFrame(map(_storable, rows), columns=list(dtypes)).astype(dtypes)
    frame["primary"] = frame.groupby(RANKING)["primary"].transform("any")
    frame["rank"] = _ranks(frame)
    return _sorted(frame)


def ranking_title(row: pd.Series, frame: pd.DataFrame) -> str:
    """Name the ranking of a row, all but its metric.

    Args:
        row: A row of the table.
        frame: The table; test data are named where it has several of the benchmark.

    Returns:
        Benchmark, protocol with version, conditions that differ from the default anywhere, and test data.
    """
    several = frame.loc[frame["benchmark"] == row["benchmark"], "test_data"].nunique() > 1
    parts = [
        row["benchmark"],
        f"{row['protocol']} version {row['protocol_version']}" if row["protocol"] else "no result",
        describe_conditions(json.loads(row["conditions"])),
        f"test data {row['test_data'] or 'unknown'}" if several else "",
    ]
    return ", ".join(part for part in parts if part)


def _storable(row: Row) -> Row:
    """Make values fit their columns: text without control characters, and integers of 64 bits."""
    return {name: _fit(value) for name, value in row.items()}


def _fit(value: str | float | None) -> str | float | None:
    if isinstance(value, str):
        return printable(value)
    return max(-LARGEST, min(value, LARGEST)) if isinstance(value, int) else value


def _ranks(frame: pd.DataFrame) -> pd.Series:
    better = frame["mean"].where(~frame["higher_is_better"], -frame["mean"]).round(9)
    ranked = better.where(frame["status"] == "complete")
    return ranked.groupby([frame[name] for name in RANKING]).rank(method="min").astype("Int64")


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    """Rankings together, without conditions first, then rows by rank."""
    by = [name if name != "conditions" else "_conditions" for name in RANKING]
    by.insert(by.index("metric"), "primary")
    ascending = [name != "primary" for name in by]
    ties = ["rank", "method", "backbone", "study", "plan", "recipe"]
    described = [describe_conditions(json.loads(text)) for text in frame["conditions"]]
    ordered = frame.assign(_conditions=described).sort_values(
        [*by, *ties], ascending=[*ascending, *[True] * len(ties)], ignore_index=True
    )
    return ordered.drop(columns="_conditions")
