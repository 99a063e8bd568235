"""From predictions to scores: one pass over the maps for all normalizers and metrics of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from wsol.arrays import Array, FloatArray
from wsol.data.benchmark import Annotations
from wsol.evaluation.bootstrap import bootstrap, interval
from wsol.evaluation.metric import Calibration, Metric
from wsol.evaluation.observations import Observations, ObservationTable, total
from wsol.evaluation.observe import EvalSetting, ScoringProgress, observe
from wsol.evaluation.predictions.source import Predictions
from wsol.isolation import Calling, immutable
from wsol.protocols import EvalProtocol
from wsol.records import MetricValue

Calibrations = Mapping[str, Calibration]
"""What metrics carry from val to test, by name."""


@dataclass(frozen=True)
class Scores:
    """The scores of a split under one setting.

    Attributes:
        metrics: The scores by name.
        problems: Number of images whose raw map or predicted box has a problem, by problem.
        notes: Metrics that were left out, with the reason.
        observations: The observations of this setting alone, from which the scores were computed.
    """

    metrics: dict[str, MetricValue]
    problems: dict[str, int]
    notes: tuple[str, ...]
    observations: Observations = field(repr=False)

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """What the metrics chose on this split, by name: the calibrations of the evaluation on test."""
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
    """Score a split under several settings.

    Args:
        store: The predictions.
        annotations: The annotations of the same images, in the same order.
        protocol: The protocol.
        evaluations: The settings: pairs of normalizer and box rule.
        metrics: The metrics; the first one is the primary metric.
        threads: Number of threads that share the images.
        calibrations: For each setting, what the metrics chose on val; None on val, where they choose.
        bootstrap: Number of resamples for the intervals; 0: no intervals.
        seed: Seed of the resamples.
        progress: Called with the number of images scored so far and of all images.

    Returns:
        The scores under each setting.

    Raises:
        DataError: Annotations are missing or broken.
        UsageError: The primary metric cannot be computed, or a setting does not fit the predictions.
        RunError: A component broke its contract.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import wsol
        >>> path = tempfile.mkdtemp() + "/val.maps"
        >>> with wsol.StoreWriter(path) as writer:
        ...     writer.append(["a.jpg"], labels=[0], located=np.eye(7)[None])
        >>> annotations = wsol.Annotations(sizes=np.array([[100, 100]]), boxes=[np.array([[0, 0, 99, 99]])])
        >>> plugins = wsol.load_plugins()
        >>> scores = wsol.evaluate(
        ...     wsol.ScoreStore.open(path),
        ...     annotations,
        ...     wsol.get_protocol("wsoleval-v2"),
        ...     evaluations=[(plugins.create("normalizers", "minmax"), None)],
        ...     metrics=[plugins.create("metrics", "maxboxacc")],
        ...     bootstrap=0,
        ... )
        >>> scores[0].metrics["maxboxacc"].value
        100.0
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
    """Compute the scores under each setting from the observations of a complete split.

    A metric that carries a choice from val is left out, with a note, if ``calibrations`` has none for it.

    Args:
        observations: See :func:`wsol.evaluation.observe.observe` and :func:`wsol.evaluation.observations.merge`.
        metrics: The metrics that made the observations.
        calibrations: As for :func:`evaluate`.
        bootstrap: As for :func:`evaluate`.
        seed: As for :func:`evaluate`.
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
            # A copy, because a metric that changed it would change what the record of val says.
            tasks.append(_Task(metric, table, None if carried is None else deepcopy(carried.get(name))))
        values = _values(observations, tasks, bootstrap, seed)
        results.append(Scores(values, observations.problem_counts(number), tuple(notes), observations.select([number])))
    return results


def carries(metric: Metric) -> bool:
    """Whether a metric carries a choice from val to test."""
    return type(metric).calibrate is not Metric.calibrate


@dataclass(frozen=True)
class _Task:
    metric: Metric
    table: ObservationTable
    calibration: Calibration

    def score(self, total: Array, weight: Array) -> Array:
        with Calling(f"metric '{self.metric.name}'", "the sum of its observations"):
            return self.metric.value(total, weight, self.calibration)

    def result(self, total: Array, weight: FloatArray, images: int, drawn: FloatArray) -> MetricValue:
        low, high = interval(drawn)
        return MetricValue(
            value=float(self.score(total, weight)),
            higher_is_better=self.metric.higher_is_better,
            low=low,
            high=high,
            images=images,
            parts=self.metric.parts(total, weight, self.calibration),
            curves=tuple(self.metric.curves(total, weight)),
            threshold=self.metric.best_threshold(total, weight),
            calibration=self.metric.calibrate(total, weight) if self.calibration is None else self.calibration,
        )


def _values(observations: Observations, tasks: Sequence[_Task], replicates: int, seed: int) -> dict[str, MetricValue]:
    draws = bootstrap(observations, [(task.table, task.score) for task in tasks], replicates, seed)
    values = {}
    for task, drawn in zip(tasks, draws, strict=True):
        weights = observations.weights()
        with Calling(f"metric '{task.metric.name}'", "the sum of its observations"):
            values[task.metric.name] = task.result(
                immutable(total(task.table, weights)), weights.sum(), len(observations), drawn
            )
    return values
