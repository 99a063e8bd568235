"""Build the leaderboard's table from records: one row for each recipe, study, protocol and metric.

* ``mean`` and ``std`` (n - 1) are taken over the seeds of the final runs; ``std`` is empty for one seed.
* ``ci_low`` and ``ci_high`` are the means over seeds of each run's 95 % bootstrap bounds, which resample images. All
  seeds are evaluated on the same images, so the interval does not shrink with more seeds; the spread over seeds is
  ``std``. Empty unless every seed has bounds.
* Rows are ranked within one benchmark, protocol (with version) and metric, best first; equal means share a rank. Only
  complete rows are ranked, because a mean without the failed seeds would favour recipes that fail.
* ``val`` is the score on val of the chosen trial. ``test_evaluations`` is the largest number of evaluations on test
  that a run's cell had. ``dirty``: the code had uncommitted changes. ``search``: distributions that the study gave.
* Columns with structure (``hparams``, ``values`` …) hold JSON; a hyper-parameter or version that differs between seeds
  is a list there.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

import wsol
from wsol_leaderboard.reading import distinct
from wsol_leaderboard.results import NOTHING, RankedMetric, RecipeResults, group_results
from wsol_leaderboard.rows import build_row

TEXT = "string"
_BEFORE_PARTS = {
    "rank": "Int64",
    "benchmark": TEXT,
    "protocol": TEXT,
    "protocol_version": "Int64",
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
    "trials_done": "Int64",
    "trials_failed": "Int64",
    "trials_planned": "Int64",
    "hparams": TEXT,
    "search": TEXT,
    "test_evaluations": "Int64",
    "status": TEXT,
    "reason": TEXT,
    "stage": TEXT,
    "study": TEXT,
    "plan": TEXT,
    "recipe": TEXT,
    "record_ids": TEXT,
    "test_data": TEXT,
    "problems": TEXT,
    "dirty": "bool",
    "versions": TEXT,
}
JSON_COLUMNS = ("values", "parts", "hparams", "search", "record_ids", "test_data", "problems", "versions")
RANKING = ["benchmark", "protocol", "protocol_version", "metric"]
"""The columns that make a ranking: rows that differ in one of them are never compared."""


def columns() -> dict[str, str]:
    """Return column → pandas dtype, in the order of the CSV; each part of a recipe has a column."""
    return {**_BEFORE_PARTS, **{part.key: TEXT for part in wsol.recipe_parts()}, **_AFTER_PARTS}


def build_table(records: Iterable[wsol.RunRecord]) -> pd.DataFrame:
    """The table, with the columns and dtypes of :func:`columns`; the order of ``records`` does not matter.

    Raises DataError for two different records with one run id and for two final runs of one seed.
    """
    cells = group_results(distinct((f"study {record.study}", record) for record in records))
    known = _targets_of_plans(cells)
    rows = [
        build_row(cell, target, primary)
        for cell in cells
        for target, primary in (cell.targets() or known.get(_place(cell)) or {NOTHING: False}).items()
    ]
    dtypes = columns()
    frame = pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)
    rankings = frame.groupby(RANKING)
    frame["primary"] = rankings["primary"].transform("any")
    frame["higher_is_better"] = rankings["higher_is_better"].transform("all")
    frame["rank"] = _ranks(frame)
    order = ["benchmark", "protocol", "protocol_version", "primary", "metric", "rank"]
    ascending = [name != "primary" for name in order]
    ties = ["method", "backbone", "study", "plan", "recipe"]
    return frame.sort_values(order + ties, ascending=ascending + [True] * len(ties), ignore_index=True)


def _place(cell: RecipeResults) -> tuple[str, str, str]:
    return cell.study, cell.plan, cell.train.benchmark.name


def _targets_of_plans(cells: list[RecipeResults]) -> dict[tuple[str, str, str], dict[RankedMetric, bool]]:
    """What the other recipes of a study were scored by: a recipe without any result is missing in those rankings."""
    known: dict[tuple[str, str, str], dict[RankedMetric, bool]] = {}
    for cell in cells:
        known.setdefault(_place(cell), {}).update(cell.targets())
    return known


def _ranks(frame: pd.DataFrame) -> pd.Series:
    better = frame["mean"].where(~frame["higher_is_better"], -frame["mean"]).round(9)
    ranked = better.where(frame["status"] == "complete")
    return ranked.groupby([frame[name] for name in RANKING]).rank(method="min").astype("Int64")
