"""The choice among the swept settings of an evaluation, by the scores that the record states for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from wsol.errors import UsageError, one_line
from wsol.options import OptionValues
from wsol.recipes import JsonObject
from wsol.records import Result
from wsol.registry import Plugins
from wsol.study.plan import sweeps
from wsol.study.verification.equality import differences
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import RecordFile
from wsol.study.verification.scores import label


def check_sweep(file: RecordFile, plugins: Plugins) -> Iterator[Outcome]:
    """Check that each result of a trial has the best finite setting of its sweep, the first on a tie.

    Args:
        file: The record; final runs sweep nothing.
        plugins: Where components are found, to list the settings that the evaluation had to sweep.

    Yields:
        Settings that were not swept, and a choice that is not the best one.
    """
    if file.record.stage != "search":
        return
    for index, result in enumerate(file.record.results):
        where = label(file, index)
        try:
            settings = sweeps(result.evaluation, plugins)
        except UsageError as error:
            yield Skipped(file.name, f"{where} sweep", one_line(error))
            continue
        for what, expected, found in _check(result, settings):
            yield Finding(file.name, f"{where} {what}", expected, found)


def _check(result: Result, settings: Sequence[OptionValues]) -> Iterator[tuple[str, str, str]]:
    names = settings[0] if len(settings) > 1 else {}
    expected: JsonObject = {name: [setting[name] for setting in settings] for name in names}
    swept: JsonObject = {name: values for name, values in result.sweep.items() if name != result.primary}
    changed = list(differences(expected, swept))
    yield from ((f"sweep{place}", wanted, found) for place, wanted, found in changed)
    if changed:
        return
    best, value = 0, result.metrics.get(result.primary)
    if len(settings) > 1 and value is not None:
        scores = [float(score) for score in result.sweep.get(result.primary, [])]
        if len(scores) != len(settings):
            yield "sweep", f"{len(settings)} scores", str(len(scores))
            return
        best = best_index(scores, value.higher_is_better)
        yield from ((f"sweep score {best}", w, f) for _, w, f in differences(value.value, scores[best]))
    yield from ((f"swept{place}", wanted, found) for place, wanted, found in differences(settings[best], result.swept))


def best_index(scores: Sequence[float], higher_is_better: bool) -> int:
    """The place of the best finite score, the first on a tie; 0 where none is finite.

    Example:
        >>> best_index([float("nan"), 1.0, 3.0, 3.0], higher_is_better=True)
        2
    """
    sign = 1 if higher_is_better else -1
    finite = [i for i, score in enumerate(scores) if math.isfinite(score)]
    return max(finite, key=lambda i: (sign * scores[i], -i), default=0)
