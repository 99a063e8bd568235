"""Tests that are not part of the fast ones can still be collected, and benchmark scripts imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY


@pytest.mark.parametrize("folder", ["long", "services"])
def test_every_test_can_be_collected(folder: str) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"tests/{folder}"]
    collected = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert collected.returncode == 0, collected.stdout


@pytest.mark.parametrize("script", sorted((REPOSITORY / "tests/perf").glob("bench_*.py")), ids=lambda path: path.stem)
def test_every_benchmark_script_can_be_imported(script: Path) -> None:
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='imported')"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert imported.returncode == 0, imported.stderr
