"""Benchmark ``flowers``: Oxford Flowers-102 with its segmentations."""

from __future__ import annotations

import wsol
from wsol_flowers.benchmark import Flowers


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [Flowers]
