"""Protocols: the rules that a published number was evaluated by, as named data. Different ones never rank together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from wsol.arrays import BoolArray, FloatArray
from wsol.errors import UsageError
from wsol.options import suggest

Interpolation = Literal["cubic", "bilinear"]


@dataclass(frozen=True)
class EvalProtocol:
    """How a prediction is brought together with the ground truth, and what counts as a hit."""

    name: str
    centre_crop: bool = False
    """The test image is squashed to ``resize`` and cropped in the middle; else it is squashed to ``crop``."""
    resize: int = 256
    crop: int = 224
    """Side of the network's input in pixels, and of the frame that predictions are scored in."""
    original_size: bool = False
    """The frame is the original image instead."""
    interpolation: Interpolation | None = "cubic"
    """How score maps come into the frame; None for a protocol that only knows boxes."""
    thresholds: int = 1000
    """How many thresholds a box accuracy is a function of."""
    theta: float | None = None
    """The one threshold, fixed beforehand; None sweeps ``thresholds`` of them."""
    contours: Literal["all", "largest"] = "all"
    inclusive: bool = True
    """IoU counts one more pixel on each side."""
    strict: bool = False
    """A hit needs IoU > delta instead of >=."""
    average: Literal["images", "classes"] = "images"
    """What an accuracy is the mean over: images, or the accuracies of the classes."""
    version: int = 1

    @property
    def taus(self) -> FloatArray:
        """The thresholds relative to the map's maximum, float64 [thresholds]."""
        return threshold_values(self.thresholds) if self.theta is None else np.array([self.theta])

    def at(self, resize: int, crop: int) -> EvalProtocol:
        """The same rules for a benchmark whose images have other sides, in pixels."""
        return replace(self, resize=resize, crop=crop)

    def hits(self, ious: FloatArray, delta: float) -> BoolArray:
        """Which of ``ious``, float64 [...], are hits at IoU ``delta``; bool [...]."""
        return ious > delta if self.strict else ious >= delta


PROTOCOLS: Mapping[str, EvalProtocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            EvalProtocol("wsoleval-v1", contours="largest"),
            EvalProtocol("wsoleval-v2"),
            EvalProtocol(
                "legacy", centre_crop=True, interpolation="bilinear", thresholds=1, theta=0.2, contours="largest"
            ),
            EvalProtocol(
                "psol",
                centre_crop=True,
                interpolation=None,
                thresholds=1,
                contours="largest",
                inclusive=False,
                strict=True,
                average="classes",
            ),
            EvalProtocol(
                "minmaxcam",
                original_size=True,
                interpolation="bilinear",
                thresholds=100,
                contours="largest",
                inclusive=False,
                strict=True,
            ),
        )
    }
)


def get_protocol(name: str) -> EvalProtocol:
    """The protocol of that name; raises UsageError with a suggestion when there is none."""
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol '{name}'{suggest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def threshold_values(count: int) -> FloatArray:
    """float64 [count]: i * (1 / count), the benchmark's own rounding (i / count differs in the last bit)."""
    return np.arange(count, dtype=np.float64) * (1.0 / count)
