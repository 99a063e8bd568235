"""Running the jobs of a step in passes: a job whose worker died is started again in the next one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wsol.records import RunRecord, read_record
from wsol.study.job import Job, RunProgress, worker_died
from wsol.study.jobs import pending
from wsol.study.observer import StudyObserver

WEIGHTS_VARIABLE = "WSOL_WEIGHTS"


class Runner(Protocol):
    """Runs jobs: on Ray (:class:`wsol.study.ray_runner.RayRunner`) or here (:class:`wsol.study.job.SerialRunner`)."""

    @property
    def local(self) -> bool:
        """Whether the jobs run on this machine, so that missing data can be found before the first one starts."""

    def run(self, jobs: Sequence[Job], progress: RunProgress) -> str | None:
        """Run each of ``jobs`` once. A job whose worker died has no record afterwards, and is given again.

        Args:
            jobs: The jobs, whose records do not exist yet.
            progress: Called after each epoch, and when a run ends.

        Returns:
            Why jobs have no record, where the runner knows it.
        """


@dataclass(frozen=True)
class Passes:
    """Runs the jobs of a step.

    Attributes:
        runner: Runs each job once.
        observer: Receives the study's events.
        starts: How often a job is started at most.
        logs: Folder of the runner's logs, for the record of a job whose worker always died.
        check: Called before each pass and before a record is written; raises LeaseError where another process has taken
            the study over.
    """

    runner: Runner
    observer: StudyObserver
    starts: int
    logs: Path
    check: Callable[[], None]

    def run(self, step: str, jobs: Sequence[Job], prepare: Callable[[Sequence[Job]], Sequence[Job]]) -> list[RunRecord]:
        """Run the jobs without a record, and again those whose worker died.

        Args:
            step: Name of the step, for the observer.
            jobs: The jobs; those with a record are not run, unless they failed.
            prepare: Called with the jobs of each pass before they start; returns what is started.

        Returns:
            The records of all jobs.
        """
        todo = pending(jobs)
        for job in todo:  # a failed attempt's record makes room for the next one's
            job.record_path.unlink(missing_ok=True)
        with self.observer.running(step, todo) as progress:
            reason, left = "", list(todo)
            for _ in range(self.starts):
                if left:
                    self.check()
                    reason = self.runner.run(prepare(left), progress) or ""
                    left = [job for job in left if not job.record_path.exists()]
            for job in left:
                self.check()
                worker_died(job, reason or f"its worker died {self.starts} times; see {self.logs}")
        return [read_record(job.record_path) for job in jobs]


@contextmanager
def exported_weights(weights: Path | None) -> Iterator[None]:
    """Let ``WSOL_WEIGHTS`` name ``weights`` while jobs run: workers inherit the environment.

    Args:
        weights: File or folder; None leaves the variable as it is.
    """
    before = os.environ.get(WEIGHTS_VARIABLE)
    if weights is not None:
        os.environ[WEIGHTS_VARIABLE] = str(weights.resolve())
    try:
        yield
    finally:
        if weights is not None and before is None:
            del os.environ[WEIGHTS_VARIABLE]
        elif before is not None:
            os.environ[WEIGHTS_VARIABLE] = before
