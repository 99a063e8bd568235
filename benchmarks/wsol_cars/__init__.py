"""Benchmark ``cars``: Stanford Cars, with a part of its training images held out to choose on."""

from __future__ import annotations

import wsol
from wsol_cars.benchmark import Cars


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """One benchmark."""
    return [Cars]
