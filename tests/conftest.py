"""Fixtures that all tests share."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # a console keeps the width that it finds when its module is imported

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import SHARED
from tests.support.stages import stay_in_this_process


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded images and kept checks of tests that name no folder are in one that all processes of the tests share."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSOL_CACHE", str(shared / "cache"))
        yield


@pytest.fixture
def cub20() -> Path:
    """A sample of real photographs in the wsoleval layout, next to the checkout; skips if it is absent."""
    root = SHARED / "data" / "cub20"
    if not root.is_dir():
        pytest.skip("no real photographs next to the checkout (shared/data/cub20)")
    return root


@pytest.fixture
def real_weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Real ImageNet weights of MobileNetV2, next to the checkout; skips if they are absent."""
    folder = SHARED / "weights"
    if not (folder / "mobilenet_v2-imagenet.pth").is_file():
        pytest.skip("no ImageNet weights next to the checkout (shared/weights)")
    monkeypatch.setenv("WSOL_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def stages_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs execute their stages in this process, which saves most of the time of a small study.

    For tests of what a study computes and writes; tests of separation, kills and code that changes need processes.
    """
    stay_in_this_process(monkeypatch)
