"""Scoring maps made by anybody's code: the same protocol, metrics, ledger and record as a run of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wsol.errors import UsageError
from wsol.evaluation.boxfile import PixelBoxes
from wsol.evaluation.combined import Combined
from wsol.evaluation.evaluate import Scores, evaluate
from wsol.evaluation.external import fingerprint, open_logits, open_maps
from wsol.evaluation.observe import Progress
from wsol.evaluation.protocols import Protocol
from wsol.plugins import Plugins
from wsol.records import (
    ComponentRef,
    EvalSpec,
    Result,
    RunIdentity,
    RunRecord,
    ScheduleSpec,
    TestOpening,
    TrainSpec,
    read_record,
)
from wsol.study.fitting import Parts, check_inputs
from wsol.study.job import evaluation_protocol
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
class Scored:
    """``scores`` with the observations they were made from, the record, and lines to warn the user with."""

    scores: Scores
    record: RunRecord
    warnings: tuple[str, ...]


def score_maps(given: Submission, plugins: Plugins, progress: Progress | None = None) -> Scored:
    """Check the maps, open the annotations and score.

    All that can be checked without annotations is checked first, so that a mistake costs no touch of test. Raises
    DataError naming every map that cannot be scored, UsageError for unknown components.
    """
    started = now()
    parts = _create(given, plugins)
    images = parts.benchmark.images(given.split)
    unchanged = given.normalizer is not None and given.normalizer.name == UNCHANGED
    source, findings = open_maps(given.maps, images, normalised=unchanged)
    logits = None if given.logits is None else open_logits(given.logits, images)
    identity = _identity(given, parts, source.kind == "boxes")
    calibrations = _calibrations(given, parts.protocol)
    seen = source.logits if logits is None else logits
    check_inputs(source.kind, None if seen is None else seen.shape[1], parts, calibrations)
    opening = _open_test(given.ledger, identity) if given.split == "test" else None
    annotations = parts.benchmark.annotations(given.split)
    if isinstance(source, PixelBoxes):
        findings.warn("boxes leave their image, and are clipped", *source.outside(annotations.sizes))
        source = source.framed(annotations.sizes, parts.protocol)
    scores = evaluate(
        source if logits is None else Combined(source, logits),
        annotations,
        parts.protocol,
        [(None if identity.evaluations[0].normalizer is None else parts.normalizer, parts.box_rule)],
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
    return Scored(scores, record, (*findings.warning_lines(), *scores.notes))


def _create(given: Submission, plugins: Plugins) -> Parts:
    def create(kind: str, ref: ComponentRef | None) -> Any:
        return None if ref is None else plugins.create(kind, ref.name, ref.options)

    benchmark = create("benchmarks", given.benchmark)
    return Parts(
        benchmark=benchmark,
        protocol=evaluation_protocol(benchmark, given.protocol or benchmark.protocol),
        normalizer=create("normalizers", given.normalizer),
        box_rule=create("box_rules", given.box_rule),
        metrics=[plugins.create("metrics", name) for name in given.metrics or benchmark.metrics],
    )


def _identity(given: Submission, parts: Parts, boxes: bool) -> RunIdentity:
    """What the record is of. ``plan`` is the hash of maps and logits: other ones are another submission."""
    train = TrainSpec(
        benchmark=given.benchmark,
        method=ComponentRef(name=given.name),
        schedule=ScheduleSpec(**vars(parts.benchmark.schedule)),
    )
    return RunIdentity(
        run_id=given.name,
        study="external",
        plan="+".join(fingerprint(path) for path in (given.maps, given.logits) if path is not None),
        stage="score",
        train=train,
        evaluations=(EvalSpec(normalizer=None if boxes else given.normalizer, box_rule=given.box_rule),),
        trial=0,
        trials_planned=1,
        seed=0,
    )


def _open_test(ledger: Path, run: RunIdentity) -> TestOpening:
    """Scoring on test is a look at test like any other: it is in the ledger before an annotation is read."""
    cell = cell_name(run.train, run.evaluations[0])
    return TestOpening(selection=run.plan, touched=record_opening(ledger, cell, run.plan, run.run_id))


def _calibrations(given: Submission, protocol: Protocol) -> list[dict[str, Any]] | None:
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


def _result(given: Submission, parts: Parts, evaluation: EvalSpec, scores: Scores) -> Result:
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
