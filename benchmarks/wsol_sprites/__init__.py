"""Benchmark ``sprites``: small generated images, which need no download."""

from __future__ import annotations

import wsol
from wsol_sprites.benchmark import Sprites


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [Sprites]
