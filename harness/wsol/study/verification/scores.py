"""Recompute every score of a record from its stored observations, and compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import JsonValue

from wsol.errors import DataError, UsageError, one_line
from wsol.evaluation.evaluate import Calibrations, Scores, summarise
from wsol.evaluation.metric import Metric
from wsol.evaluation.observation_file import read_observations
from wsol.evaluation.observations import Observations
from wsol.files import hash_file
from wsol.protocols import get_protocol
from wsol.records import MetricValue, Result, RunSettings
from wsol.registry import Plugins
from wsol.study import environment
from wsol.study.verification.equality import TOLERANCE, differences
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import RecordFile

SCORES = "scores"
"""Name of the check without which nothing can be said about a record."""
MOST = 10
"""Differences of one result that get a line each; a curve alone has a thousand numbers."""


def check_scores(file: RecordFile, plugins: Plugins) -> Iterator[Outcome]:
    """Check the results of a record: shape, hash of the observations, and every number.

    Args:
        file: The record; one of a run that is not complete has nothing to recompute.
        plugins: Where metrics are found.

    Yields:
        What does not follow from the observations; the check :data:`SCORES` as skipped where a metric is not installed.
    """
    record = file.record
    if record.status != "complete":
        if record.results:
            yield Finding(file.name, "results", f"none of a run that {record.status}", str(len(record.results)))
        return
    if record.settings is None:
        yield Finding(file.name, "settings", "the metrics and resamples of the run", "none")
        return
    yield from _shape(file, record.settings)
    loaded = load_observations(file)
    if isinstance(loaded, Finding):
        yield loaded
        return
    try:
        metrics = [plugins.create("metrics", name) for name in record.settings.metrics]
    except UsageError as error:
        yield Skipped(file.name, SCORES, one_line(error))
        return
    for index in range(len(record.results)):
        yield from check_result(file, index, loaded[index], metrics)


def load_observations(file: RecordFile) -> list[Observations] | Finding:
    """Read the observations of a complete record.

    Args:
        file: The record.

    Returns:
        The observations of each result; or what is wrong with the file.
    """
    path, record = file.observations, file.record
    if not record.observations:
        return Finding(file.name, "observations", "the SHA-256 of a file of observations", "none")
    try:
        found = hash_file(path)
        if found != record.observations:
            return Finding(str(path), "SHA-256", f"{record.observations[:16]}… of the record", f"{found[:16]}…")
        loaded = read_observations(path)
    except OSError as error:
        return Finding(str(path), "observations", "a file that can be read", str(error.strerror or error))
    except DataError as error:
        return Finding(str(path), "observations", "the observations of a record", one_line(error))
    if len(loaded) != len(record.results):
        return Finding(str(path), "results", str(len(record.results)), str(len(loaded)))
    return loaded


def check_result(
    file: RecordFile, index: int, observations: Observations, metrics: Sequence[Metric]
) -> Iterator[Finding]:
    """Recompute a result of a record, intervals included.

    Args:
        file: The record, whose settings are known.
        index: Number of the result in the record.
        observations: Its observations.
        metrics: The record's metrics.

    Yields:
        Each number that differs: to the bit on the computer and with the NumPy of the run, else by more than
        :data:`wsol.study.verification.equality.TOLERANCE`.
    """
    result, settings = file.record.results[index], file.record.settings
    assert settings is not None  # checked before the observations are read
    try:
        scores = summarise(observations, metrics, calibrations=_carried(file, result), bootstrap=settings.bootstrap)[0]
    except Exception as error:  # metrics are third-party code, and observations may be of other metrics
        yield Finding(file.name, label(file, index), "scores that follow from the observations", one_line(error))
        return
    found = differences(_of_scores(scores), _of_result(result), tolerance(file))
    wrong = sorted(found, key=lambda difference: " curves " in difference[0])  # scores before curves
    for place, expected, stored in wrong[:MOST]:
        yield Finding(file.name, label(file, index) + place, expected, stored)
    if len(wrong) > MOST:
        yield Finding(file.name, label(file, index), "the numbers of the observations", f"{len(wrong)} that differ")


def label(file: RecordFile, index: int) -> str:
    """Name a result in a finding, for example ``val of evaluation 0``."""
    result, evaluations = file.record.results[index], file.record.evaluations
    place = evaluations.index(result.evaluation) if result.evaluation in evaluations else "?"
    return f"{result.split} of evaluation {place}"


def _shape(file: RecordFile, settings: RunSettings) -> Iterator[Finding]:
    """Check that there is one result for each evaluation and split, under the record's protocol."""
    record = file.record
    closed = record.reproduces is not None and record.test is None
    finals = ["val"] if closed else ["val", "test"]
    splits = {"search": ["val"], "final": finals}.get(record.stage, [r.split for r in record.results[:1]])
    expected = [(split, evaluation) for split in splits for evaluation in record.evaluations]
    if [(result.split, result.evaluation) for result in record.results] != expected:
        found = ", ".join(label(file, index) for index in range(len(record.results))) or "none"
        yield Finding(file.name, "results", f"{' and '.join(splits)} of {len(record.evaluations)} evaluations", found)
    for index, result in enumerate(record.results):
        rules = {
            "protocol": (settings.protocol, result.protocol),
            "protocol version": (_version(settings.protocol), result.protocol_version),
            "primary metric": (settings.metrics[0] if settings.metrics else "none", result.primary),
        }
        for name, (wanted, stored) in rules.items():
            if wanted != stored:
                yield Finding(file.name, f"{label(file, index)} {name}", str(wanted), str(stored))


def _version(protocol: str) -> int | str:
    try:
        return get_protocol(protocol).version
    except UsageError:
        return "a protocol that this wsol has"


def _carried(file: RecordFile, result: Result) -> list[Calibrations] | None:
    """What the metrics chose on val: by the record's own result on val, else as the result itself states it."""
    if result.split == "val":
        return None
    own = [r for r in file.record.results if r.split == "val" and r.evaluation == result.evaluation]
    source = own[0] if own else result
    return [{name: value.calibration for name, value in source.metrics.items() if value.calibration is not None}]


def tolerance(file: RecordFile) -> float:
    """The relative difference of numbers that counts as equal: 0 where NumPy rounds here as it did in the run.

    Args:
        file: The record of the run.
    """
    record = file.record
    same = record.versions.get("numpy") == np.__version__ and record.hardware.get("cpu") == environment.cpu()
    return 0.0 if same else TOLERANCE


def _of_scores(scores: Scores) -> dict[str, JsonValue]:
    return {
        "metrics": _numbers(scores.metrics),
        "problems": {name: count for name, count in scores.problems.items() if count},
        "notes": list(scores.notes),
    }


def _of_result(result: Result) -> dict[str, JsonValue]:
    return {"metrics": _numbers(result.metrics), "problems": dict(result.problems), "notes": list(result.notes)}


def _numbers(metrics: dict[str, MetricValue]) -> dict[str, JsonValue]:
    return {name: value.model_dump() for name, value in metrics.items()}
