"""Errors of Tune itself: runs without a record are started again, and every run leaves a record."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wsol.study import ray_runner
from wsol.study.config import Resources
from wsol.study.ray_runner import RayRunner


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(ray_runner, "worker_died", lambda job, reason: job.record_path.write_text(reason))
    return [SimpleNamespace(record_path=tmp_path / name) for name in "abc"]


def run(jobs: list[Any], folder: Path, fit: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names of the jobs that each pass was given."""
    passes: list[list[str]] = []

    def tune(self: RayRunner, left: list[Any], progress: Any) -> str:
        passes.append([job.record_path.name for job in left])
        return str(fit(left))

    monkeypatch.setattr(RayRunner, "_fit", tune)
    RayRunner(folder, Resources(), max_failures=2).run(jobs, print)
    return passes


def test_runs_without_a_record_are_started_again(
    jobs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_only(left: list[Any]) -> str:
        left[0].record_path.write_text("done")
        return "out of memory" if len(left) > 1 else ""

    assert run(jobs, tmp_path, first_only, monkeypatch) == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert {job.record_path.read_text() for job in jobs} == {"done"}


def test_a_run_that_always_fails_leaves_a_record_with_the_reason(
    jobs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(jobs, tmp_path, lambda left: "out of memory", monkeypatch) == [["a", "b", "c"]] * 3
    assert {job.record_path.read_text() for job in jobs} == {"out of memory"}


def test_dead_workers_are_restarted_by_tune(jobs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(run(jobs, tmp_path, lambda left: "", monkeypatch)) == 1
    assert all("its worker died 3 times" in job.record_path.read_text() for job in jobs)


def test_finished_jobs_start_nothing(jobs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for job in jobs:
        job.record_path.write_text("done")
    assert run(jobs, tmp_path, lambda left: "", monkeypatch) == []
