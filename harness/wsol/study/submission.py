"""Scoring maps made by anybody's code: the same protocol, metrics, ledger and record as a run of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wsol.components import BoxRule, Normalizer
from wsol.data.benchmark import Benchmark
from wsol.data.views import evaluation_protocol
from wsol.errors import DataError, UsageError
from wsol.evaluation.evaluate import Calibrations, Scores, carries, evaluate
from wsol.evaluation.metric import Metric
from wsol.evaluation.observe import ScoringProgress
from wsol.evaluation.predictions.box_table import SubmittedBoxes
from wsol.evaluation.predictions.relabelled import WithLogits
from wsol.evaluation.predictions.source import PredictionKind
from wsol.evaluation.predictions.submitted import fingerprint, open_logits, open_maps
from wsol.plugins import Plugins
from wsol.protocols import EvalProtocol
from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, filled
from wsol.records import Result, RunIdentity, RunRecord, TestOpening, read_record
from wsol.study.ledger import cell_name, now, record_opening

UNCHANGED = "none"
"""The normalizer for maps that are in [0, 1] already; it is the only one that maps are checked for."""


@dataclass(frozen=True)
class Submission:
    """What is to be scored, and how.

    ``name`` stands for the method that made the maps. ``calibration``: the record of the same method on val, whose
    thresholds are carried over to test. ``ledger``: where an opening of test is written. ``logits``: the store whose
    logits replace those of the maps.
    """

    maps: Path
    name: str
    benchmark: ComponentRef
    split: Literal["val", "test"]
    normalizer: ComponentRef | None
    box_rule: ComponentRef | None
    ledger: Path
    protocol: str | None = None
    metrics: tuple[str, ...] = ()
    calibration: Path | None = None
    logits: Path | None = None
    bootstrap: int = 1000
    threads: int = 1


@dataclass(frozen=True)
class ScoredSubmission:
    """``scores`` with the observations they were made from, the record, and lines to warn the user with."""

    scores: Scores
    record: RunRecord
    warnings: tuple[str, ...]


def score_maps(given: Submission, plugins: Plugins, progress: ScoringProgress | None = None) -> ScoredSubmission:
    """Check the maps, open the annotations and score.

    All that can be checked without annotations is checked first, so that a mistake costs no touch of test. Raises
    DataError naming every map that cannot be scored, UsageError for unknown components.
    """
    started = now()
    parts = _create(given, plugins)
    images = parts.benchmark.images(given.split)
    unchanged = given.normalizer is not None and given.normalizer.name == UNCHANGED
    source, problems = open_maps(given.maps, images, normalised=unchanged)
    logits = None if given.logits is None else open_logits(given.logits, images)
    identity = _identity(given, parts, source.kind == "boxes")
    calibrations = _calibrations(given, parts.protocol)
    seen = source.logits if logits is None else logits
    check_inputs(source.kind, None if seen is None else seen.shape[1], parts, calibrations)
    opening = _open_test(given.ledger, identity) if given.split == "test" else None
    annotations = parts.benchmark.annotations(given.split)
    if isinstance(source, SubmittedBoxes):
        problems.warn("boxes leave their image, and are clipped", *source.outside(annotations.sizes))
        source = source.framed(annotations.sizes, parts.protocol)
    scores = evaluate(
        source if logits is None else WithLogits(source, logits),
        annotations,
        parts.protocol,
        [(None if source.kind == "boxes" else parts.normalizer, parts.box_rule)],
        parts.metrics,
        threads=given.threads,
        calibrations=calibrations,
        bootstrap=given.bootstrap,
        progress=progress,
    )[0]
    record = RunRecord(
        **vars(identity),
        status="complete",
        results=(_result(given, parts, identity.evaluations[0], scores),),
        data={given.split: images.fingerprint},
        test=opening,
        started=started,
    )
    return ScoredSubmission(scores, record, (*problems.warning_lines(), *scores.notes))


def _create(given: Submission, plugins: Plugins) -> ScoringComponents:
    def create(kind: str, ref: ComponentRef | None) -> Any:
        return None if ref is None else plugins.create(kind, ref.name, ref.options)

    benchmark = create("benchmarks", given.benchmark)
    return ScoringComponents(
        benchmark=benchmark,
        protocol=evaluation_protocol(benchmark, given.protocol or benchmark.protocol),
        normalizer=create("normalizers", given.normalizer),
        box_rule=create("box_rules", given.box_rule),
        metrics=[plugins.create("metrics", name) for name in given.metrics or benchmark.metrics],
    )


def _identity(given: Submission, parts: ScoringComponents, boxes: bool) -> RunIdentity:
    """What the record is of. ``plan`` is the hash of maps and logits: other ones are another submission."""
    train = TrainSpec(
        benchmark=given.benchmark,
        parts=filled(method=ComponentRef(name=given.name)),
        schedule=ScheduleSpec(**vars(parts.benchmark.schedule)),
    )
    return RunIdentity(
        run_id=given.name,
        study="external",
        plan="+".join(fingerprint(path) for path in (given.maps, given.logits) if path is not None),
        stage="score",
        train=train,
        evaluations=(EvalSpec(parts=filled(normalizer=None if boxes else given.normalizer, box_rule=given.box_rule)),),
        trial=0,
        trials_planned=1,
        seed=0,
    )


def _open_test(ledger: Path, run: RunIdentity) -> TestOpening:
    """Scoring on test is a look at test like any other: it is in the ledger before an annotation is read."""
    cell = cell_name(run.train, run.evaluations[0])
    return TestOpening(selection=run.plan, touched=record_opening(ledger, cell, run.plan, run.run_id))


def _calibrations(given: Submission, protocol: EvalProtocol) -> list[dict[str, Any]] | None:
    """What the metrics carry to test; None on val, where they choose."""
    if given.split == "val":
        if given.calibration is not None:
            raise UsageError("--calibration: on val, thresholds are chosen on val itself; give it with --split test")
        return None
    if given.calibration is None:
        return [{}]
    results = [r for r in read_record(given.calibration).results if r.split == "val"]
    if len(results) != 1:
        raise UsageError(f"{given.calibration}: has {len(results)} results on val; thresholds are carried from one")
    if (results[0].protocol, results[0].protocol_version) != (protocol.name, protocol.version):
        raise UsageError(
            f"{given.calibration}: thresholds of {results[0].protocol} do not carry over to {protocol.name}"
        )
    metrics = results[0].metrics
    return [{name: value.calibration for name, value in metrics.items() if value.calibration is not None}]


def _result(given: Submission, parts: ScoringComponents, evaluation: EvalSpec, scores: Scores) -> Result:
    return Result(
        evaluation=evaluation,
        split=given.split,
        protocol=parts.protocol.name,
        protocol_version=parts.protocol.version,
        metrics=scores.metrics,
        primary=parts.metrics[0].name,
        problems=scores.problems,
        notes=scores.notes,
    )


@dataclass(frozen=True)
class ScoringComponents:
    """The components that score a submission; the first metric is the primary one."""

    benchmark: Benchmark
    protocol: EvalProtocol
    normalizer: Normalizer | None
    box_rule: BoxRule | None
    metrics: Sequence[Metric]


def check_inputs(
    kind: PredictionKind, classes: int | None, parts: ScoringComponents, calibrations: Sequence[Calibrations] | None
) -> None:
    """Raise where a submission of ``kind`` cannot be scored by ``parts``, whatever the annotations say.

    ``classes``: columns of its logits, None without any. ``calibrations``: what is carried from val, None on val.
    Raises UsageError for parts that do not fit, DataError for logits of another number of classes.
    """
    if kind == "maps" and parts.protocol.interpolation is None:
        raise UsageError(f"protocol '{parts.protocol.name}' scores boxes, not maps; give boxes, or another protocol")
    if kind == "boxes" and parts.box_rule is not None:
        raise UsageError(f"box rule '{parts.box_rule.name}' makes boxes from maps, but boxes were given")
    primary = parts.metrics[0]
    there = {"logits": classes is not None, "map": kind == "maps"}
    lacking = [name for name, found in there.items() if name in primary.needs and not found]
    if lacking:
        raise UsageError(f"the primary metric '{primary.name}' cannot be had: there is no {', '.join(lacking)}")
    if calibrations is not None and carries(primary) and primary.name not in calibrations[0]:
        raise UsageError(
            f"the primary metric '{primary.name}' needs what was chosen on val: name a record of the same maps on val "
            "that has this metric with --calibration"
        )
    expected = len(parts.benchmark.class_names())
    if classes is not None and classes != expected:
        raise DataError(f"the logits are of {classes} classes, but benchmark '{parts.benchmark.name}' has {expected}")
