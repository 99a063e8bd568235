"""Reasons not to rank a row, however good its values are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import wsol
from wsol_leaderboard.evidence import OpeningEvidence, is_accepted
from wsol_leaderboard.results import RankedMetric, RecipeResults, find_value, one_line

LOWEST, HIGHEST = 0.0, 100.0
"""Range of all scores, in percent."""


def refusal(cell: RecipeResults, target: RankedMetric, evidence: OpeningEvidence) -> str:
    """Find the first reason not to rank a recipe by a metric.

    Args:
        cell: The recipe; one without a result on test has no reason.
        target: The metric and its protocol.
        evidence: Ledgers and sealed choices, which must confirm each opening of test.

    Returns:
        The reason on one line; empty if there is none.
    """
    for run in cell.tested:
        for reason in (*_impossible_values(cell, run, target), *_impossible_numbers(run), evidence.contradiction(run)):
            if reason:
                return one_line(f"seed {run.seed}: {reason}")
    return one_line(next((reason for reason in _disagreements(cell) if reason), ""))


def is_percentage(value: float) -> bool:
    """Return whether a score is finite and within 0 and 100."""
    return LOWEST <= value <= HIGHEST


def _impossible_values(cell: RecipeResults, run: wsol.RunRecord, target: RankedMetric) -> Iterator[str]:
    results = {"test": cell.results(run, "test"), "val": cell.results(run, "val")}
    results |= {f"val of {trial.run_id}": cell.results(trial, "val") for trial in cell.chosen}
    for split, found in results.items():
        value = find_value(found, target)
        for name, number in () if value is None else (("", value.value), (" low", value.low), (" high", value.high)):
            if number is not None and not is_percentage(number):
                shown = f"{number:g}" if math.isfinite(number) else str(number)
                yield f"{target.metric}{name} is {shown} on {split}, which is no percentage"


def _impossible_numbers(run: wsol.RunRecord) -> Iterator[str]:
    if run.stage != "final":
        return
    if not 0 <= run.trial < run.trials_planned:
        yield f"it repeats trial {run.trial}, and {run.trials_planned} were planned"
    if run.chosen_among > run.trials_planned:
        yield f"its choice was made among {run.chosen_among} trials, and {run.trials_planned} were planned"


def _disagreements(cell: RecipeResults) -> Iterator[str]:
    """What the runs of a recipe contradict each other in."""
    tested = cell.tested
    if not tested:
        return
    if len(cell.runs) > cell.seeds_planned:
        yield f"{len(cell.runs)} seeds have a run, and {cell.seeds_planned} were planned"
    if len(cell.search) > cell.trials_planned:
        yield f"{len(cell.search)} trials have a record, and {cell.trials_planned} were planned"
    unknown = [run for run in tested if "test" not in run.data]
    if unknown:
        yield f"seed {unknown[0].seed}: it does not say what its test data were"
        return
    first = tested[0]
    for run in tested[1:]:
        both = f"{first.run_id} and {run.run_id}"
        if difference := wsol.condition_difference(first.conditions, run.conditions):
            yield f"{both} were run under different conditions: {difference}"
        if run.test is not None and first.test is not None and run.test.selection != first.test.selection:
            yield f"{both} are of different selections: {first.test.selection} and {run.test.selection}"
        if difference := first.data["test"].difference(run.data["test"]):
            yield f"{both} have different test data: {difference}"
    if not any(map(is_accepted, tested)):
        yield from (wsol.identity_difference(first, record) for record in (*cell.chosen, *tested[1:]))
