"""A study whose driver or worker is killed at any of several points ends with the records of an uninterrupted one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import PROC, descendants
from tests.support.workplace import STUDY, Workplace
from wsol.study.job import CHECKPOINT

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="needs /proc to find workers")

SLOW: dict[str, Any] = {
    **STUDY,
    "recipes": [{"method": {"name": "toy", "seconds": 0.5}, "normalizer": ["minmax", "none"]}, {"method": "center"}],
}
PATIENCE = 500  # seconds to wait on a busy machine; a case takes one minute on an idle one
RUN = ("run", "s.yaml", "--jobs", "1")
POINTS = (0, 1, 2, 4, 5)
"""Numbers of records after which the next training is killed: three trials, the baseline's, then the final runs."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("undisturbed"), SLOW)
    done = place.run_process(*RUN)
    assert done.returncode == 0, done.stderr
    return place


def wait_until(place: Workplace, records: int, running: Callable[[], bool]) -> None:
    """Wait until there are that many records and a further run has a checkpoint."""
    deadline = time.monotonic() + PATIENCE
    while not (len(place.record_paths()) >= records and any((place.results / "runs").glob(f"*/{CHECKPOINT}"))):
        assert running()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("records", POINTS)
def test_a_killed_driver_resumes(records: int, undisturbed: Workplace, tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", SLOW)
    process = place.start(*RUN)
    wait_until(place, records, lambda: process.poll() is None)
    process.kill()
    process.communicate()
    kept = {path: path.read_bytes() for path in place.record_paths()}
    resumed = place.run_process(*RUN)
    assert resumed.returncode == 0, resumed.stderr
    assert kept.items() <= {path: path.read_bytes() for path in place.record_paths()}.items()
    assert place.outcome() == undisturbed.outcome()


@pytest.mark.parametrize("records", POINTS)
def test_killed_workers_are_replaced(records: int, undisturbed: Workplace, tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", SLOW)
    process = place.start(*RUN)
    wait_until(place, records, lambda: process.poll() is None)
    workers = [pid for pid, command in descendants(process.pid).items() if command.startswith("ray::ImplicitFunc")]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert {record.status for record in place.records().values()} == {"complete"}
    assert place.outcome() == undisturbed.outcome()
