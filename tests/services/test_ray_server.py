"""A study on a Ray server that runs already, at an address of this machine; skipped where no port can be opened."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import TOY
from tests.support.processes import PROC, descendants
from tests.support.workplace import STUDY, Workplace

HOST = "127.0.0.1"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}  # as a port is open to other users too
pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="needs /proc to be sure that the server is stopped again")


def free_port() -> int:
    try:
        with socket.create_server((HOST, 0)) as server:
            port: int = server.getsockname()[1]
            return port
    except OSError as error:
        pytest.skip(f"no port of {HOST} can be opened: {error}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, as Ray keeps sockets in it."""
    path = Path(tempfile.mkdtemp(prefix="wsol-ray-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """The address of a Ray server with two processors, which is stopped with all its processes at the end."""
    port = free_port()
    options = {
        "port": port,
        "node-ip-address": HOST,
        "temp-dir": folder / "ray",
        "num-cpus": 2,
        "include-dashboard": "false",
        "dashboard-port": free_port(),  # its process starts nevertheless
        "dashboard-agent-listen-port": free_port(),
        "min-worker-port": 0,  # any free one
        "max-worker-port": 0,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *arguments],
            env={**os.environ, **TOKEN, "RAY_USAGE_STATS_ENABLED": "0", "WSOL_CACHE": str(folder / "cache")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(port, server, folder / "server.log")
        yield f"{HOST}:{port}"
        assert server.poll() is None, "a study must leave a server that it did not start"
    finally:
        started = descendants(server.pid)
        server.terminate()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        for pid in started:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server does not answer: {log.read_text()}")


def test_a_study_runs_on_a_server_and_leaves_it_running(address: str, folder: Path, tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", {**STUDY, "recipes": [{"method": "toy"}], "trials": 1, "seeds": 1})
    place.environment |= TOKEN
    done = place.run_process("run", "s.yaml", "--address", address, "--plugin", TOY)
    assert done.returncode == 0, done.stderr
    records = place.records().values()
    assert {record.status for record in records} == {"complete"}
    assert sorted(record.stage for record in records) == ["final", "search"]
    assert list((folder / "ray" / "session_latest" / "logs").glob("worker-*.out")), "the server's workers ran the jobs"
    assert list((folder / "cache").glob("*.u8")), "workers have the server's environment"
