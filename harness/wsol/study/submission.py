"""Scoring third-party maps and boxes: the same protocols, metrics, ledger and records as for the engine's own runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from wsol.data.benchmark import Annotations
from wsol.data.digests import annotation_data, digested, image_data
from wsol.data.views import evaluation_protocol, named_images
from wsol.errors import UsageError
from wsol.evaluation.describe import box_threshold, describe
from wsol.evaluation.evaluate import Calibrations, Scores, summarise
from wsol.evaluation.objects import SplitObjects
from wsol.evaluation.observation_file import observations_path, write_observations
from wsol.evaluation.observe import ScoringProgress, observe
from wsol.evaluation.predictions.box_table import SubmittedBoxes
from wsol.evaluation.predictions.relabelled import WithLogits
from wsol.evaluation.predictions.source import Predictions
from wsol.evaluation.predictions.submitted import LEAVES, fingerprint, open_logits, open_maps
from wsol.plugins import load_plugins
from wsol.protocols import EvalProtocol
from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, content_hash, filled
from wsol.records import Result, RunIdentity, RunRecord, RunSettings, TestOpening, read_record, write_record
from wsol.registry import Plugins
from wsol.split_names import EvalSplit
from wsol.study import environment
from wsol.study.conditions import Facts, ranking_conditions
from wsol.study.identity import SPLIT, split_identity
from wsol.study.ledger import (
    FILE_NAME,
    LedgerEntry,
    append,
    cell_name,
    count_attempts,
    count_openings,
    now,
    read_ledger,
)
from wsol.study.session import default_out
from wsol.study.submission_checks import (
    UNCHANGED,
    ScoringComponents,
    check_classes,
    check_component,
    check_count,
    check_inputs,
    check_record,
    check_replaced,
    metric_names,
)
from wsol.study.test_data_names import hash_test_data

MIN_MAX = ComponentRef(name="minmax")


def default_ledger() -> Path:
    """The ledger in the results folder that is used by default."""
    return default_out() / FILE_NAME


@dataclass(frozen=True)
class Submission:
    """What is to be scored, and how.

    Attributes:
        maps: Score-map store, folder of ``IMAGE_ID.npy`` files, or ``.csv`` file of boxes.
        benchmark: Benchmark that the maps are of.
        split: Split that the maps are of: ``"val"`` or ``"test"``.
        name: Name of the method that made the maps; by default the name of the maps' file.
        normalizer: Brings maps into [0, 1]; ``none`` for maps that are there already.
        box_rule: Makes the boxes; None: the thresholds of the protocol.
        protocol: Evaluation protocol; None: the benchmark's.
        metrics: Metrics, the first one primary; empty: the benchmark's.
        calibration: Record of the same method on val, whose thresholds are carried over to test.
        logits: Score-map store whose logits replace those of the maps.
        record: File to write the record to, with the observations beside it; None: no record. Files of the same
            submission are replaced.
        overwrite: Replace a record and observations of anything else, too.
        ledger: The file that an opening of test is written to.
        bootstrap: Resamples for confidence intervals; 0: no intervals.
        threads: Threads that score, at least 1.

    Raises:
        UsageError: An argument is invalid: another split, a number out of its range, a component with distributions, a
            metric that is named twice.

    Example:
        >>> benchmark = ComponentRef(name="cub", options={"root": "/data/CUB"})
        >>> Submission(Path("cam.maps"), benchmark, "test").name
        'cam'
    """

    maps: Path
    benchmark: ComponentRef
    split: EvalSplit
    name: str = ""
    normalizer: ComponentRef | None = MIN_MAX
    box_rule: ComponentRef | None = None
    protocol: str | None = None
    metrics: tuple[str, ...] = ()
    calibration: Path | None = None
    logits: Path | None = None
    record: Path | None = None
    overwrite: bool = False
    ledger: Path = field(default_factory=default_ledger)
    bootstrap: int = 1000
    threads: int = 1

    def __post_init__(self) -> None:
        if self.split not in get_args(EvalSplit):
            raise UsageError(f"split '{self.split}': maps are scored on 'val' or 'test'")
        check_count("threads", self.threads, 1)
        check_count("bootstrap", self.bootstrap, 0)
        check_component("benchmark", self.benchmark)
        check_component("normalizer", self.normalizer)
        check_component("box_rule", self.box_rule)
        object.__setattr__(self, "metrics", metric_names(self.metrics))
        for key in ("maps", "calibration", "logits", "record", "ledger"):
            path = getattr(self, key)
            object.__setattr__(self, key, None if path is None else Path(path))
        if not self.name:
            object.__setattr__(self, "name", self.maps.stem)


@dataclass(frozen=True)
class ScoredSubmission:
    """The scores of a submission.

    Attributes:
        scores: Values of the metrics, and the observations of single images that they were made from.
        record: The record; with versions and hardware where it was written.
        warnings: Lines to show to the user.
    """

    scores: Scores
    record: RunRecord
    warnings: tuple[str, ...]


def score_submission(
    submission: Submission,
    plugins: Plugins | None = None,
    *,
    on_scored: Callable[[ScoredSubmission], None] | None = None,
    progress: ScoringProgress | None = None,
) -> ScoredSubmission:
    """Check third-party maps or boxes, open the annotations, score, and write the record.

    Everything that needs no annotation is checked first, so that a mistake costs no test evaluation.

    Args:
        submission: What to score.
        plugins: The loaded plugins; None: all installed ones.
        on_scored: Called with the scores before the record is written. Print them here: after a test evaluation they
            must not be lost when the record cannot be written.
        progress: Called with the number of images that are scored and the number of all images.

    Returns:
        The scores, the record and the warnings.

    Raises:
        UsageError: A component is unknown, the parts do not fit together, or the
            record or its observations exist already and are not of this submission, or the record cannot be written.
        DataError: Maps are missing or cannot be scored; the message names all of them.

    Example:
        >>> benchmark = ComponentRef(name="sprites")
        >>> score_submission(Submission(Path("cam.maps"), benchmark, "val", record=Path("cam.json")))
        Traceback (most recent call last):
        ...
        wsol.errors.UsageError: cam.json: the name of a record ends in .record.json
    """
    check_record(submission.record)
    plugins = plugins or load_plugins()
    scored = _score(submission, plugins, progress)
    if on_scored is not None:
        on_scored(scored)
    if submission.record is not None:
        update = {"versions": environment.versions(plugins.plugins), "hardware": environment.hardware()}
        scored = replace(scored, record=scored.record.model_copy(update=update))
        stored = write_observations(observations_path(submission.record), [scored.scores.observations])
        scored = replace(scored, record=scored.record.model_copy(update={"observations": stored}))
        write_record(scored.record, submission.record)
    return scored


def _score(given: Submission, plugins: Plugins, progress: ScoringProgress | None) -> ScoredSubmission:
    started, noted = now(), list[str]()
    parts = _create(given, plugins)
    images = named_images(parts.benchmark, given.split)
    unchanged = given.normalizer is not None and given.normalizer.name == UNCHANGED
    source, problems = open_maps(given.maps, images, normalised=unchanged)
    logits = None if given.logits is None else open_logits(given.logits, images)
    identity = _identity(given, parts, source.kind == "boxes")
    calibrations = _calibrations(given, parts.protocol)
    seen = source.logits if logits is None else logits
    classes = None if seen is None else seen.shape[1]
    check_inputs(source.kind, classes, parts, calibrations)
    if classes is not None and (unknown := check_classes(classes, images.labels, parts.benchmark)):
        noted.append(unknown)
    if not given.overwrite:
        check_replaced(given.record, identity, given.split, _settings(given, parts))
    opening = _open_test(given, identity, parts, calibrations, noted.append) if given.split == "test" else None
    annotations = digested(parts.benchmark.annotations(given.split), images.ids)
    outside: list[int] = []
    if isinstance(source, SubmittedBoxes):
        outside = source.outside(annotations.sizes)
        problems.warn(LEAVES, *(source.ids[i] for i in outside))
        source = source.framed(annotations.sizes, parts.protocol)
    predictions = source if logits is None else WithLogits(source, logits)
    scores = _evaluate(given, parts, predictions, annotations, calibrations, outside, progress)
    data = annotation_data(image_data(images.fingerprint, images.ids, images.labels), annotations)
    rule = split_identity(parts.benchmark)
    record = RunRecord(
        **vars(identity),
        status="complete",
        results=(_result(given, parts, identity.evaluations[0], scores),),
        identity=rule,
        conditions=ranking_conditions(Facts(split=rule.get(SPLIT, ""))),
        data={given.split: data},
        test=opening,
        settings=_settings(given, parts),
        started=started,
    )
    return ScoredSubmission(scores, record, (*noted, *problems.warning_lines(), *scores.notes))


def _evaluate(
    given: Submission,
    parts: ScoringComponents,
    predictions: Predictions,
    annotations: Annotations,
    calibrations: list[Calibrations] | None,
    outside: list[int],
    progress: ScoringProgress | None,
) -> Scores:
    """The scores, with details of each image; ``outside`` are the images whose box was clipped already."""
    setting = (None if predictions.kind == "boxes" else parts.normalizer, parts.box_rule)
    protocol, metrics, objects = parts.protocol, parts.metrics, SplitObjects.of(len(predictions))
    seen = observe(
        predictions,
        annotations,
        protocol,
        [setting],
        metrics,
        threads=given.threads,
        progress=progress,
        objects=objects,
    ).with_problem(outside, "outside")
    scores = summarise(seen, metrics, calibrations=calibrations, bootstrap=given.bootstrap)[0]
    threshold = box_threshold(scores.metrics, protocol)
    described = describe(seen, predictions, annotations, objects, protocol, setting, threshold, threads=given.threads)
    return replace(scores, observations=described)


def _create(given: Submission, plugins: Plugins) -> ScoringComponents:
    benchmark = plugins.create("benchmarks", given.benchmark.name, given.benchmark.options)
    normalizer, box_rule = given.normalizer, given.box_rule
    return ScoringComponents(
        benchmark=benchmark,
        protocol=evaluation_protocol(benchmark, given.protocol or benchmark.protocol),
        normalizer=plugins.create("normalizers", normalizer.name, normalizer.options) if normalizer else None,
        box_rule=plugins.create("box_rules", box_rule.name, box_rule.options) if box_rule else None,
        metrics=[plugins.create("metrics", name) for name in given.metrics or benchmark.metrics],
    )


def _identity(given: Submission, parts: ScoringComponents, boxes: bool) -> RunIdentity:
    """What the record is of. ``plan`` is the hash of maps and logits, so that other files are another submission."""
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


def _open_test(
    given: Submission,
    run: RunIdentity,
    parts: ScoringComponents,
    calibrations: list[Calibrations] | None,
    warned: Callable[[str], None],
) -> TestOpening:
    """Append the test evaluation to the ledger, before an annotation is read."""
    cell = cell_name(run.train, run.evaluations[0])
    setting = [run.evaluations[0].model_dump(mode="json"), parts.protocol.name, calibrations]
    entry = LedgerEntry(
        kind="score",
        study=run.study,
        plan=run.plan,
        run=run.run_id,
        cells=(cell,),
        data=hash_test_data(parts.benchmark),
        selection=run.plan,
        identities=content_hash(setting),  # the same maps under another normalizer are another evaluation
    )
    before = read_ledger(given.ledger).entries
    attempt = count_attempts(before, entry) + 1
    head = append(given.ledger, entry.model_copy(update={"attempt": attempt}), warned)
    return TestOpening(
        selection=entry.selection,
        identities=entry.identities,
        data=entry.data,
        attempt=attempt,
        evaluations=count_openings([*before, entry], cell, entry.data).evaluations,
        ledger=head,
    )


def _calibrations(given: Submission, protocol: EvalProtocol) -> list[Calibrations] | None:
    """What the metrics chose on val, for test; None on val, where they choose now."""
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


def _settings(given: Submission, parts: ScoringComponents) -> RunSettings:
    return RunSettings(
        protocol=parts.protocol.name,
        metrics=tuple(metric.name for metric in parts.metrics),
        bootstrap=given.bootstrap,
        threads=given.threads,
    )


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
