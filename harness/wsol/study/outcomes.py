"""What the stages of a run leave: plain data, which a stage's process sends to the worker."""

from __future__ import annotations

from pydantic import Field

from wsol.recipes import JsonObject, Model
from wsol.records import EpochLog, Result, SplitData


class CheckOutcome(Model):
    """What is known before a run is trained.

    Attributes:
        versions: Versions of code, libraries and plugins.
        hardware: Processor, threads and GPU.
        distributions: Versions of all installed distributions.
    """

    versions: JsonObject
    hardware: JsonObject
    distributions: dict[str, str] = Field(default_factory=dict)


class TrainOutcome(CheckOutcome):
    """A trained method, whose weights are in the file that the stage was given.

    Attributes:
        history: Log of every epoch, those before an interruption included.
        split: Name of the training images in the record.
        data: What identifies them.
        identity: Identity of the run, see :mod:`wsol.study.identity`.
        changes: Differences to the identity that the run must have, which were accepted.
        file_marks: Marks of options that name files.
        notes: For :attr:`wsol.records.RunRecord.notes`.
    """

    history: tuple[EpochLog, ...]
    split: str = "train"
    data: SplitData
    identity: dict[str, str] = Field(default_factory=dict)
    changes: tuple[str, ...] = ()
    file_marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class PredictOutcome(Model):
    """The score maps of a split, one store for each forward pass.

    Attributes:
        data: What identifies the images.
        changes: Accepted differences, as of the training.
        network: Parameters and FLOPs, see :func:`wsol.inference.cost.network_cost`.
    """

    data: SplitData
    changes: tuple[str, ...] = ()
    network: dict[str, int] = Field(default_factory=dict)


class ScoreOutcome(Model):
    """The scores of a split.

    Attributes:
        data: What identifies the annotations.
        changes: Accepted differences, as of the training.
        results: One for each evaluation.
        observations: SHA-256 of the file of observations.
        gallery: Hash of the gallery; empty without one.
    """

    data: SplitData
    changes: tuple[str, ...] = ()
    results: tuple[Result, ...]
    observations: str
    gallery: str = ""


class Failure(Model):
    """An error of a stage.

    Attributes:
        error: Name of the exception's class.
        message: The reason, for the record.
        exit_code: Exit code of an expected error; 4 for any other exception.
        diverged: Whether a loss became NaN or infinite.
        traceback: Of an exception that is not expected.
    """

    error: str
    message: str
    exit_code: int
    diverged: bool = False
    traceback: str = ""
