"""One job: the stages of a run, each in a process of its own, and its record. Runs with Ray or without.

The worker that executes a job only supervises: it starts a process for each stage (:mod:`wsol.study.stages`), gives
checkpoints and results their names, and writes the record. It loads no plugin and opens no data.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypedDict, TypeVar

from pydantic import Field

from wsol.data.benchmark import CacheMode
from wsol.errors import WsolError, one_line
from wsol.evaluation.observation_file import observations_path
from wsol.files import make_folder, writing
from wsol.options import OptionValues
from wsol.recipes import EvalSpec, JsonObject, Model, content_hash, train_content
from wsol.records import (
    GALLERY,
    WEIGHTS,
    Condition,
    EpochLog,
    Precision,
    Result,
    RunIdentity,
    RunRecord,
    RunSettings,
    SplitData,
    Status,
    TestOpening,
)
from wsol.split_names import EvalSplit
from wsol.study.conditions import Facts, ranking_conditions
from wsol.study.identity import SPLIT, TEST_FILES
from wsol.study.lease import check_lease
from wsol.study.ledger import now
from wsol.study.outcomes import CheckOutcome, PredictOutcome, ScoreOutcome, TrainOutcome
from wsol.study.processes import StageError, StageKilled, run_stage
from wsol.study.run_records import write_outcome
from wsol.study.wire import Message

_LOG = logging.getLogger(__name__)
OnEpoch = Callable[[EpochLog, int], None]
"""Called after each epoch with its log and the number of epochs that are done."""
RunProgress = Callable[[str, int, bool], None]
"""Called with the run id, the number of finished epochs and whether the run has ended."""
CHECKPOINT = "checkpoint.pt"


class Job(Model):
    """A run with everything that a worker needs; plain data, so that it can be sent to any node.

    Attributes:
        run: What the run is.
        folder: Folder of the records.
        protocol: Evaluation protocol.
        metrics: Metrics, the first one primary.
        precision: Precision of the training.
        bootstrap: Resamples for confidence intervals.
        threads: CPU threads of each stage.
        restarts: How often a stage whose process was killed is started again, as long as test is closed.
        plugin_files: One-file plugins to load.
        swept: Of a final run, the sealed setting of each evaluation.
        selection: Of a final run, the file of the sealed selection; without it test stays closed.
        ledger: Of a final run, the study's ledger, which has a line for the opening of test.
        opening: Of a final run, the opening of test; its line was appended before the job was sent.
        cell_evaluations: All evaluations of the run's cell. The code of each counts for the identity of every run of
            the cell; a final run has those that chose its trial. Empty: those of the run.
        identity: What the run's identity must be, as far as it is known before the run: that of the first finished
            trial, of a final run what was sealed. See :mod:`wsol.study.identity_check`.
        accept_changes: Whether the run goes on with another identity; it is then marked.
        changes: One line for each difference that was accepted before the run.
        chosen_among: Of a final run, the number of trials that the choice was made among.
        marks: Conditions that the steps of the study give the run: ``"sealed after test"``.
        lease: Number of the lease of the study that the job was made under; None: without one.
        keep: Splits whose score maps are kept in the run's folder.
        gallery: Of a final run, the number of pictures of test images for each evaluation; 0: none.
        cache: Folder of decoded images; None: the default one.
        cache_mode: How decoded images are kept; None: the benchmark's mode.
    """

    run: RunIdentity
    folder: str
    protocol: str
    metrics: tuple[str, ...]
    precision: Precision = "auto"
    bootstrap: int = 1000
    threads: int = 1
    restarts: int = 2
    plugin_files: tuple[str, ...] = ()
    swept: tuple[OptionValues, ...] = ()
    selection: str | None = None
    ledger: str | None = None
    opening: TestOpening | None = None
    cell_evaluations: tuple[EvalSpec, ...] = ()
    identity: dict[str, str] = Field(default_factory=dict)
    accept_changes: bool = False
    changes: tuple[str, ...] = ()
    chosen_among: int = 0
    marks: tuple[str, ...] = ()
    lease: int | None = None
    keep: tuple[EvalSplit, ...] = ("test",)
    gallery: int = 12
    cache: str | None = None
    cache_mode: CacheMode | None = None

    @property
    def record_path(self) -> Path:
        """The file of the record."""
        return Path(self.folder) / f"{self.run.run_id}.record.json"

    @property
    def settings(self) -> RunSettings:
        """How the run computes its numbers, for the record."""
        return RunSettings.model_validate({name: getattr(self, name) for name in RunSettings.model_fields})

    @property
    def work(self) -> Path:
        """The run's own folder, with checkpoint, weights and score maps."""
        return Path(self.folder) / self.run.run_id

    def key(self) -> str:
        """The identity of the training; a checkpoint with another key is not continued."""
        return content_hash([train_content(self.run.train), self.run.hparams, self.run.seed, self.precision])


class Task(Model):
    """What the process of a stage is to do.

    Attributes:
        stage: Name of the stage, see :mod:`wsol.study.stages`.
        job: The job.
        scratch: Folder for the files that the stages of a run pass on.
        split: The split to check, predict or score.
        weights: File of the trained weights.
        identity: Identity of the run when it was trained.
        val: Results on val, whose calibrations are carried over to test.
        observations: File for the observations of a scoring.
        val_observations: The observations of val, which precede those of test; empty for val itself.
    """

    stage: Literal["check", "train", "predict", "score"]
    job: Job
    scratch: str = ""
    split: EvalSplit = "val"
    weights: str = ""
    identity: dict[str, str] = Field(default_factory=dict)
    val: tuple[Result, ...] = ()
    observations: str = ""
    val_observations: str = ""

    @property
    def label(self) -> str:
        """What the stage is to the user."""
        names = {"check": "checking", "train": "training", "predict": "prediction of", "score": "scoring of"}
        return names[self.stage] if self.stage == "train" else f"{names[self.stage]} {self.split}"

    def store(self, number: int) -> Path:
        """The store of one forward pass over the split; passes are numbered from 0."""
        return Path(self.scratch) / f"{self.split}-{number}.maps"


class SerialRunner:
    """Runs jobs one after another in this process, without Ray.

    Example:
        >>> SerialRunner().run(jobs=[], progress=print)
    """

    local = True

    def run(self, jobs: Sequence[Job], progress: RunProgress) -> None:
        """Run each job until its record is written; an error becomes a record too.

        Args:
            jobs: The jobs, whose records do not exist yet.
            progress: Called after each epoch, and when a run ends.
        """
        for job in jobs:

            def report(log: EpochLog, epochs_done: int, run_id: str = job.run.run_id) -> None:
                progress(run_id, epochs_done, False)

            record = execute(job, report)
            progress(record.run_id, len(record.history), True)


class _Ended(TypedDict):
    status: Status


class _Outcome(_Ended, total=False):
    """Fields of a record that depend on how the run went."""

    reason: str
    history: tuple[EpochLog, ...]
    notes: tuple[str, ...]
    data: dict[str, SplitData]
    test: TestOpening
    results: tuple[Result, ...]
    network: dict[str, int]
    observations: str
    gallery: str
    identity: dict[str, str]
    changes: tuple[str, ...]
    conditions: dict[str, Condition]
    versions: JsonObject
    hardware: JsonObject
    distributions: dict[str, str]


def execute(job: Job, on_epoch: OnEpoch | None = None) -> RunRecord:
    """Run a job and write its record. Errors become records with the status ``failed`` or ``diverged``.

    Args:
        job: What to run; training continues from the job's checkpoint if there is one.
        on_epoch: Called after each epoch.

    Returns:
        The record, as it was written.

    Raises:
        DataError: The record cannot be written.
    """
    started, clock = now(), time.perf_counter()
    run = _Run(job, on_epoch)
    outcome: _Outcome
    try:
        outcome = run.outcome()
    except StageError as error:
        outcome = _failed(error.failure.message, "diverged" if error.failure.diverged else "failed", run.environment)
        _keep_traceback(job, error.failure.traceback)
    except WsolError as error:
        outcome = _failed(str(error), "failed", run.environment)
    except Exception as error:
        outcome = _failed(one_line(error), "failed", run.environment)
        _keep_traceback(job, traceback.format_exc())
    record = _record(job, outcome, started, time.perf_counter() - clock)
    record = write_outcome(record, job.record_path, job.lease)
    if record.status == "complete":
        (job.work / CHECKPOINT).unlink(missing_ok=True)
    return record


def worker_died(job: Job, reason: str) -> None:
    """Write the record of a job whose worker died before it could.

    Args:
        job: The job.
        reason: Why the worker died.
    """
    record = _record(job, _failed(reason, "failed", None), now(), 0.0)
    write_outcome(record, job.record_path, job.lease)


def _failed(reason: str, status: Status, environment: CheckOutcome | None) -> _Outcome:
    outcome: _Outcome = {"status": status, "reason": reason}
    if environment is not None:
        outcome["versions"], outcome["hardware"] = environment.versions, environment.hardware
        outcome["distributions"] = environment.distributions
    return outcome


def _keep_traceback(job: Job, text: str) -> None:
    """Write the traceback of an unexpected error, which is a bug, to the run's folder."""
    if text:
        with contextlib.suppress(OSError):
            job.work.mkdir(parents=True, exist_ok=True)
            (job.work / "traceback.txt").write_text(text)


def _record(job: Job, outcome: _Outcome, started: str, seconds: float) -> RunRecord:
    return RunRecord(
        **job.run.model_dump(),
        **outcome,
        settings=job.settings,
        chosen_among=job.chosen_among,
        started=started,
        seconds=seconds,
    )


_O = TypeVar("_O", bound=Model)


class _Run:
    """The stages of one job, in order."""

    def __init__(self, job: Job, on_epoch: OnEpoch | None) -> None:
        self.job = job
        self.on_epoch = on_epoch
        self.environment: CheckOutcome | None = None
        """Versions and hardware, once they are known."""

    def outcome(self) -> _Outcome:
        """Train, evaluate on val and, for a final run, on test."""
        job = self.job
        make_folder(job.work, "the folder of the run")
        self.environment = self._checked()
        with _scratch(job.work) as scratch:
            task = Task(stage="train", job=job, scratch=str(scratch), weights=str(scratch / WEIGHTS))
            trained = self._stage(task, TrainOutcome)
            self.environment = trained
            task = task.model_copy(update={"identity": trained.identity})
            if job.selection is not None:
                task = task.model_copy(update={"weights": str(self._commit(scratch / WEIGHTS, job.work / WEIGHTS))})
            predicted, scored = self._evaluate(task, "val")
            changes = [*job.changes, *trained.changes, *predicted.changes, *scored.changes]
            data = {trained.split: trained.data, "val": _joined(predicted, scored)}
            outcome: _Outcome = {
                "status": "complete",
                "history": trained.history,
                "notes": trained.notes,
                "data": data,
                "results": scored.results,
                "network": predicted.network,
                "observations": scored.observations,
                "versions": trained.versions,
                "hardware": trained.hardware,
                "distributions": trained.distributions,
                "identity": {**trained.identity, **{n: v for n, v in job.identity.items() if n == TEST_FILES}},
            }
            if job.opening is not None:
                outcome["test"] = job.opening
                predicted, on_test = self._evaluate(task, "test", scored.results)
                changes += [*predicted.changes, *on_test.changes]
                data["test"] = _joined(predicted, on_test)
                outcome["results"] += on_test.results
                outcome["observations"], outcome["gallery"] = on_test.observations, on_test.gallery
            self._keep(scratch)
            outcome["changes"] = tuple(dict.fromkeys(changes))
            split = trained.identity.get(SPLIT, "")
            outcome["conditions"] = ranking_conditions(Facts(trained.file_marks, outcome["changes"], job.marks, split))
        return outcome

    def _keep(self, scratch: Path) -> None:
        """Give the files of a complete run their names: score maps, gallery and observations."""
        job = self.job
        for store in sorted(store for split in job.keep for store in scratch.glob(f"{split}-*.maps")):
            self._commit(store, job.work / store.name)
        gallery = scratch / GALLERY
        if gallery.is_dir():
            shutil.rmtree(job.work / GALLERY, ignore_errors=True)
            self._commit(gallery, job.work / GALLERY)
        last: EvalSplit = "val" if job.opening is None else "test"
        self._commit(_observations(scratch, last), observations_path(job.record_path))

    def _checked(self) -> CheckOutcome:
        """Check the annotations of val, once for all runs of this worker that need the same of them."""
        job = self.job
        settings = {name: value for name, value in os.environ.items() if name.startswith("WSOL_")}
        key = content_hash(
            [job.run.train.benchmark.model_dump(), job.protocol, job.metrics, job.plugin_files, settings]
        )
        if key not in _CHECKED:
            _CHECKED[key] = self._stage(Task(stage="check", job=job), CheckOutcome)
        return _CHECKED[key]

    def _evaluate(
        self, task: Task, split: EvalSplit, val: Sequence[Result] = ()
    ) -> tuple[PredictOutcome, ScoreOutcome]:
        """Predict and score a split; only the scoring is given what an earlier scoring has found."""
        task = task.model_copy(update={"stage": "predict", "split": split})
        predicted = self._stage(task, PredictOutcome)
        scratch = Path(task.scratch)
        scoring = {
            "stage": "score",
            "weights": "",
            "val": tuple(val),
            "observations": str(_observations(scratch, split)),
            "val_observations": str(_observations(scratch, "val")) if split == "test" else "",
        }
        return predicted, self._stage(task.model_copy(update=scoring), ScoreOutcome)

    def _stage(self, task: Task, kind: type[_O]) -> _O:
        """Run a stage; it is started again after its process was killed, unless it has opened test."""
        left = 0 if task.split == "test" else self.job.restarts
        while True:
            try:
                content = run_stage(task.label, task.model_dump(mode="json"), self._handle)
                return kind.model_validate(content)
            except StageKilled as error:
                if left == 0:
                    raise
                left -= 1
                _LOG.warning("%s: %s; it is started again", self.job.run.run_id, error)

    def _handle(self, message: Message) -> None:
        """Handle a message of the training: a finished epoch, or a checkpoint that waits for its name."""
        if message.epoch is not None and self.on_epoch is not None:
            self.on_epoch(message.epoch, message.epochs_done)
        if message.checkpoint is not None:
            self._commit(Path(message.checkpoint), self.job.work / CHECKPOINT)

    def _commit(self, written: Path, path: Path) -> Path:
        """Give a complete file its name; returns the name."""
        check_lease(Path(self.job.folder).parent, self.job.lease)
        with writing(path, "a file of the run"):
            os.replace(written, path)
        return path


_CHECKED: dict[str, CheckOutcome] = {}
"""Outcomes of the check by what it depends on."""


def _joined(predicted: PredictOutcome, scored: ScoreOutcome) -> SplitData:
    """What identifies a split: the images that were predicted, and the annotations that they were scored against."""
    return predicted.data.model_copy(update={"boxes": scored.data.boxes, "masks": scored.data.masks})


def _observations(scratch: Path, split: EvalSplit) -> Path:
    return scratch / f"{split}.observations.npz"


@contextmanager
def _scratch(work: Path) -> Iterator[Path]:
    """A folder for the files of one attempt; those of attempts that were killed are deleted."""
    for left in work.glob(f"{_ATTEMPT}*"):
        shutil.rmtree(left, ignore_errors=True)
    with writing(work, "the folder of the run"):
        scratch = Path(tempfile.mkdtemp(prefix=_ATTEMPT, dir=work))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


_ATTEMPT = ".attempt-"
