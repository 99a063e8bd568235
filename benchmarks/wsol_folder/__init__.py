"""Benchmark ``folder``: anybody's own images, one folder a class."""

from __future__ import annotations

import wsol
from wsol_folder.benchmark import Folder


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """One benchmark."""
    return [Folder]
