"""The ranking that a recipe belongs to: benchmark, test data, protocol with version, conditions, and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from pydantic import JsonValue

import wsol
from wsol_leaderboard.conditions import shown_conditions
from wsol_leaderboard.evidence import OpeningEvidence
from wsol_leaderboard.results import RankedMetric, RecipeResults
from wsol_leaderboard.splits import name_test_data

RANKING = ["benchmark", "test_data", "protocol", "protocol_version", "conditions", "metric", "higher_is_better"]
"""The columns that make a ranking: rows that differ in one of them are never compared."""
INSPECTED = "test inspected"
"""Mark of rows on test data whose annotations were read without scoring anything."""
Place: TypeAlias = tuple[str, str, str]
"""Study, plan and benchmark."""


class Rankings:
    """The rankings of some recipes.

    Args:
        cells: The recipes, in a fixed order.
        evidence: The ledgers, whose inspections mark rows.
    """

    def __init__(self, cells: Sequence[RecipeResults], evidence: OpeningEvidence) -> None:
        self.evidence = evidence
        tested = [run for cell in cells for run in cell.tested if "test" in run.data]
        self._names = name_test_data(run.data["test"] for run in tested)
        self._in_ledgers: dict[str, set[str]] = {}
        for run in tested:
            self._in_ledgers.setdefault(self._names[run.data["test"]], set()).add(run.test.data if run.test else "")
        self._targets: dict[Place, dict[RankedMetric, bool]] = {}
        self._data: dict[Place, set[str]] = {}
        for cell in cells:
            self._targets.setdefault(_place(cell), {}).update(cell.targets())
            self._data.setdefault(_place(cell), set()).update(filter(None, [self._own_data(cell)]))
        self._cells = cells

    def targets(self, cell: RecipeResults) -> dict[RankedMetric, bool]:
        """Return what a recipe is ranked by.

        Args:
            cell: The recipe; without any result it is listed where the others of its study are.

        Returns:
            Each metric → whether it is primary.
        """
        return cell.targets() or self._targets[_place(cell)]

    def test_data(self, cell: RecipeResults) -> str:
        """Name the test data of a recipe: its own, or the only ones of its study while it has no result on test."""
        known = self._data[_place(cell)]
        return self._own_data(cell) or (next(iter(known)) if len(known) == 1 else "")

    def names_in_ledgers(self, cell: RecipeResults) -> set[str]:
        """Return the hashes that name the test data of a recipe in ledgers."""
        return self._in_ledgers.get(self.test_data(cell), set())

    def conditions(self, cell: RecipeResults) -> Mapping[str, JsonValue]:
        """Return the conditions of a recipe that are shown: those that differ from the default in any row."""
        return self._shown[cell.key]

    @cached_property
    def _shown(self) -> dict[tuple[str, str, str], dict[str, JsonValue]]:
        shown = shown_conditions([self._conditions(cell) for cell in self._cells])
        return {cell.key: values for cell, values in zip(self._cells, shown, strict=True)}

    def _conditions(self, cell: RecipeResults) -> dict[str, wsol.Condition]:
        first = next(iter(cell.tested or cell.sources))
        inspected = self.evidence.inspected(self.names_in_ledgers(cell))
        return {**first.conditions, **({INSPECTED: wsol.Condition(value=True)} if inspected else {})}

    def _own_data(self, cell: RecipeResults) -> str:
        return next((self._names[run.data["test"]] for run in cell.tested if "test" in run.data), "")


def _place(cell: RecipeResults) -> Place:
    return cell.study, cell.plan, cell.train.benchmark.name
