"""Benchmark ``ilsvrc``: ImageNet, with ImageNetV2 as the validation split."""

from __future__ import annotations

import wsol
from wsol_ilsvrc.benchmark import Ilsvrc


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [Ilsvrc]
