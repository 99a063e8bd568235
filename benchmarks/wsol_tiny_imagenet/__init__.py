"""Benchmark ``tiny-imagenet``: 64x64 images of 200 classes of ImageNet, some held out for validation."""

from __future__ import annotations

import wsol
from wsol_tiny_imagenet.benchmark import TinyImageNet


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [TinyImageNet]
