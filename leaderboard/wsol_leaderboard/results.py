"""The results of one recipe in one study: the trials of its search and the runs that give its score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import wsol


class RankedMetric(NamedTuple):
    """What a ranking is about: a metric under a protocol. Results of different ones are never compared.

    The direction is a part of it, so that no record can turn a ranking of others around.
    """

    protocol: str
    version: int
    metric: str
    higher_is_better: bool = True


NOTHING = RankedMetric("", 0, "")


@dataclass(frozen=True)
class RecipeResults:
    """One recipe in one study.

    Attributes:
        study: Name of the study.
        plan: Hash of its plan.
        recipe: Identity of the recipe.
        train: What is trained.
        evaluation: How it is evaluated.
        search: The trials, by index.
        runs: The final runs, or scored third-party maps, by seed.
    """

    study: str
    plan: str
    recipe: str
    train: wsol.TrainSpec
    evaluation: wsol.EvalSpec
    search: tuple[wsol.RunRecord, ...]
    runs: tuple[wsol.RunRecord, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the recipe among all."""
        return self.study, self.plan, self.recipe

    @property
    def sources(self) -> tuple[wsol.RunRecord, ...]:
        """The final runs, or the trials while there is no final run."""
        return self.runs or self.search

    @property
    def seeds_planned(self) -> int:
        """Number of seeds that the study plans."""
        return max(record.seeds_planned for record in self.sources)

    @property
    def chosen(self) -> tuple[wsol.RunRecord, ...]:
        """The trials that the final runs repeat."""
        repeated = {run.trial for run in self.runs if run.stage == "final"}
        return tuple(trial for trial in self.search if trial.trial in repeated)

    @property
    def tested(self) -> tuple[wsol.RunRecord, ...]:
        """The runs with a result on test."""
        return tuple(run for run in self.runs if self.results(run, "test"))

    @property
    def trials_planned(self) -> int:
        """Number of trials that the study plans."""
        return max(record.trials_planned for record in (*self.search, *self.runs))

    def results(self, record: wsol.RunRecord, split: wsol.EvalSplit) -> list[wsol.Result]:
        """Select the results of a record that belong to this recipe.

        Args:
            record: A run or a trial of this recipe.
            split: ``val`` or ``test``.

        Returns:
            The results on ``split`` with this recipe's evaluation; empty without any.
        """
        return [r for r in record.results if r.split == split and r.evaluation == self.evaluation]

    def targets(self) -> dict[RankedMetric, bool]:
        """Each ranked metric → whether it is primary; taken from test, or from val while there is no result on test."""
        tested = [result for run in self.runs for result in self.results(run, "test")]
        found: dict[RankedMetric, bool] = {}
        for result in tested or [result for trial in self.search for result in self.results(trial, "val")]:
            for metric, value in result.metrics.items():
                target = RankedMetric(result.protocol, result.protocol_version, metric, value.higher_is_better)
                found[target] = found.get(target, False) or metric == result.primary
        return found


def group_results(records: Iterable[wsol.RunRecord]) -> list[RecipeResults]:
    """Group records by study, plan and recipe, in a fixed order.

    Raises:
        DataError: A recipe has two final runs of one seed in one study.
    """
    groups: dict[tuple[str, str, str], list[tuple[wsol.EvalSpec, wsol.RunRecord]]] = {}
    for record in records:
        for recipe, evaluation in zip(record.recipe_ids(), record.evaluations, strict=True):
            groups.setdefault((record.study, record.plan, recipe), []).append((evaluation, record))
    return [_cell(key, groups[key]) for key in sorted(groups)]


def _cell(key: tuple[str, str, str], members: list[tuple[wsol.EvalSpec, wsol.RunRecord]]) -> RecipeResults:
    evaluation, first = members[0]
    search = [record for _, record in members if record.stage == "search"]
    runs: dict[int, wsol.RunRecord] = {}
    for _, record in members:
        if record.stage != "search" and runs.setdefault(record.seed, record) is not record:
            other = runs[record.seed]
            raise wsol.DataError(
                f"runs {other.run_id} and {record.run_id} are both seed {record.seed} of {record.train.method.label()} "
                f"in study {record.study}; a seed counts once: remove one, or give it another seed"
            )
    return RecipeResults(
        *key,
        train=first.train,
        evaluation=evaluation,
        search=tuple(sorted(search, key=lambda record: (record.trial, record.run_id))),
        runs=tuple(runs[seed] for seed in sorted(runs)),
    )


@dataclass(frozen=True)
class Outcome:
    """The values of one metric: seed → value, and seed → reason for a missing value."""

    values: dict[int, wsol.MetricValue]
    gaps: dict[int, str]


def outcome(cell: RecipeResults, target: RankedMetric) -> Outcome:
    """Collect the values on test of complete runs.

    Args:
        cell: The recipe; only its final runs, or scored third-party maps, are read.
        target: The metric and its protocol.

    Returns:
        The value of each seed whose value counts, and the reason for each other seed that has a run.
    """
    values: dict[int, wsol.MetricValue] = {}
    gaps: dict[int, str] = {}
    for run in cell.runs:
        value = find_value(cell.results(run, "test"), target)
        if run.status != "complete":
            gaps[run.seed] = one_line(f"{run.status}: {run.reason}" if run.reason else run.status)
        elif value is None:
            gaps[run.seed] = f"no {target.metric or 'result'} on test"
        else:
            values[run.seed] = value
    return Outcome(values, gaps)


def find_value(results: Iterable[wsol.Result], target: RankedMetric) -> wsol.MetricValue | None:
    """Find the value of a metric among results.

    Args:
        results: Results of one record on one split; the first under the protocol of ``target`` is read.
        target: The metric and its protocol, with version.

    Returns:
        The value, in percent; None if no result is under the protocol, or it lacks the metric in this direction.
    """
    for result in results:
        if (result.protocol, result.protocol_version) == (target.protocol, target.version):
            value = result.metrics.get(target.metric)
            return value if value is None or value.higher_is_better == target.higher_is_better else None
    return None


def verdict(cell: RecipeResults, found: Outcome) -> tuple[str, str]:
    """Determine the status of a recipe and the reason for it.

    Args:
        cell: The recipe.
        found: What :func:`outcome` returns for it.

    Returns:
        The status (``complete``, ``partial``, ``failed`` or ``diverged``) and the reason, ``""`` if complete.
    """
    if not cell.runs:
        return _unstarted(cell)
    missing = max(0, cell.seeds_planned - len(cell.runs))
    if not missing and not found.gaps:
        return "complete", ""
    reasons = [f"seed {seed}: {why}" for seed, why in found.gaps.items()]
    reasons += [f"{missing} of {cell.seeds_planned} seeds not run"] if missing else []
    if found.values:
        return "partial", "; ".join(reasons)
    return _worst(cell.runs), "; ".join(reasons)


def _unstarted(cell: RecipeResults) -> tuple[str, str]:
    done = sum(trial.status == "complete" for trial in cell.search)
    if done or len(cell.search) < cell.trials_planned:
        return "partial", f"no final run: {done} of {cell.trials_planned} trials complete"
    return _worst(cell.search), one_line(f"no trial of {len(cell.search)} completed: {cell.search[0].reason}")


def _worst(records: tuple[wsol.RunRecord, ...]) -> str:
    return "diverged" if all(record.status == "diverged" for record in records) else "failed"


def one_line(text: str) -> str:
    """Replace every run of white space, including line breaks, by a single space."""
    return " ".join(text.split())
