"""The processes of stages: how they end, what the worker reports, and what is left when a process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import wsol
from tests.support.paths import TOY
from tests.support.processes import PROC, descendants
from wsol.study import job as jobs
from wsol.study import processes
from wsol.study.fork_server import FRESH_VARIABLE
from wsol.study.job import CHECKPOINT, Job, RunProgress, execute

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="needs a /proc to find processes")

MISBEHAVE = '''
"""Ends its process in the stage and in the way that the environment names."""
import ctypes, os, signal, subprocess, sys, time
import wsol
from tests.support.toy_plugin import Toy, ToyBenchmark


def misbehave(stage):
    if os.environ.get("MISBEHAVE_IN") != stage:
        return
    kind = os.environ["MISBEHAVE"]
    if kind == "exit":
        sys.exit(0)
    if kind == "hard exit":
        os._exit(0)
    if kind == "segfault":
        ctypes.string_at(0)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "print":
        print("{}\\n" * 100, file=sys.stdout)
        print("{}\\n" * 100, file=sys.stderr)
        os.write(1, b"{}\\n")
        assert sys.stdin.read() == ""
    if kind == "wait":
        time.sleep(600)
    if kind == "leave":
        for new_session in (False, True):
            leave(subprocess.Popen(["sleep", "60"], start_new_session=new_session).pid)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                leave(os.getpid())
                time.sleep(60)
            os._exit(0)
        while len(open(os.environ["LEFT"]).read().split()) % 3:
            time.sleep(0.01)


def leave(pid):
    with open(os.environ["LEFT"], "a") as file:
        file.write(f"{pid}\\n")


class Bad(Toy):
    """The toy method, which may misbehave."""

    name = "bad"

    def step(self, batch):
        misbehave("training")
        yield from super().step(batch)

    def localize(self, images, labels, extractor):
        misbehave("prediction")
        return super().localize(images, labels, extractor)


class BadMetric(wsol.Metric):
    """A metric that may misbehave."""

    name = "bad"
    needs = frozenset({"boxes"})

    def observe(self, image):
        misbehave("scoring")
        import numpy as np

        return np.array([True])

    def value(self, total, weight, calibration=None):
        return 100 * total[..., 0] / weight


@wsol.hookimpl
def wsol_benchmarks():
    return [ToyBenchmark]


@wsol.hookimpl
def wsol_methods():
    return [Bad]


@wsol.hookimpl
def wsol_metrics():
    return [BadMetric]
'''
STUDY: dict[str, Any] = {
    "name": "s",
    "benchmark": "toy",
    "recipes": [{"method": {"name": "bad", "lr": 0.1}, "normalizer": "minmax"}],
    "metrics": ["bad"],
    "trials": 1,
    "seeds": 1,
    "bootstrap": 0,
    "max_failures": 0,
}
STAGES = {"training": "training", "prediction": "prediction of val", "scoring": "scoring of val"}


@pytest.fixture
def session(tmp_path: Path) -> wsol.Session:
    plugin = tmp_path / "bad.py"
    plugin.write_text(MISBEHAVE)
    return wsol.open_session(STUDY, out=tmp_path / "out", plugins=[plugin], cache=tmp_path / "cache")


def search(session: wsol.Session, monkeypatch: pytest.MonkeyPatch, stage: str, kind: str) -> wsol.RunRecord:
    monkeypatch.setenv("MISBEHAVE_IN", stage)
    monkeypatch.setenv("MISBEHAVE", kind)
    (record,) = session.search(wsol.SerialRunner())
    return record


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("exit", "a plugin ended its process with sys.exit(0)"),
        ("hard exit", "{}: its process ended with exit code 0 and no result; plugins must not end it"),
        ("segfault", "{}: its process was killed by signal SIGSEGV"),
        ("kill", "{}: its process was killed by signal SIGKILL; it may have needed more memory than there is"),
        ("interrupt", "KeyboardInterrupt"),
    ],
)
def test_a_plugin_that_ends_its_process_fails_its_run_with_a_reason(
    stage: str, kind: str, reason: str, session: wsol.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = search(session, monkeypatch, stage, kind)
    assert (record.status, record.reason) == ("failed", reason.format(STAGES[stage]))
    assert record.versions["wsol"]
    assert record.hardware["threads"] == 1
    assert not list((session.runs / record.run_id).glob(".attempt-*"))


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_plugin_prints_does_not_reach_the_worker(
    stage: str, session: wsol.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = search(session, monkeypatch, stage, "print")
    assert (record.status, record.reason) == ("complete", "")


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_plugin_leaves_running_ends_with_its_stage(
    stage: str, session: wsol.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEFT", str(tmp_path / "left"))
    record = search(session, monkeypatch, stage, "leave")
    left = [int(pid) for pid in (tmp_path / "left").read_text().split()]
    assert (record.status, record.reason) == ("complete", "")
    assert len(left) >= 3
    assert not any(_is_running(pid) for pid in left)


def test_a_killed_stage_is_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    method = {"name": "toy", "lr": 0.1, "trouble": f"killed:{tmp_path / 'once'}"}
    content = {**STUDY, "recipes": [{"method": method}], "metrics": ["maxboxaccv2"], "max_failures": 1}
    session = wsol.open_session(content, out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    (record,) = session.search(wsol.SerialRunner())
    assert (record.status, [log.epoch for log in record.history]) == ("complete", [1, 2, 3])
    assert "training: its process was killed by signal SIGKILL" in caplog.text


def test_the_server_has_one_thread_and_no_plugin(session: wsol.Session) -> None:
    session.search(wsol.SerialRunner())
    (server,) = servers(os.getpid())
    assert len(list((PROC / str(server) / "task").iterdir())) == 1
    maps = (PROC / str(server) / "maps").read_text()
    assert "libtorch" in maps
    assert "libcuda.so" not in maps  # no CUDA context, which a fork could not use
    assert not descendants(server)


def test_stages_run_in_new_interpreters_where_forks_are_unsafe(
    session: wsol.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FRESH_VARIABLE, "1")
    servers = processes._Servers()
    monkeypatch.setattr(processes, "_SERVERS", servers)
    (record,) = session.search(wsol.SerialRunner())
    assert (record.status, record.reason) == ("complete", "")
    servers.stop()


class Interrupted(BaseException):
    """As KeyboardInterrupt, it is no failure of the run."""


def interrupting(kill: Callable[[], None]) -> Any:
    """A runner's callback that acts once, after the first epoch."""

    def report(log: wsol.EpochLog, done: int) -> None:
        if done == 1:
            kill()

    return report


@pytest.fixture
def slow(tmp_path: Path) -> wsol.Session:
    """A study whose training takes a while."""
    content = {
        **STUDY,
        "recipes": [{"method": {"name": "toy", "lr": 0.1, "seconds": 0.3}, "normalizer": "minmax"}],
        "metrics": ["maxboxaccv2"],
    }
    session = wsol.open_session(content, out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    session.runs.mkdir(parents=True)
    return session


def servers(pid: int) -> list[int]:
    """The fork servers below a process."""
    found = descendants(pid)
    return [child for child, command in found.items() if "fork_server" in command and _parent(child) == pid]


def _parent(pid: int) -> int:
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def timeless(record: wsol.RunRecord) -> Any:
    history = [log.model_dump(exclude={"seconds"}) for log in record.history]
    return record.status, history, [result.model_dump(mode="json") for result in record.results]


def test_an_interrupted_run_kills_its_stage_and_resumes(slow: wsol.Session, tmp_path: Path) -> None:
    (job,) = slow.search_jobs()
    running: list[int] = []

    def interrupt() -> None:
        running.extend(descendants(servers(os.getpid())[0]))
        raise Interrupted

    with pytest.raises(Interrupted):
        execute(job, interrupting(interrupt))
    assert len(running) == 1
    assert not (PROC / str(running[0])).exists()
    assert not job.record_path.exists()
    assert not list(job.work.glob(".attempt-*"))
    whole = execute(job.model_copy(update={"folder": str(tmp_path / "whole" / "runs")}))
    assert timeless(execute(job)) == timeless(whole)


@pytest.mark.parametrize("victim", ["server", "stage"])
def test_a_run_survives_the_death_of_its_server_and_of_its_stage(
    victim: str, slow: wsol.Session, tmp_path: Path
) -> None:
    (job,) = slow.search_jobs()
    job = job.model_copy(update={"restarts": 1})
    whole = execute(job.model_copy(update={"folder": str(tmp_path / "whole" / "runs")}))
    killed: list[int] = []

    def kill() -> None:
        (server,) = servers(os.getpid())
        (stage,) = descendants(server)
        killed[:] = [server, stage] if victim == "server" else [stage]
        os.kill(killed[0], signal.SIGKILL)

    record = execute(job, interrupting(lambda: None if killed else kill()))
    assert timeless(record) == timeless(whole)
    wait_for(lambda: not any(_is_running(pid) for pid in killed))


def _is_running(pid: int) -> bool:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_driver(how: signal.Signals, slow: wsol.Session, tmp_path: Path) -> None:
    (job,) = slow.search_jobs()
    code = "import sys; from wsol.study.job import Job, execute; execute(Job.model_validate_json(sys.stdin.read()))"
    driver = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=Path.cwd()
    )
    assert driver.stdin is not None
    driver.stdin.write(job.model_dump_json())
    driver.stdin.close()
    wait_for((job.work / CHECKPOINT).exists)
    below = list(descendants(driver.pid))
    assert len(below) == 2
    driver.send_signal(how)
    driver.wait()
    wait_for(lambda: not any(_is_running(pid) for pid in below))
    assert not job.record_path.exists()
    record = execute(job)
    assert (record.status, [log.epoch for log in record.history]) == ("complete", [1, 2, 3])
    assert not list(job.work.glob(".attempt-*"))


def test_a_stage_of_test_is_not_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each opening of test is a line of the ledger, which only the driver may write."""
    plugin = tmp_path / "bad.py"
    plugin.write_text(MISBEHAVE)
    session = wsol.open_session(
        {**STUDY, "max_failures": 2}, out=tmp_path / "out", plugins=[plugin], cache=tmp_path / "cache"
    )
    session.search(wsol.SerialRunner())
    session.seal()
    tried: list[str] = []
    run_stage = jobs.run_stage

    def run(label: str, task: Any, on_message: Any) -> Any:
        tried.append(label)
        if label == "scoring of test":
            monkeypatch.setenv("MISBEHAVE_IN", "scoring")
            monkeypatch.setenv("MISBEHAVE", "kill")
        return run_stage(label, task, on_message)

    monkeypatch.setattr(jobs, "run_stage", run)
    (record,) = session.final(wsol.SerialRunner())
    assert record.status == "failed"
    assert record.reason.startswith("scoring of test: its process was killed by signal SIGKILL")
    assert tried.count("scoring of test") == 1


def test_jobs_that_open_test_need_a_sealed_choice_and_a_line_in_the_ledger(tmp_path: Path) -> None:
    content = {**STUDY, "recipes": [{"method": "center"}], "metrics": ["maxboxaccv2"]}
    session = wsol.open_session(content, out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    session.search(wsol.SerialRunner())
    session.seal()
    sent: list[Job] = []

    class Keep(wsol.SerialRunner):
        def run(self, jobs: Sequence[Job], progress: RunProgress) -> str:
            sent.extend(jobs)
            return str(super().run(jobs, progress) or "")

    session.final(Keep())
    (job,) = sent
    assert job.opening is not None
    job.record_path.unlink()
    for change in (
        {"opening": job.opening.model_copy(update={"ledger": None})},
        {"opening": job.opening.model_copy(update={"selection": "x"})},
        {"selection": None},
        {"ledger": None},
        {"selection": str(tmp_path / "nowhere")},
    ):
        record = execute(job.model_copy(update=change))
        assert record.status == "failed"
        assert "test data were not opened" in record.reason or "no sealed selection" in record.reason
        assert not any(result.split == "test" for result in record.results)
