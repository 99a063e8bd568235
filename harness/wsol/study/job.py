"""One job: train a network or continue its training, evaluate it, write a record. Runs with Ray or without."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from pydantic import Field

from wsol.data.benchmark import CacheMode
from wsol.data.decoded import ImageCache
from wsol.data.views import evaluation_protocol
from wsol.errors import DivergedError, WsolError
from wsol.evaluation.observation_file import observations_path, write_observations
from wsol.files import make_folder
from wsol.options import OptionValues
from wsol.plugins import load_plugins
from wsol.recipes import Model, content_hash, train_content
from wsol.records import (
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
from wsol.study import environment
from wsol.study.ledger import now
from wsol.study.run_records import write_outcome
from wsol.study.scoring import EvaluatedSetting, Scorer
from wsol.study.selection import check_opening, open_test

if TYPE_CHECKING:
    from wsol.data.views import EvalData, TrainData
    from wsol.networks import Extractor
    from wsol.training.method import Method

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
        threads: CPU threads.
        plugin_files: One-file plugins to load.
        swept: Of a final run, the sealed setting of each evaluation.
        selection: Of a final run, the file of the sealed selection; without it test stays closed.
        ledger: Of a final run, the study's ledger, which has a line for the opening of test.
        opening: Of a final run, the opening of test; its line was appended before the job was sent.
        identity: Of a final run, the identity of the chosen trial.
        chosen_among: Of a final run, the number of trials that the choice was made among.
        changes: Of a final run, the changes of the identity that were accepted before it.
        marks: Of a final run, conditions that the steps of the study give it: ``"sealed after test"``.
        lease: Number of the lease of the study that the job was made under; None: without one.
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
    plugin_files: tuple[str, ...] = ()
    swept: tuple[OptionValues, ...] = ()
    selection: str | None = None
    ledger: str | None = None
    opening: TestOpening | None = None
    identity: dict[str, str] = Field(default_factory=dict)
    chosen_among: int = 0
    changes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    lease: int | None = None
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
    data: dict[str, SplitData]
    test: TestOpening
    results: tuple[Result, ...]
    network: dict[str, int]


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
    outcome: _Outcome
    try:
        outcome = _Run(job, on_epoch).outcome()
    except DivergedError as error:
        outcome = {"status": "diverged", "reason": str(error)}
    except WsolError as error:
        outcome = {"status": "failed", "reason": str(error)}
    except Exception as error:  # a third-party plugin may raise anything
        outcome = {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        _keep_traceback(job)
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
    write_outcome(_record(job, {"status": "failed", "reason": reason}, now(), 0.0), job.record_path, job.lease)


def _keep_traceback(job: Job) -> None:
    """Write the traceback of an unexpected error, which is a bug, to the run's folder."""
    with contextlib.suppress(OSError):
        job.work.mkdir(parents=True, exist_ok=True)
        (job.work / "traceback.txt").write_text(traceback.format_exc())


def _record(job: Job, outcome: _Outcome, started: str, seconds: float) -> RunRecord:
    plugins = load_plugins(job.plugin_files)
    return RunRecord(
        **job.run.model_dump(),
        **outcome,
        settings=job.settings,
        chosen_among=job.chosen_among,
        versions=environment.versions(plugins.plugins),
        hardware=environment.hardware(),
        started=started,
        seconds=seconds,
    )


class _Run:
    """The steps of one job."""

    def __init__(self, job: Job, on_epoch: OnEpoch | None) -> None:
        import torch

        torch.set_num_threads(job.threads)
        self.job = job
        self.on_epoch = on_epoch
        self.plugins = load_plugins(job.plugin_files)
        ref = job.run.train.benchmark
        self.benchmark = self.plugins.create("benchmarks", ref.name, ref.options)
        self.protocol = evaluation_protocol(self.benchmark, job.protocol)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.cache = ImageCache(Path(job.cache) if job.cache else None, job.cache_mode, job.threads)
        self.scorer = Scorer(
            evaluations=job.run.evaluations,
            swept=job.swept or None,
            plugins=self.plugins,
            protocol=self.protocol,
            metrics=job.metrics,
            bootstrap=job.bootstrap,
            threads=job.threads,
        )

    def outcome(self) -> _Outcome:
        """Train, evaluate on val and, for a final run, on test."""
        from wsol.data.views import open_search

        make_folder(self.job.work, "the folder of the run")
        data = open_search(
            self.benchmark,
            self.protocol,
            self.cache,
            search=self.job.run.stage == "search",
        )
        self.scorer.check(data.val.annotations, f"val of {self.benchmark.name}")
        method, history = self._train(data.train)
        scored = self._score(method, data.val, "val")
        identified = {
            "train": SplitData(fingerprint=data.train.fingerprint),
            "val": SplitData(fingerprint=data.val.fingerprint),
        }
        outcome: _Outcome = {"status": "complete", "history": tuple(history), "data": identified}
        job = self.job
        if job.selection is not None and job.ledger is not None and job.opening is not None:
            check_opening(Path(job.selection), Path(job.ledger), job.run, job.opening)
            test, outcome["test"] = open_test(self.benchmark, self.protocol, self.cache), job.opening
            identified["test"] = SplitData(fingerprint=test.fingerprint)
            scored += self._score(method, test, "test", [s.result for s in scored])
            write_observations(observations_path(self.job.record_path), [s.observations for s in scored])
        outcome["results"] = tuple(s.result for s in scored)
        outcome["network"] = self._network(method)
        return outcome

    def _network(self, method: Method) -> dict[str, int]:
        """What the method costs, with the extractor of its first evaluation."""
        from wsol.inference.cost import network_cost

        extractor = self.scorer.settings()[0].components(self.plugins).extractor
        return network_cost(method, extractor, self.benchmark.crop, self.device)

    def _train(self, data: TrainData) -> tuple[Method, list[EpochLog]]:
        from wsol.inference.build import WEIGHTS, build_method
        from wsol.training.checkpoint import write_tensors
        from wsol.training.engine import TrainConfig, train
        from wsol.training.loader import TrainLoader

        job = self.job
        method = build_method(job.run, self.plugins, self.benchmark)
        config = TrainConfig(
            key=job.key(),
            seed=job.run.seed,
            device=self.device,
            precision=job.precision,
            checkpoint=job.work / CHECKPOINT,
            on_epoch=self.on_epoch,
        )
        state = train(method, TrainLoader(data, method.image_mean, method.image_std, self.device), config)
        if job.selection is not None:
            write_tensors(job.work / WEIGHTS, method.state_dict(), "the trained weights")
        return method, state.history

    def _score(
        self, method: Method, data: EvalData, split: EvalSplit, val: Sequence[Result] = ()
    ) -> list[EvaluatedSetting]:
        """Predict and score a split; score maps are written to the run's folder, and only those of test are kept."""
        from wsol.inference.predict import predict

        metadata = {
            "benchmark": self.benchmark.name,
            "split": split,
            "fingerprint": data.fingerprint,
            "run": self.job.run.run_id,
        }

        def forward(extractor: Extractor | None, path: Path) -> None:
            predict(method, data, path, self.device, extractor=extractor, metadata=metadata)

        return self.scorer.score(forward, data, split, self.job.work, val, keep=split == "test")
