"""Benchmark ``cars``: Stanford Cars, with some training images held out for validation."""

from __future__ import annotations

import wsol
from wsol_cars.benchmark import Cars


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [Cars]
