"""What a component is, and the kinds that need no network: normalizers, box rules, metrics, benchmarks.

The kinds built on torch (backbone, pooling, extractor, augmentation, method) are in :mod:`wsol.networks` and
:mod:`wsol.training.method`.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from wsol.options import Options
from wsol.options import Options as AnyOptions

if TYPE_CHECKING:
    from wsol.evaluation.scored import ScoredImage

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


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


class Metric(Component, ABC):
    """A score that is a function of a sum of per-image observations.

    That form is what makes everything else general: shards merge by joining observations, and a bootstrap is a
    product of resampling weights with the matrix of observations. :meth:`observe` is pure and runs in threads.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    """What an image must have: any of ``"boxes"``, ``"masks"``, ``"logits"``, ``"map"``."""
    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def observe(self, image: ScoredImage) -> Array:
        """One image → array of a fixed shape and a compact dtype (bool and integers are summed exactly)."""

    @abstractmethod
    def value(self, total: Array, weight: Array, calibration: Any = None) -> Array:
        """The score in percent. ``total`` [..., *shape]: weighted sum of observations; ``weight`` [...]: of ones.

        ``calibration`` is what :meth:`calibrate` returned on the validation split, for metrics that carry a choice
        (a threshold) from there. Vectorised over the leading dimensions.
        """

    def calibrate(self, total: Array, weight: Array) -> Any:
        """What this metric carries from the validation split to test, as a JSON value (None: nothing)."""
        return None

    def parts(self, total: Array, weight: Array, calibration: Any = None) -> dict[str, float]:
        """Named parts of the score, in percent (for example one accuracy an IoU threshold). Arguments as :meth:`value`,
        without leading dimensions."""
        return {}

    def curves(self, total: Array, weight: Array) -> dict[str, list[float]]:
        """Named curves for the record and for plots."""
        return {}
