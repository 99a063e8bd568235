"""What a component is, and the kinds that need no network: normalizers, box rules, metrics, benchmarks.

The kinds built on torch (backbone, pooling, extractor, augmentation, method) are in :mod:`wsol.networks` and
:mod:`wsol.training.method`.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from wsol.arrays import FloatArray, IntArray
from wsol.options import Options
from wsol.options import Options as AnyOptions


class Component:
    """A named part with options. The first docstring line says what it is; ``paper`` says where it comes from."""

    name: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    Options: ClassVar[type[Options]] = Options
    options: Any

    def __init__(self, options: AnyOptions | None = None) -> None:
        self.options = self.Options() if options is None else options

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(cls) or "").split("\n", 1)[0]


class Normalizer(Component, ABC):
    """Brings a score map into [0, 1]."""

    @abstractmethod
    def __call__(self, score_map: FloatArray) -> FloatArray:
        """``score_map``: float64 [H, W], upsampled, finite, not constant → float64 [H, W] in [0, 1]."""


class BoxRule(Component, ABC):
    """Turns a normalised score map into boxes with its own threshold, instead of the protocol's sweep over all."""

    @abstractmethod
    def __call__(self, score_map: FloatArray) -> IntArray:
        """float64 [H, W] in [0, 1] → int64 [N, 4] boxes (x0, y0, x1, y1) in pixels of the map, N >= 1."""
