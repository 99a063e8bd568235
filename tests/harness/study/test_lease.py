"""The lease of a study: one writer, also on two machines, after kills, and with workers that outlive their driver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wsol
from wsol.study import lease as module
from wsol.study.lease import FILE_NAME, LeaseHolder, check_lease, hold_lease

NODE = """
import socket, sys
from pathlib import Path
from wsol.errors import WsolError
from wsol.study import lease
host, folder = sys.argv[1], Path(sys.argv[2])
socket.gethostname = lambda: host
try:
    with lease.hold_lease(folder) as held:
        print(held.number, flush=True)
        sys.stdin.readline()
        held.check()
except WsolError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""
RACE = """
import contextlib, sys, time
from pathlib import Path
from wsol.errors import LeaseError
from wsol.study import lease
lease.lock = lambda path: contextlib.nullcontext()  # storage without locks
folder = Path(sys.argv[1])
for _ in range(30):
    try:
        with lease.hold_lease(folder) as held:
            (folder / f"inside-{held.number}").touch(exist_ok=False)
            assert len(list(folder.glob("inside-*"))) == 1
            time.sleep(0.001)
            (folder / f"inside-{held.number}").unlink()
            print(held.number)
    except LeaseError:
        time.sleep(0.002)
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a process on a machine of the given name, which holds the lease until it reads a line."""
    started: list[subprocess.Popen[str]] = []

    def start(host: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", NODE, host, str(tmp_path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, preexec_fn=_default_interrupt, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _default_interrupt() -> None:
    """A shell that starts pytest in the background makes it, and all that it starts, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> str:
    """Let a process end; returns what it prints at the end."""
    return process.communicate("\n")[0].strip()


def age(folder: Path, seconds: float) -> None:
    """Make the last renewal of the lease that old."""
    then = time.time() - seconds
    os.utime(folder / FILE_NAME, (then, then))


def written(folder: Path) -> LeaseHolder:
    return LeaseHolder.model_validate_json((folder / FILE_NAME).read_bytes())


def test_numbers_increase_and_a_released_lease_is_free(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with hold_lease(tmp_path) as held:
            assert held.number == written(tmp_path).number == number
            assert (written(tmp_path).pid, written(tmp_path).released) == (os.getpid(), False)
        assert written(tmp_path).released
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lease.lock", FILE_NAME]


def test_a_second_process_is_named_the_first_one(tmp_path: Path, node: Any) -> None:
    first = node("here")
    assert first_line(first) == "1"
    for host in ("here", "there"):
        second = node(host)
        line = first_line(second)
        assert second.wait() == 2
        assert f"process {first.pid} on here has been working on this study since 20" in line
        assert "run the same command again" in line
    end(first)
    assert first.returncode == 0
    assert written(tmp_path).released


def test_an_interrupted_process_releases_its_lease(tmp_path: Path, node: Any) -> None:
    first = node("here")
    assert first_line(first) == "1"
    first.send_signal(signal.SIGINT)
    first.communicate()
    assert written(tmp_path).released


def test_after_a_kill_the_same_machine_goes_on_at_once(tmp_path: Path, node: Any) -> None:
    first = node("here")
    assert first_line(first) == "1"
    first.kill()
    first.wait()
    assert not written(tmp_path).released
    second = node("here")
    assert first_line(second) == "2"


def test_after_a_kill_another_machine_goes_on_once_the_lease_is_stale(tmp_path: Path, node: Any) -> None:
    first = node("here")
    assert first_line(first) == "1"
    first.kill()
    first.wait()
    age(tmp_path, module.STALE_SECONDS - 60)
    early = node("there")
    assert "on here has been working" in first_line(early)
    assert early.wait() == 2
    age(tmp_path, module.STALE_SECONDS + 1)
    assert first_line(node("there")) == "2"


def test_a_thread_renews_the_lease(tmp_path: Path, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.05)
    with hold_lease(tmp_path):
        age(tmp_path, module.STALE_SECONDS + 1)
        while (tmp_path / FILE_NAME).stat().st_mtime < time.time() - module.STALE_SECONDS:
            time.sleep(0.05)
        second = node("there")
        assert "has been working" in first_line(second)
        assert second.wait() == 2


def test_a_holder_that_was_taken_for_dead_is_stopped(tmp_path: Path, node: Any) -> None:
    first = node("here")
    assert first_line(first) == "1"
    age(tmp_path, module.STALE_SECONDS + 1)  # its machine was suspended
    second = node("there")
    assert first_line(second) == "2"
    assert "on there has taken this study over" in end(first)
    assert first.returncode == 2
    assert (written(tmp_path).number, written(tmp_path).host, written(tmp_path).released) == (2, "there", False)


def test_processes_that_compete_are_never_inside_together(tmp_path: Path) -> None:
    """Also on storage without locks, where only the creation of a link is atomic."""
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path)], text=True, stdout=subprocess.PIPE) for _ in "abc"
    ]
    numbers = [int(line) for racer in racers for line in racer.communicate()[0].split()]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_a_worker_checks_for_a_newer_lease(tmp_path: Path) -> None:
    check_lease(tmp_path, None)
    check_lease(tmp_path, 1)
    with hold_lease(tmp_path) as held:
        check_lease(tmp_path, held.number)
    check_lease(tmp_path, 1)
    with hold_lease(tmp_path):
        with pytest.raises(wsol.LeaseError, match=r"has taken this study over since .*; nothing was written"):
            check_lease(tmp_path, 1)
        check_lease(tmp_path, 2)


def test_a_claim_that_a_killed_process_left_blocks_nothing(tmp_path: Path) -> None:
    with hold_lease(tmp_path) as held:
        holder = held.holder
    claim = tmp_path / f"{module.CLAIM}2"
    claim.write_text(holder.model_copy(update={"number": 2, "pid": 2**22 + 1}).model_dump_json())
    with hold_lease(tmp_path) as held:
        assert held.number == 3
    assert not claim.exists()


def test_storage_without_links_has_one_writer_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module.os, "link", fail)
    with hold_lease(tmp_path) as held:
        assert held.number == 1
        with pytest.raises(wsol.LeaseError), hold_lease(tmp_path):
            pass
    (tmp_path / f"{module.CLAIM}2").touch()  # its process was killed before it wrote the content
    os.utime(tmp_path / f"{module.CLAIM}2", (0, 0))
    with hold_lease(tmp_path) as held:
        assert held.number == 2


def test_a_later_process_with_the_same_id_is_not_the_holder(tmp_path: Path) -> None:
    with hold_lease(tmp_path) as held:
        holder = held.holder.model_copy(update={"born": "1"})
    (tmp_path / FILE_NAME).write_text(holder.model_dump_json())
    with hold_lease(tmp_path) as held:
        assert held.number == 2


@pytest.mark.parametrize("content", ["", "mine", "[]", json.dumps({"number": 1})])
def test_a_file_of_the_user_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(wsol.UsageError, match=r"lease\.json: wsol did not write this file"), hold_lease(tmp_path):
        pass
    assert (tmp_path / FILE_NAME).read_text() == content


def test_a_folder_that_cannot_be_written_is_a_data_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**given: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(module.tempfile, "mkstemp", fail)
    read_only = pytest.raises(wsol.DataError, match="the lease of the study cannot be written: Read-only file system")
    with read_only, hold_lease(tmp_path):
        pass
