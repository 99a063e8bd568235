"""Benchmark ``sprites``: generated images, for trying everything out in seconds without a download."""

from __future__ import annotations

import wsol
from wsol_sprites.benchmark import Sprites


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """One benchmark."""
    return [Sprites]
