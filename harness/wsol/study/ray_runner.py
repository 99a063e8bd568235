"""Running jobs on Ray Tune: the search's trials and the final runs alike. The only module that imports ray.

Tune schedules, retries and spreads over a cluster. What it does not do is resume: a job whose record exists is not
handed to it again, and a job that was stopped goes on from its own checkpoint, so that a killed driver, a dead worker
and a second call of the same command are one and the same case.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol.errors import RunError, UsageError
from wsol.records import EpochLog
from wsol.study.config import Resources
from wsol.study.job import Job, execute, worker_died

_LOG = logging.getLogger(__name__)
RunProgress = Callable[[str, int, bool], None]
"""(run id, epochs done, finished) — called in the driver."""


def run_jobs(
    jobs: Sequence[Job],
    resources: Resources,
    folder: Path,
    *,
    address: str | None = None,
    max_failures: int = 2,
    concurrency: int | None = None,
    progress: RunProgress | None = None,
) -> None:
    """Run ``jobs`` on the Ray cluster at ``address``, or on a local one started for the purpose.

    Every job leaves a record: a worker that died more than ``max_failures`` times leaves one that says so.
    ``folder`` must be on storage that all nodes share, as Tune itself demands. Raises UsageError when the cluster
    cannot be reached or could never satisfy ``resources``.
    """
    for _ in range(max_failures + 1):
        left = [job for job in jobs if not job.record_path.exists()]
        if not left:
            return
        lost = _fit(left, resources, folder, address, max_failures, concurrency, progress)
        if not lost:
            break
        _LOG.warning("the runs are started again: %s", lost)
    for job in jobs:
        if not job.record_path.exists():
            worker_died(job, lost or f"its worker died {max_failures + 1} times; see {folder / '.ray'}")


def _fit(
    jobs: Sequence[Job],
    resources: Resources,
    folder: Path,
    address: str | None,
    max_failures: int,
    concurrency: int | None,
    progress: RunProgress | None,
) -> str:
    """One pass of Tune over ``jobs``; returns why Tune itself gave up, "" if it did not.

    Tune restarts dead workers, but takes one that Ray kills for its memory for an error of its own.
    """
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # Tune would end as if all were done
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray import tune

    _connect(ray, address)
    try:
        _check_resources(ray, resources)
        trainable = tune.with_resources(_trainable, _bundle(tune, resources))
        tuner = tune.Tuner(
            trainable,
            param_space={"job": tune.grid_search([job.model_dump(mode="json") for job in jobs])},
            tune_config=tune.TuneConfig(
                max_concurrent_trials=concurrency,
                trial_dirname_creator=_dirname,
                reuse_actors=True,  # a worker imports torch once, not once a run
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str((folder / ".ray").resolve()),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=max_failures),
                callbacks=[_callback(tune, progress)] if progress else [],
            ),
        )
        tuner.fit()
    except ray.exceptions.RayError as error:
        return _first_line(error)
    except RuntimeError as error:
        if not isinstance(error.__cause__ or error.__context__, ray.exceptions.RayError):
            raise
        return _first_line(error.__cause__ or error.__context__ or error)
    finally:
        ray.shutdown()
    return ""


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _trainable(config: Mapping[str, Any]) -> None:
    """What a worker runs: one job, reporting each epoch."""
    from ray import tune

    def report(log: EpochLog, epochs_done: int) -> None:
        tune.report({"epochs_done": epochs_done, **{f"loss/{k}": v for k, v in log.losses.items()}})

    job = Job.model_validate(config["job"])
    record = execute(job, on_epoch=report)
    tune.report({"epochs_done": len(record.history), "status": record.status})
    _release_memory()


def _release_memory() -> None:
    """Give back what a run used: Tune runs each in a thread of the same worker, and glibc keeps the memory of each."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _connect(ray: Any, address: str | None) -> None:
    if ray.is_initialized():
        raise RunError("Ray is initialised in this process already; run the study from a process of its own")
    try:
        _knock(address)
        ray.init(
            address=address or "local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"Ray at '{address or 'local'}' cannot be reached: {' '.join(str(error).split())[:300]}"
        ) from None


def _knock(address: str | None) -> None:
    """Raise OSError at once when nobody listens at ``host:port``: Ray itself would try for a minute."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _check_resources(ray: Any, resources: Resources) -> None:
    have = ray.cluster_resources()
    for name, wanted in (("CPU", resources.cpus), ("GPU", resources.gpus)):
        if wanted > have.get(name, 0):
            raise UsageError(
                f"a run wants {wanted:g} {name}, the cluster has {have.get(name, 0):g}; change it with "
                f"--set resources.{name.lower()}s=…"
            )


def _bundle(tune: Any, resources: Resources) -> Any:
    bundle = {"CPU": resources.cpus} | ({"GPU": resources.gpus} if resources.gpus else {})
    return tune.PlacementGroupFactory([bundle])


def _dirname(trial: Any) -> str:
    return str(trial.trial_id)


def _callback(tune: Any, progress: RunProgress) -> Any:
    class Report(tune.Callback):  # type: ignore[misc]
        """Hands Tune's events on to the progress bar."""

        def __init__(self, progress: RunProgress | None = None) -> None:
            self.progress = progress

        def __getstate__(self) -> dict[str, Any]:
            return {"progress": None}  # Tune saves its callbacks; a progress bar cannot be saved

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
            self.tell(trial, int(result.get("epochs_done", 0)), False)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self.tell(trial, -1, True)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            self.tell(trial, -1, True)

        def tell(self, trial: Any, epochs: int, finished: bool) -> None:
            if self.progress is not None:
                self.progress(trial.config["job"]["run"]["run_id"], epochs, finished)

    return Report(progress)
