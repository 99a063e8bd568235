"""A small study that was run once, and copies of it to attack."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.paths import TOY
from tests.support.studies import run_small
from wsol.plugins import load_plugins
from wsol.registry import Plugins


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of a finished study; it must not be changed."""
    return run_small(tmp_path_factory.mktemp("small"))


@pytest.fixture
def study(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished study, to change; caches and results of commands are in the test's folder."""
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WSOL_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("WSOL_PLUGINS", str(TOY))
    return Path(shutil.copytree(finished, tmp_path / "results" / finished.name))


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """The installed plugins and the toy plugin."""
    return load_plugins([TOY])
