"""Records of runs.

Each run leaves one JSON file, which is written atomically: it is complete or absent. The leaderboard is a function of
the records.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from wsol.errors import DataError
from wsol.files import read_bytes, write_atomic
from wsol.options import OptionValues, describe_validation
from wsol.recipes import EvalSpec, JsonObject, Model, TrainSpec, recipe_id
from wsol.split_names import EvalSplit

SCHEMA_VERSION = 3
WEIGHTS = "weights.pt"
"""File in a final run's folder that holds the trained method's state_dict."""
GALLERY = "gallery"
"""Folder of the pictures of a final run, in its own folder."""
Status = Literal["complete", "failed", "diverged"]
Stage = Literal["search", "final", "score"]
Verdict = Literal["equal", "within", "different"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


class Curve(Model):
    """Values of a metric over something else, in the record and in the figures of ``wsol plot``.

    Attributes:
        name: Title of the panel; the curves of several results with one name are drawn together.
        x: Positions; for ``bars`` the edges of the bins, finite, increasing, one more than there are values.
        y: Values; NaN leaves a gap.
        x_label, y_label: Labels of the axes, with units.
        kind: ``line`` joins the values, ``points`` draws each, ``bars`` draws a histogram.
        x_limits, y_limits: Ends of the axes, finite; None: those of the values.
        x_scale: ``symlog`` is logarithmic on both sides of 0, and linear up to the smallest non-zero position.

    Example:
        >>> Curve(name="IoU 0.5", x=[0.0, 0.5], y=[10.0, 25.0], x_label="threshold", y_label="accuracy, %").kind
        'line'
    """

    name: str
    x: list[float]
    y: list[float]
    x_label: str = ""
    y_label: str = ""
    kind: Literal["line", "points", "bars"] = "line"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    x_scale: Literal["linear", "log", "symlog"] = "linear"

    @model_validator(mode="after")
    def _check_values(self) -> Curve:
        expected = len(self.y) + (self.kind == "bars")
        if len(self.x) != expected:
            raise ValueError(
                f"curve '{self.name}': {len(self.x)} positions, but its {len(self.y)} values need {expected}"
            )
        if self.kind == "bars" and not all(map(math.isfinite, self.x)):
            raise ValueError(f"curve '{self.name}': the edges of bins must be finite, not {self.x}")
        if self.kind == "bars" and any(low >= high for low, high in pairwise(self.x)):
            raise ValueError(f"curve '{self.name}': the edges of bins must increase, not {self.x}")
        for axis, limits in (("x_limits", self.x_limits), ("y_limits", self.y_limits)):
            if not all(map(math.isfinite, limits or ())):
                raise ValueError(f"curve '{self.name}': {axis} must be finite, not {limits}")
        return self


class MetricValue(Model):
    """A score over a split, in percent.

    Attributes:
        value: The score.
        higher_is_better: The direction that a ranking takes.
        low: Lower end of the 95 % bootstrap interval over images; None without one.
        high: Upper end of that interval.
        images: Number of images.
        parts: Named parts of the score.
        curves: Curves for ``wsol plot``.
        threshold: The best threshold for single boxes, as a share of the map's maximum.
        calibration: What was chosen on val and carried to test, for example a threshold.
    """

    value: float
    higher_is_better: bool = True
    low: float | None = None
    high: float | None = None
    images: int = 0
    parts: dict[str, float] = Field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    threshold: float | None = None
    calibration: JsonValue = None


class Result(Model):
    """The scores of one evaluation of a run on one split.

    Attributes:
        evaluation: Extractor, normalizer and box rule.
        split: Split that was evaluated.
        protocol: Name of the evaluation protocol.
        protocol_version: Its version.
        metrics: Metric → score.
        primary: Metric that selection and ranking use.
        swept: Options of the evaluation that were chosen on val without retraining, as ``part.option``.
        sweep: The whole sweep: each swept option → its values, and the primary metric → its scores.
        problems: Kind of problem → number of images whose raw map (NaN, infinite, constant) or predicted box (NaN,
            infinite, reversed, outside the image) has it.
        notes: Metrics that were left out, with the reason.
    """

    evaluation: EvalSpec
    split: EvalSplit
    protocol: str
    protocol_version: int = 1
    metrics: dict[str, MetricValue]
    primary: str
    swept: OptionValues = Field(default_factory=dict)
    sweep: dict[str, list[Any]] = Field(default_factory=dict)
    problems: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Condition(Model):
    """A condition of a ranking: rows under different conditions are never compared.

    Attributes:
        value: What the run was made with.
        default: The value that is not printed.
    """

    value: JsonValue
    default: JsonValue = None


def condition_difference(first: Mapping[str, Condition], second: Mapping[str, Condition]) -> str:
    """Say which condition of a ranking differs between two records; empty for results that may be compared.

    Args:
        first: Conditions of one record.
        second: Conditions of the other; a condition that one of them lacks has its default there.

    Returns:
        The first difference, for example ``"supervision labels and boxes"``.

    Example:
        >>> condition_difference({"supervision": Condition(value="boxes", default="labels")}, {})
        'supervision boxes and labels'
    """
    known = {**second, **first}
    pairs = {n: [c[n].value if n in c else known[n].default for c in (first, second)] for n in sorted(known)}
    return next((f"{name} {a} and {b}" for name, (a, b) in pairs.items() if a != b), "")


class SplitData(Model):
    """What identifies the data of a split, equally on every machine.

    Hashes that are empty were not computed; they are compared only where both records have one.

    Attributes:
        fingerprint: Name of the split, as the benchmark gives it.
        labels: Hash of ids and classes, in order.
        boxes: Hash of the sizes of the images and of all boxes; empty where no annotation was read.
        masks: Hash of all masks; empty where not every mask was read.
        pixels: Hash of all decoded images, independent of their order; empty where not every image was read.
    """

    fingerprint: str
    labels: str = ""
    boxes: str = ""
    masks: str = ""
    pixels: str = ""

    def difference(self, other: SplitData) -> str:
        """Say what differs between two splits; empty for equal data.

        Args:
            other: Data of the same split in another record.

        Returns:
            What differs with both hashes, for example ``"boxes 1f0c… and 9a3b…"``.
        """
        both = {name: (getattr(self, name), getattr(other, name)) for name in ("labels", "boxes", "masks", "pixels")}
        compared = {name: pair for name, pair in both.items() if all(pair)}
        if "labels" not in compared:
            compared["fingerprint"] = (self.fingerprint, other.fingerprint)
        return next((f"{name} {a} and {b}" for name, (a, b) in compared.items() if a != b), "")


class LedgerHead(Model):
    """The end of a ledger that a record knows: a ledger that was cut or edited no longer has it.

    Attributes:
        lines: Number of lines, this one included.
        hash: Hash of the last of them.
    """

    lines: int
    hash: str


class TestOpening(Model):
    """How a run came to be evaluated on test.

    Attributes:
        selection: Seal of the choice; for third-party maps the hash of the files.
        identities: Hash of the run's identity, see :attr:`RunRecord.identity`.
        data: Hash that names the test data in the ledger.
        attempt: Number of the run's attempt, from 1.
        evaluations: Number of different pairs of selection and identities that had been evaluated on test for the same
            cell and data by the study's ledger, this one included.
        ledger: End of the study's ledger, with the line of this opening.
    """

    __test__ = False  # pytest would collect a class of this name

    selection: str
    identities: str = ""
    data: str = ""
    attempt: int = 1
    evaluations: int
    ledger: LedgerHead | None = None


class RunSettings(Model):
    """How a run computes its numbers, apart from what it trains and evaluates.

    Attributes:
        protocol: Name of the evaluation protocol.
        metrics: Names of all metrics that were asked for, the first one primary.
        precision: Precision of the training, as the study names it.
        bootstrap: Resamples for the intervals; 0: no intervals.
        threads: Number of CPU threads.
    """

    protocol: str
    metrics: tuple[str, ...]
    precision: Precision = "auto"
    bootstrap: int = 1000
    threads: int = 1


class Reproduction(Model):
    """How a run compares with the recorded run that it repeats.

    Attributes:
        record: SHA-256 of the recorded run's file.
        verdict: ``equal`` to the bit, ``within`` the interval over images, or ``different``.
    """

    record: str
    verdict: Verdict


class EpochLog(Model):
    """One epoch of one phase.

    Attributes:
        phase: Name of the phase.
        epoch: Number of the epoch within the phase, from 1.
        lr: Learning rate of layers without a multiplier.
        losses: Name → mean over the optimizer steps of the epoch.
        seconds: Duration.
        score: Score of the epoch, for phases that choose their best epoch.
    """

    phase: str
    epoch: int
    lr: float
    losses: dict[str, float]
    seconds: float
    score: float | None = None


class RunIdentity(Model):
    """What identifies a run before it starts: a trial, a final run, or the scoring of third-party maps.

    Attributes:
        run_id: Name of its files, unique within a study.
        study: Name of the study.
        plan: Hash of the plan that the run belongs to; for third-party maps the hash of the files.
        stage: ``search`` for a trial, ``final`` for a final run, ``score`` for third-party maps.
        train: What is trained.
        evaluations: Evaluations that share the training.
        trial: Index of the trial, from 0; of a final run, the index of the chosen trial.
        trials_planned: Number of trials of the cell.
        seed: Seed of the training.
        seeds_planned: Number of final runs for each choice.
        hparams: Drawn values as ``part.option``, such as ``method.lr``.
    """

    run_id: str
    study: str
    plan: str
    stage: Stage
    train: TrainSpec
    evaluations: tuple[EvalSpec, ...]
    trial: int
    trials_planned: int
    seed: int
    seeds_planned: int = 1
    hparams: OptionValues = Field(default_factory=dict)


class RunRecord(RunIdentity):
    """A run with everything that it left.

    Attributes:
        schema_version: Version of the file format.
        status: ``complete``, ``failed``, or ``diverged`` when a loss became NaN or infinite.
        reason: Why the run is not complete.
        notes: What happened on the way without deciding a number, one line each: a broken checkpoint, for example.
        results: Scores on val and, for a final run, on test.
        history: Log of every epoch.
        conditions: Conditions of the ranking that the run belongs to, in the order in which they are shown.
        identity: What decides the numbers and is compared between search, seal, final runs and rows: code, versions,
            weights, files, protocol, precision, device and decoder, each by a name such as ``code wsol_cam``.
        changes: One line for each part of the identity that differed from the search or the seal and was accepted.
        data: Split → what identifies its data.
        test: The evaluation on test, if there was one.
        observations: SHA-256 of the file of observations; empty without one.
        gallery: Hash of the pictures of test images and their list; empty without a gallery.
        chosen_among: Of a final run, the number of trials that the choice was made among.
        reproduces: The record that this run repeats.
        settings: How the numbers were computed; None where that is not known.
        network: Parameters and FLOPs, see :func:`wsol.inference.cost.network_cost`.
        versions: Versions of code, libraries and plugins.
        distributions: Versions of all installed distributions.
        hardware: Processor, threads and GPU.
        started: Start in UTC, ISO 8601.
        seconds: Duration.
    """

    schema_version: int = SCHEMA_VERSION
    status: Status
    reason: str = ""
    notes: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    history: tuple[EpochLog, ...] = ()
    conditions: dict[str, Condition] = Field(default_factory=dict)
    identity: dict[str, str] = Field(default_factory=dict)
    changes: tuple[str, ...] = ()
    data: dict[str, SplitData] = Field(default_factory=dict)
    test: TestOpening | None = None
    observations: str = ""
    gallery: str = ""
    chosen_among: int = 0
    reproduces: Reproduction | None = None
    settings: RunSettings | None = None
    network: dict[str, int] = Field(default_factory=dict)
    versions: JsonObject = Field(default_factory=dict)
    distributions: dict[str, str] = Field(default_factory=dict)
    hardware: JsonObject = Field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0

    def recipe_ids(self) -> list[str]:
        """Return the identity of each evaluation's recipe: equal for all trials, seeds and studies."""
        return [recipe_id(self.train, evaluation) for evaluation in self.evaluations]


def write_record(record: RunRecord, path: Path) -> None:
    """Write a record as JSON, atomically.

    Args:
        record: The record.
        path: The file; an existing one is replaced.

    Raises:
        DataError: The file cannot be written.
    """
    write_atomic(path, _text(record), "the record")


def record_hash(record: RunRecord) -> str:
    """Hash a record: the SHA-256 of the file that :func:`write_record` writes, 64 hexadecimal digits.

    Args:
        record: The record.
    """
    return hashlib.sha256(_text(record).encode()).hexdigest()


def _text(record: RunRecord) -> str:
    return record.model_dump_json(indent=1) + "\n"


def read_record(path: Path) -> RunRecord:
    """Read one record.

    Raises:
        DataError: The file is missing, broken, or of another schema version.
    """
    return parse_record(read_bytes(path), str(path))


def parse_record(content: bytes, source: str) -> RunRecord:
    """Read one record from the bytes of its file.

    Args:
        content: UTF-8 JSON.
        source: Where it is from, for the error.

    Raises:
        DataError: It is broken, or of another schema version.
    """
    try:
        version = json.loads(content).get("schema_version")
        if version != SCHEMA_VERSION:
            raise DataError(f"{source}: record of schema version {version}, this wsol reads {SCHEMA_VERSION}")
        return RunRecord.model_validate_json(content)
    except ValidationError as error:
        raise DataError(describe_validation(error, source)) from None
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{source}: not a record: {error}") from None


def find_records(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield all ``*.record.json`` below ``folders``, sorted within each.

    Raises:
        DataError: A folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder")
        yield from sorted(folder.rglob("*.record.json"))
