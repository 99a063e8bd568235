"""Running jobs on Ray Tune: the search's trials and the final runs alike. The only module that imports ray.

Tune schedules jobs and spreads them over a cluster. Its own ways to restart a job and to resume a study are not used: a
job whose record exists is not started again, and a job that was stopped continues from its own checkpoint. So a killed
driver, a dead worker and a second call of the same command are handled in the same way.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.errors import RunError, UsageError
from wsol.files import SOCKET_PATH, socket_folder
from wsol.interrupts import kept_handlers
from wsol.recipes import JsonObject
from wsol.records import EpochLog
from wsol.study.config import Resources
from wsol.study.job import Job, RunProgress, execute

if TYPE_CHECKING:
    from ray.tune import Callback, PlacementGroupFactory
    from ray.tune.experiment import Trial

_RAY_SOCKET = len("/ray/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store")
"""Bytes that Ray appends to the folder of its temporary files."""
CONNECT_TIMEOUT = 10.0
"""Seconds to wait for an answer at the cluster's address."""


@dataclass(frozen=True)
class RayRunner:
    """Runs jobs on a Ray cluster.

    Attributes:
        folder: The study's results folder; Tune keeps its own files in ``.ray`` below it. It must be on storage that
            all nodes share.
        resources: What each job gets.
        address: The cluster, for example ``auto`` or ``ray://head:10001``; None: a local one, started for these jobs.
        concurrency: Most jobs at a time; None: as many as the resources allow.
    """

    folder: Path
    resources: Resources
    address: str | None = None
    concurrency: int | None = None

    @property
    def local(self) -> bool:
        """Whether the jobs run on this machine."""
        return self.address is None

    def run(self, jobs: Sequence[Job], progress: RunProgress) -> str:
        """Run each of ``jobs`` once. A job whose worker died has no record afterwards.

        Args:
            jobs: The jobs, whose records do not exist yet.
            progress: Called after each epoch, and when a run ends.

        Returns:
            Why Tune stopped, or an empty text: Tune treats a worker that Ray kills for its memory as an error of its
            own.

        Raises:
            UsageError: The cluster cannot be reached, or can never satisfy ``resources``.
            RunError: Ray is already initialised in this process.
        """
        return self._fit(jobs, progress) if jobs else ""

    @property
    def _files(self) -> Path:
        return self.folder / ".ray"

    def _fit(self, jobs: Sequence[Job], progress: RunProgress) -> str:
        """One pass of Tune over ``jobs``; returns the reason why Tune stopped, or ""."""
        os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
        os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # Tune would end as if all jobs were done
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
        os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray
        from ray import tune

        self._connect()
        try:
            self._check_resources()
            tuner = tune.Tuner(
                tune.with_resources(_trainable, self._bundle()),
                param_space={"job": tune.grid_search([job.model_dump(mode="json") for job in jobs])},
                tune_config=tune.TuneConfig(
                    max_concurrent_trials=self.concurrency,
                    trial_dirname_creator=_dirname,
                    reuse_actors=True,  # a worker starts its fork server once, not once a run
                ),
                run_config=tune.RunConfig(
                    name="tune",
                    storage_path=str(self._files.resolve()),
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=0),  # every start is the session's to record
                    callbacks=[_callback(progress)],
                ),
            )
            tuner.fit()
        except ray.exceptions.RayError as error:
            return _first_line(error)
        except RuntimeError as error:
            cause = error.__cause__ or error.__context__
            if not isinstance(cause, ray.exceptions.RayError):
                raise
            return _first_line(cause)
        finally:
            ray.shutdown()
        return ""

    def _connect(self) -> None:
        import ray

        if ray.is_initialized():
            raise RunError("Ray is initialised in this process already; run the study from a process of its own")
        address = self.address or "local"
        try:
            _check_reachable(address)
            with kept_handlers():  # Ray would end the process at SIGTERM
                ray.init(
                    address=address,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    configure_logging=True,
                    _temp_dir=_short_temp_folder() if address == "local" else None,
                )
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"Ray at '{address}' cannot be reached: {' '.join(str(error).split())[:300]}") from None

    def _check_resources(self) -> None:
        import ray

        have: dict[str, float] = ray.cluster_resources()
        for name, wanted in (("CPU", self.resources.cpus), ("GPU", self.resources.gpus)):
            if wanted > have.get(name, 0):
                raise UsageError(
                    f"a run wants {wanted:g} {name}, the cluster has {have.get(name, 0):g}; change it with "
                    f"--set resources.{name.lower()}s=…"
                )

    def _bundle(self) -> PlacementGroupFactory:
        from ray.tune import PlacementGroupFactory

        gpus = {"GPU": self.resources.gpus} if self.resources.gpus else {}
        return PlacementGroupFactory([{"CPU": self.resources.cpus, **gpus}])


def _short_temp_folder() -> str | None:
    """Folder for a local Ray's files where ``TMPDIR`` is too long for its sockets; None: as Ray chooses."""
    given = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    if Path(given).is_dir() and len(os.fsencode(given)) + _RAY_SOCKET <= SOCKET_PATH:
        return None
    return str(socket_folder(_RAY_SOCKET) / "ray")


def _dirname(trial: Trial) -> str:
    return str(trial.trial_id)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _trainable(config: Mapping[str, JsonObject]) -> None:
    """Run one job in a worker, with a report to Tune after each epoch."""
    from ray import tune

    def report(log: EpochLog, epochs_done: int) -> None:
        tune.report({"epochs_done": epochs_done, **{f"loss/{k}": v for k, v in log.losses.items()}})

    job = Job.model_validate(config["job"])
    record = execute(job, on_epoch=report)
    tune.report({"epochs_done": len(record.history), "status": record.status})


def _check_reachable(address: str) -> None:
    """Raise OSError at once when nothing listens at ``host:port``: Ray itself would retry for a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()


def _callback(progress: RunProgress) -> Callback:
    from ray import tune

    class Report(tune.Callback):
        """Passes Tune's events on to ``progress``."""

        def __init__(self, progress: RunProgress | None = None) -> None:
            self.progress = progress

        def __getstate__(self) -> dict[str, None]:
            return {"progress": None}  # Tune saves its callbacks; a progress bar cannot be saved

        def on_trial_result(
            self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
        ) -> None:
            self.report(trial, int(result.get("epochs_done", 0)), False)

        def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
            self.report(trial, -1, True)

        def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
            self.report(trial, -1, True)

        def report(self, trial: Trial, epochs: int, ended: bool) -> None:
            if self.progress is not None:
                self.progress(trial.config["job"]["run"]["run_id"], epochs, ended)

    return Report(progress)
