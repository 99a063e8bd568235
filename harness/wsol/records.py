"""What one run left: one JSON file, written atomically, complete or absent. The leaderboard is a function of these."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from wsol.errors import DataError
from wsol.files import write_atomic
from wsol.options import OptionValues, describe_validation
from wsol.recipes import EvalSpec, JsonObject, Model, TrainSpec, recipe_id

SCHEMA_VERSION = 2
Status = Literal["complete", "failed", "diverged"]
Stage = Literal["search", "final", "score"]


class Curve(Model):
    """Values of a metric over something else, in the record and in the figures of ``wsol plot``.

    Attributes:
        name: Title of the panel; the curves of several results with one name are drawn together.
        x: Positions; for ``bars`` the edges of the bins, one more than there are values.
        y: Values.
        x_label, y_label: Labels of the axes, with units.
        kind: ``line`` joins the values, ``points`` draws each, ``bars`` draws a histogram.
        x_limits, y_limits: Ends of the axes; None: those of the values.
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
    def _check_lengths(self) -> Curve:
        expected = len(self.y) + (self.kind == "bars")
        if len(self.x) != expected:
            raise ValueError(
                f"curve '{self.name}': {len(self.x)} positions, but its {len(self.y)} values need {expected}"
            )
        return self


class MetricValue(Model):
    """A score over a split, in percent. ``low``, ``high``: 95 % bootstrap interval over images. ``parts``: named parts
    of the score. ``calibration``: what was chosen on val and carried to test (a threshold). ``higher_is_better``: the
    direction that a ranking takes. ``threshold``: the best one for single boxes, as a share of the map's maximum."""

    value: float
    higher_is_better: bool = True
    low: float | None = None
    high: float | None = None
    images: int = 0
    parts: dict[str, float] = Field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    threshold: float | None = None
    calibration: Any = None


class Result(Model):
    """The scores of one evaluation of a run on one split. ``swept``: options of normalizer, extractor or box rule that
    were chosen on val without retraining, as ``kind.option``. ``problems``: counts of NaN and constant maps."""

    evaluation: EvalSpec
    split: Literal["val", "test"]
    protocol: str
    protocol_version: int = 1
    metrics: dict[str, MetricValue]
    primary: str
    swept: OptionValues = Field(default_factory=dict)
    sweep: dict[str, list[Any]] = Field(default_factory=dict)
    problems: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Metrics that were left out, and why."""


class TestOpening(Model):
    """How a final run came to see test: under which sealed selection, and how often its cell had by then."""

    __test__ = False  # not a test class, whatever its name looks like to pytest

    selection: str
    touched: int


class EpochLog(Model):
    """One epoch of one phase: mean losses, learning rate, seconds."""

    phase: str
    epoch: int
    lr: float
    losses: dict[str, float]
    seconds: float
    score: float | None = None


class RunIdentity(Model):
    """What a run is, before it has run: a trial of the search, a final run, or maps of somebody else's."""

    run_id: str
    study: str
    plan: str
    """Hash of the plan that the run belongs to."""
    stage: Stage
    train: TrainSpec
    evaluations: tuple[EvalSpec, ...]
    trial: int
    trials_planned: int
    seed: int
    seeds_planned: int = 1
    hparams: OptionValues = Field(default_factory=dict)
    """Drawn values as ``kind.option``, for example ``method.lr``."""


class RunRecord(RunIdentity):
    """One run and all that it left."""

    schema_version: int = SCHEMA_VERSION
    status: Status
    reason: str = ""
    results: tuple[Result, ...] = ()
    history: tuple[EpochLog, ...] = ()
    data: dict[str, str] = Field(default_factory=dict)
    """Split → fingerprint."""
    test: TestOpening | None = None
    network: dict[str, int] = Field(default_factory=dict)
    """Parameters and FLOPs, see :func:`wsol.inference.cost.network_cost`."""
    versions: JsonObject = Field(default_factory=dict)
    hardware: JsonObject = Field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0

    def recipe_ids(self) -> list[str]:
        """One identity an evaluation: equal for all trials and seeds of a recipe, in every study."""
        return [recipe_id(self.train, evaluation) for evaluation in self.evaluations]


def write_record(record: RunRecord, path: Path) -> None:
    """Write ``record`` as JSON, atomically."""
    write_atomic(path, record.model_dump_json(indent=1) + "\n", "the record")


def read_record(path: Path) -> RunRecord:
    """Read one record; raises DataError that names the file and what is wrong with it."""
    try:
        text = path.read_text()
        version = json.loads(text).get("schema_version")
        if version != SCHEMA_VERSION:
            raise DataError(f"{path}: record of schema version {version}, this wsol reads {SCHEMA_VERSION}")
        return RunRecord.model_validate_json(text)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise DataError(describe_validation(error, str(path))) from None
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path}: not a record: {error}") from None


def find_records(folders: Iterable[Path]) -> Iterator[Path]:
    """All ``*.record.json`` below ``folders``, sorted; raises DataError for a folder that does not exist."""
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder")
        yield from sorted(folder.rglob("*.record.json"))
