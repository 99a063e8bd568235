"""Runs without a record are started again by the session, and every run leaves a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import wsol
from tests.support.paths import TOY
from wsol.study.config import Resources
from wsol.study.job import Job, RunProgress, execute
from wsol.study.ledger import read_ledger
from wsol.study.ray_runner import RayRunner


class Unreliable:
    """Runs the jobs that ``survives`` names; the workers of the others die."""

    local = True

    def __init__(self, survives: Callable[[Job, int], bool], reason: str = "") -> None:
        self.survives = survives
        self.reason = reason
        self.passes: list[list[Job]] = []

    def run(self, jobs: Sequence[Job], progress: RunProgress) -> str:
        self.passes.append(list(jobs))
        for job in jobs:
            if self.survives(job, len(self.passes)):
                execute(job)
        return self.reason


def session(folder: Path, **changes: Any) -> wsol.Session:
    content = {
        "name": "s",
        "benchmark": "toy",
        "recipes": {"method": "center"},
        "seeds": 3,
        "bootstrap": 0,
        "max_failures": 2,
        **changes,
    }
    return wsol.open_session(content, out=folder / "out", plugins=[TOY], cache=folder / "cache")


def names(runner: Unreliable) -> list[list[str]]:
    return [[job.run.run_id[-6:] for job in jobs] for jobs in runner.passes]


def test_final_runs_whose_worker_died_are_started_again_with_a_line_each(tmp_path: Path) -> None:
    study = session(tmp_path)
    study.search(wsol.SerialRunner())
    study.seal()
    runner = Unreliable(lambda job, number: job.run.run_id.endswith(str(number - 1)))
    records = study.final(runner)
    assert names(runner) == [["final0", "final1", "final2"], ["final1", "final2"], ["final2"]]
    assert {record.status for record in records} == {"complete"}
    attempts = [record.test.attempt for record in records if record.test is not None]
    assert attempts == [1, 2, 3]
    entries = read_ledger(study.ledger).entries
    assert [(e.run[-6:], e.attempt) for e in entries] == [
        ("final0", 1),
        ("final1", 1),
        ("final2", 1),
        ("final1", 2),
        ("final2", 2),
        ("final2", 3),
    ]
    assert wsol.count_openings(entries, entries[0].cells[0], entries[0].data) == (1, 3)
    for jobs in runner.passes:  # each job knows a line of its own
        assert len({job.opening.ledger for job in jobs if job.opening is not None}) == len(jobs)


@pytest.mark.parametrize("reason", ["out of memory", ""])
def test_a_run_that_always_dies_leaves_a_record_with_the_reason(tmp_path: Path, reason: str) -> None:
    runner = Unreliable(lambda job, number: False, reason)
    (record,) = session(tmp_path).search(runner)
    assert len(runner.passes) == 3
    assert record.status == "failed"
    assert record.reason.startswith(reason or "its worker died 3 times")


def test_finished_jobs_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = session(tmp_path)
    study.search(wsol.SerialRunner())
    runner = Unreliable(lambda job, number: True)
    study.search(runner)
    assert runner.passes == []
    monkeypatch.setattr(RayRunner, "_fit", lambda self, jobs, progress: pytest.fail("Ray was started"))
    assert RayRunner(tmp_path, Resources()).run([], print) == ""
