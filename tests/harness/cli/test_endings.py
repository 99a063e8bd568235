"""How commands end: interruptions, closed outputs, errors that were not foreseen; in processes of their own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.cli import run_cli, start_process
from tests.support.workplace import STUDY, Workplace
from wsol.cli import ending, run
from wsol.files import SOCKET_PATH, socket_folder

SLOW = {**STUDY, "recipes": [{"method": {"name": "toy", "lr": 0.1, "seconds": 30.0}}]}


def test_help_lists_the_exit_codes() -> None:
    shown = " ".join(run_cli("--help").stdout.split())
    for code in ("0 done", "1 some runs failed", "2 wrong usage", "3 data", "4 an", "130", "141", "143"):
        assert code in shown


@pytest.mark.parametrize(
    "error",
    [ValueError("a\nb \x1b[31m"), RecursionError(), MemoryError(), GeneratorExit(), SystemExit(0), OSError("x")],
)
def test_an_unforeseen_error_is_one_line_and_a_saved_traceback(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(run, "load_plugins", fail)
    done = run_cli("run", "quickstart", cwd=tmp_path)
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"error: unforeseen: {type(error).__name__}")
    assert "\x1b" not in done.stderr
    found = re.search(r"please report it with the traceback in (\S+)", done.stderr)
    assert found is not None
    assert "Traceback" in Path(found[1]).read_text()
    Path(found[1]).unlink()


def test_an_error_of_the_file_system_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "load_plugins", lambda _: (tmp_path / "x" / "y").read_text())
    done = run_cli("run", "quickstart")
    assert (done.returncode, done.stderr) == (3, f"error: {tmp_path}/x/y: No such file or directory\n")


def test_an_encoding_that_lacks_characters_is_no_error() -> None:
    process = start_process("data", "info", "folder", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert "\\u2026" in stdout


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"], ["--help"]])
def test_a_closed_output_is_quiet(arguments: list[str]) -> None:
    process = start_process(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.wait(timeout=60) in (ending.OUTPUT_CLOSED, 1)
    assert process.stderr.read() == ""


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_study_on_ray_with_a_line_that_says_how_to_continue(
    how: signal.Signals, code: int, tmp_path: Path
) -> None:
    place = Workplace(tmp_path / "w", SLOW)
    process = place.start("search", "s.yaml")
    deadline = time.monotonic() + 100
    while not list(place.folder.glob("results/s/runs/*")):  # a run has begun
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    word = {130: "interrupted", 143: "terminated"}[code]
    assert errors.splitlines()[-1] == f"{word}; run the same command again to continue"


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_imports_is_one_line(how: signal.Signals, code: int, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)\n")
    process = start_process("plugins", "--plugin", "slow.py", cwd=tmp_path)
    while not (tmp_path / "begun").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, {130: "interrupted\n", 143: "terminated\n"}[code])


def test_a_signal_before_the_command_line_is_imported_is_one_line() -> None:
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from wsol.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (143, "interrupted before the command began\n")


def test_a_long_folder_for_temporary_files_does_not_stop_a_study(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", {**STUDY, "recipes": [{"method": "center"}], "seeds": 1})
    folder = tmp_path / ("t" * 100)
    folder.mkdir()
    place.environment["TMPDIR"] = str(folder)
    done = place.run_process("search", "s.yaml")
    assert done.returncode == 0, done.stderr
    assert len(place.records()) == 1


def test_sockets_get_a_short_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / ("t" * 100)))
    assert len(str(socket_folder(60))) + 60 <= SOCKET_PATH
