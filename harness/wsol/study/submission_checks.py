"""Checks of a submission that need no annotation, so that a mistake costs no test evaluation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.arrays import IntArray
from wsol.components import BoxRule, Normalizer
from wsol.data.benchmark import Benchmark
from wsol.errors import DataError, UsageError, one_line
from wsol.evaluation.evaluate import Calibrations, carries
from wsol.evaluation.metric import Metric
from wsol.evaluation.observation_file import observations_path
from wsol.evaluation.predictions.source import PredictionKind
from wsol.protocols import EvalProtocol
from wsol.recipes import ComponentRef
from wsol.records import RunIdentity, RunSettings, read_record
from wsol.split_names import EvalSplit

RECORD_SUFFIX = ".record.json"
UNCHANGED = "none"
"""The normalizer for maps that are in [0, 1] already; only for it the range of the maps is checked."""


@dataclass(frozen=True)
class ScoringComponents:
    """The components that score a submission; the first metric is the primary one."""

    benchmark: Benchmark
    protocol: EvalProtocol
    normalizer: Normalizer | None
    box_rule: BoxRule | None
    metrics: Sequence[Metric]


def check_record(record: Path | None) -> None:
    """Check that a record can be written.

    Args:
        record: The file; None: no record is wanted.

    Raises:
        UsageError: The name does not end in ``.record.json``, or its folder is not writable.
    """
    if record is None:
        return
    if not record.name.endswith(RECORD_SUFFIX):
        raise UsageError(f"{record}: the name of a record ends in {RECORD_SUFFIX}")
    folder = next(parent for parent in record.absolute().parents if parent.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise UsageError(f"{record}: nothing can be written in {folder}")


def check_replaced(record: Path | None, run: RunIdentity, split: EvalSplit, settings: RunSettings) -> None:
    """Check that writing a record replaces nothing but an earlier record of the same submission.

    Args:
        record: The file, whose name was checked; None: no record is wanted.
        run: What the record will be of.
        split: The split that it will have a result on.
        settings: What it will be scored with.

    Raises:
        UsageError: The record is of something else, or its observations exist without it.
    """
    if record is None:
        return
    there = [path for path in (record, observations_path(record)) if os.path.lexists(path)]
    if there and not _is_same(record, run, split, settings):
        raise UsageError(
            f"{there[0]}: exists already and is not of this submission; give the record another name, or --overwrite"
        )


def _is_same(record: Path, run: RunIdentity, split: EvalSplit, settings: RunSettings) -> bool:
    """Whether a file is a record of the same submission, on the same split, by the same protocol and metrics."""
    try:
        before = read_record(record)
    except DataError:
        return False
    splits = {result.split for result in before.results}
    same = all(getattr(before, name) == getattr(run, name) for name in RunIdentity.model_fields)
    rules = None if before.settings is None else (before.settings.protocol, before.settings.metrics)
    return same and splits == {split} and rules == (settings.protocol, settings.metrics)


def check_count(name: str, value: float, least: int) -> None:
    """Check that an argument is a whole number of at least ``least``.

    Args:
        name: The argument, for the message.
        value: What was given for it.
        least: The smallest valid value.

    Raises:
        UsageError: It is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{name}={value!r}: give a whole number of at least {least}")


def check_component(name: str, ref: ComponentRef | None) -> None:
    """Check that a component has a single value for each option.

    Args:
        name: The argument, for the message.
        ref: The component; None: there is none.

    Raises:
        UsageError: It is not a :class:`ComponentRef`, or it has distributions.
    """
    if ref is None:
        return
    if not isinstance(ref, ComponentRef):
        raise UsageError(f"{name}={ref!r}: give a ComponentRef")
    if ref.search:
        raise UsageError(f"{name} {ref.label()}: a submission searches nothing; give a value for each option")


def metric_names(names: Iterable[str]) -> tuple[str, ...]:
    """Check the names of metrics.

    Args:
        names: The names, the primary metric first.

    Returns:
        The names.

    Raises:
        UsageError: A single string was given, an entry is not a string, or a name occurs twice.
    """
    if isinstance(names, str):
        raise UsageError(f"metrics={names!r}: give a tuple of names, ({names!r},)")
    found = tuple(names)
    wrong = next((name for name in found if not isinstance(name, str)), None)
    if wrong is not None:
        raise UsageError(f"metrics: {wrong!r} is not the name of a metric")
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"metrics: '{twice}' is named twice; name each metric once")
    return found


def check_inputs(
    kind: PredictionKind, classes: int | None, parts: ScoringComponents, calibrations: Sequence[Calibrations] | None
) -> None:
    """Check, without annotations, that a submission can be scored.

    Args:
        kind: ``"maps"`` or ``"boxes"``.
        classes: Number of columns of the logits; None without logits.
        parts: The components that are to score it.
        calibrations: What is carried over from val; None on val.

    Raises:
        UsageError: The parts do not fit the submission, or the primary metric lacks something.
    """
    if kind == "maps" and parts.protocol.interpolation is None:
        raise UsageError(f"protocol '{parts.protocol.name}' scores boxes, not maps; give boxes, or another protocol")
    if kind == "maps" and parts.normalizer is None:
        raise UsageError(f"maps need a normalizer; give '{UNCHANGED}' for maps that are in [0, 1] already")
    if kind == "boxes" and parts.box_rule is not None:
        raise UsageError(f"box rule '{parts.box_rule.name}' makes boxes from maps, but boxes were given")
    primary = parts.metrics[0]
    there = {"logits": classes is not None, "map": kind == "maps"}
    lacking = [name for name, found in there.items() if name in primary.needs and not found]
    if lacking:
        raise UsageError(f"the primary metric '{primary.name}' is not available: there is no {', '.join(lacking)}")
    if calibrations is not None and carries(primary) and primary.name not in calibrations[0]:
        raise UsageError(
            f"the primary metric '{primary.name}' needs what was chosen on val: name a record of the same maps on val "
            "that has this metric with --calibration"
        )


def check_classes(classes: int, labels: IntArray, benchmark: Benchmark) -> str:
    """Check that logits are of the benchmark's classes.

    Args:
        classes: Number of columns of the logits.
        labels: Classes of the images, int64 [N].
        benchmark: The data set; its classes may be known from files of train only, which scoring does not need.

    Returns:
        A warning where the benchmark does not know its classes; otherwise an empty string.

    Raises:
        DataError: The logits are of another number of classes than the benchmark's, or of fewer than the images'.
    """
    unknown = ""
    try:
        expected = len(benchmark.class_names())
    except DataError as error:
        expected, unknown = max(classes, int(labels.max()) + 1), one_line(error)
    if classes != expected:
        raise DataError(f"the logits are of {classes} classes, but benchmark '{benchmark.name}' has {expected}")
    return unknown and f"the number of classes, {classes}, could not be compared with the benchmark's: {unknown}"
