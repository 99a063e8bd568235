"""Fixtures of the engine's tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scoring import METRICS, PLUGIN, centred, scored, write_maps


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB of its own; skips where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command, so no small disk to fill")
    if mounted.returncode:
        pytest.skip(f"this user may not mount a small disk to fill: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def dozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the benchmark ``dozen`` is known."""
    plugin = tmp_path / "dozen.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setenv("WSOL_PLUGINS", str(plugin))
    monkeypatch.setenv("WSOL_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


@pytest.fixture
def two_records(dozen: Path) -> tuple[Path, Path]:
    """A record of maps with bumps anywhere, and one of maps with bumps in the box."""
    a, b = dozen / "a.record.json", dozen / "b.record.json"
    scored(write_maps(dozen / "a.maps"), "--record", a, *METRICS)
    scored(write_maps(dozen / "b.maps", maps=centred()), "--record", b, *METRICS)
    return a, b
