"""Benchmark ``folder``: your own images, one folder per class."""

from __future__ import annotations

import wsol
from wsol_folder.benchmark import Folder


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [Folder]
