"""How a run that was made again compares with the recorded one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from wsol.records import MetricValue, Result, RunRecord, Verdict

_ORDER: tuple[Verdict, ...] = ("equal", "within", "different")
"""Verdicts from the best to the worst."""


@dataclass(frozen=True)
class MetricComparison:
    """One metric of both runs.

    Attributes:
        split: The split.
        evaluation: Number of the evaluation within the run.
        metric: Name of the metric.
        recorded: Its value in the record, in percent.
        again: Its value in the new run; None where the new run has none.
        low: Lower end of the recorded interval over images; None without one.
        high: Its upper end.
    """

    split: str
    evaluation: int
    metric: str
    recorded: float
    again: float | None
    low: float | None
    high: float | None

    @property
    def verdict(self) -> Verdict:
        """``equal`` to the bit, ``within`` the interval over images, or ``different``."""
        if self.again == self.recorded:
            return "equal"
        if self.again is None or self.low is None or self.high is None:
            return "different"
        return "within" if self.low <= self.again <= self.high else "different"

    def line(self) -> str:
        """The comparison as one line."""
        interval = "" if self.low is None or self.high is None else f", interval {self.low:.2f} to {self.high:.2f}"
        again = "none" if self.again is None else f"{self.again:.6g}"
        return (
            f"{self.split} of evaluation {self.evaluation} {self.metric}: {self.verdict}: "
            f"recorded {self.recorded:.6g}{interval}, again {again}"
        )

    def to_json(self) -> dict[str, JsonValue]:
        """The comparison as a JSON object."""
        return {**vars(self), "verdict": self.verdict}


def compare_runs(recorded: RunRecord, again: RunRecord, splits: Sequence[str]) -> list[MetricComparison]:
    """Compare every metric of two runs.

    Args:
        recorded: The recorded run.
        again: The new run.
        splits: Splits to compare.

    Returns:
        One comparison for each metric of each recorded result on these splits.
    """
    found = []
    for result in recorded.results:
        if result.split not in splits:
            continue
        new = _same(again, result)
        for name, value in result.metrics.items():
            found.append(_compare(recorded.evaluations.index(result.evaluation), result, name, value, new.get(name)))
    return found


def worst(comparisons: Sequence[MetricComparison]) -> Verdict:
    """The verdict on a whole run: that of its worst metric; ``different`` where nothing was compared."""
    return max((c.verdict for c in comparisons), key=_ORDER.index, default="different")


def _same(record: RunRecord, result: Result) -> dict[str, MetricValue]:
    same = [r for r in record.results if (r.split, r.evaluation) == (result.split, result.evaluation)]
    return same[0].metrics if same else {}


def _compare(
    evaluation: int, result: Result, name: str, value: MetricValue, again: MetricValue | None
) -> MetricComparison:
    new = None if again is None else again.value
    return MetricComparison(result.split, evaluation, name, value.value, new, value.low, value.high)


def agrees(recorded: RunRecord, again: RunRecord) -> bool:
    """Whether a run that was made again is the recorded one, with scores that are equal or within the intervals.

    Args:
        recorded: The recorded run.
        again: The new run; it must have a score for every recorded one.
    """
    same = ("stage", "trial", "seed", "hparams")
    if recorded.recipe_ids() != again.recipe_ids() or any(
        getattr(recorded, name) != getattr(again, name) for name in same
    ):
        return False
    return worst(compare_runs(recorded, again, ("val", "test"))) != "different"
