"""The helpers of the tests: the command line in this process, and the draw of one long test."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.cli import run_cli
from tests.support.draw import draw
from wsol.cli.main import app


def test_a_command_in_this_process_leaves_no_trace(tmp_path: Path) -> None:
    before = (Path.cwd(), dict(os.environ), sys.argv, sys.excepthook, list(app.registered_commands))
    assert run_cli("studies", cwd=tmp_path, WSOL_RESULTS="elsewhere").returncode == 0
    assert run_cli("run", "quickstrat", cwd=tmp_path).returncode == 2
    assert (Path.cwd(), dict(os.environ), sys.argv, sys.excepthook, list(app.registered_commands)) == before


def test_a_command_in_this_process_has_its_folder_and_environment(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    failed = run_cli("plugins", cwd=tmp_path, WSOL_PLUGINS="broken.py")
    assert failed.returncode == 2
    assert failed.stderr.startswith(f"error: {tmp_path / 'broken.py'}: ModuleNotFoundError")
    assert failed.stdout.startswith("benchmarks")  # the working plugins are listed all the same
    assert "FAILED broken" in failed.stdout
    assert "error:" not in failed.stdout


def test_a_commit_always_draws_the_same_case() -> None:
    assert {draw("abcdef", "98a449d1") for _ in range(5)} == {draw("abcdef", "98a449d1")}


def test_commits_draw_every_case_about_equally_often() -> None:
    drawn = Counter(draw("abcdef", f"{i:040x}") for i in range(600))
    assert set(drawn) == set("abcdef")
    assert min(drawn.values()) > 60


def test_drawing_from_an_empty_list_is_an_error() -> None:
    with pytest.raises(ValueError, match="no case"):
        draw([], "98a449d1")
