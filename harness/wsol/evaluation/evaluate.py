"""From a score-map store to scores: one pass over the maps for all normalizers and metrics of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wsol.data.benchmark import Annotations
from wsol.evaluation.bootstrap import bootstrap, interval
from wsol.evaluation.metric import Metric
from wsol.evaluation.observations import Observations, Table, total
from wsol.evaluation.observe import EvalSetting, ScoringProgress, observe
from wsol.evaluation.predictions.source import Predictions
from wsol.protocols import EvalProtocol
from wsol.records import MetricValue

Calibrations = Mapping[str, Any]
"""Metric name → what it carries from val to test."""


@dataclass(frozen=True)
class Scores:
    """The scores of one evaluation over a split.

    ``problems``: how many raw maps were NaN, infinite or constant and scored as all zeros. ``notes``: which metrics
    were left out, and why. ``observations``: what the scores were made from, under this evaluation alone.
    """

    metrics: dict[str, MetricValue]
    problems: dict[str, int]
    notes: tuple[str, ...]
    observations: Observations = field(repr=False)

    @property
    def calibrations(self) -> dict[str, Any]:
        """What the metrics chose on this split, by metric name: what to hand to the evaluation on test."""
        return {name: value.calibration for name, value in self.metrics.items() if value.calibration is not None}


def evaluate(
    store: Predictions,
    annotations: Annotations,
    protocol: EvalProtocol,
    evaluations: Sequence[EvalSetting],
    metrics: Sequence[Metric],
    *,
    threads: int = 1,
    calibrations: Sequence[Calibrations] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: ScoringProgress | None = None,
) -> list[Scores]:
    """Score a split under every (normalizer, box rule) of ``evaluations``; the first metric is the primary one.

    ``calibrations``: one mapping an evaluation, from the scores on val; None on val itself, where metrics that carry
    a choice make it. ``bootstrap``: number of resamples (0: no intervals). ``progress(done, images)`` is called from
    the pass. Returns one :class:`Scores` an evaluation, in order. Raises DataError for broken annotations and
    UsageError when the primary metric cannot be had; see :func:`wsol.evaluation.observe.observe`.
    """
    observations = observe(store, annotations, protocol, evaluations, metrics, threads=threads, progress=progress)
    return summarise(observations, metrics, calibrations=calibrations, bootstrap=bootstrap, seed=seed)


def summarise(
    observations: Observations,
    metrics: Sequence[Metric],
    *,
    calibrations: Sequence[Calibrations] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> list[Scores]:
    """The scores of one evaluation after the other, from observations that are complete (see :func:`merge`).

    A metric that carries a choice from val is left out, with a note, where ``calibrations`` has none for it.
    """
    by_name = {metric.name: metric for metric in metrics}
    results = []
    for number, tables in enumerate(observations.tables):
        carried = None if calibrations is None else calibrations[number]
        tasks, notes = [], list(observations.notes)
        for name, table in tables.items():
            metric = by_name[name]
            if carried is not None and carries(metric) and name not in carried:
                notes.append(f"{name}: left out: it needs what was chosen on val")
                continue
            tasks.append(_Task(metric, table, None if carried is None else carried.get(name)))
        values = _values(observations, tasks, bootstrap, seed)
        results.append(Scores(values, observations.problem_counts(), tuple(notes), observations.select([number])))
    return results


def carries(metric: Metric) -> bool:
    """Whether a metric carries a choice from val to test."""
    return type(metric).calibrate is not Metric.calibrate


@dataclass(frozen=True)
class _Task:
    metric: Metric
    table: Table
    calibration: Any

    def score(self, total: Any, weight: Any) -> Any:
        return self.metric.value(total, weight, self.calibration)


def _values(observations: Observations, tasks: Sequence[_Task], replicates: int, seed: int) -> dict[str, MetricValue]:
    draws = bootstrap(observations, [(task.table, task.score) for task in tasks], replicates, seed)
    values = {}
    for task, drawn in zip(tasks, draws, strict=True):
        weights = observations.weights()
        sums, mass = total(task.table, weights), weights.sum()
        low, high = interval(drawn)
        values[task.metric.name] = MetricValue(
            value=float(task.score(sums, mass)),
            higher_is_better=task.metric.higher_is_better,
            low=low,
            high=high,
            images=len(observations),
            parts=task.metric.parts(sums, mass, task.calibration),
            curves=tuple(task.metric.curves(sums, mass)),
            threshold=task.metric.best_threshold(sums, mass),
            calibration=task.metric.calibrate(sums, mass) if task.calibration is None else task.calibration,
        )
    return values
