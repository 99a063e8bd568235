"""Protocols: the rules of an evaluation, as named data. Results of different protocols are never ranked together."""

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
    """How predictions are compared with the ground truth, and what counts as a hit."""

    name: str
    centre_crop: bool = False
    """The test image is squashed to a square of side ``resize`` and cropped in the middle; else it is squashed to a
    square of side ``crop``."""
    resize: int = 256
    crop: int = 224
    """Side in pixels of the network's input and of the evaluation frame, in which predictions are scored."""
    original_size: bool = False
    """The evaluation frame is the original image instead."""
    interpolation: Interpolation | None = "cubic"
    """How score maps are upsampled to the frame; None for a protocol that scores boxes only."""
    thresholds: int = 1000
    """Number of thresholds that a box accuracy is swept over."""
    theta: float | None = None
    """The fixed threshold, as a share of the map's maximum; None: ``thresholds`` of them are swept."""
    contours: Literal["all", "largest"] = "all"
    """Which contours of the thresholded map give boxes."""
    inclusive: bool = True
    """The IoU counts one more pixel on each side."""
    strict: bool = False
    """A hit needs IoU > delta instead of IoU >= delta."""
    average: Literal["images", "classes"] = "images"
    """What an accuracy is averaged over: images, or classes after averaging within each class."""
    version: int = 1
    """Raised when a change of the rules changes scores."""

    @property
    def taus(self) -> FloatArray:
        """The thresholds as shares of the map's maximum, float64 [T]."""
        return threshold_values(self.thresholds) if self.theta is None else np.array([self.theta])

    def at(self, resize: int, crop: int) -> EvalProtocol:
        """The same rules for test images of other sides.

        Args:
            resize: Side that images are resized to, in pixels.
            crop: Side of the network's input and of the evaluation frame, in pixels.
        """
        return replace(self, resize=resize, crop=crop)

    def hits(self, ious: FloatArray, delta: float) -> BoolArray:
        """Which IoUs are hits.

        Args:
            ious: IoUs, float64 [...].
            delta: The IoU that a hit needs, in [0, 1].

        Returns:
            bool [...].
        """
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
    """Look up a protocol.

    Args:
        name: Its name, as in the documentation: ``"wsoleval-v2"``.

    Raises:
        UsageError: There is none; the message suggests a similar name.

    Example:
        >>> get_protocol("legacy").theta
        0.2
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol '{name}'{suggest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def threshold_values(count: int) -> FloatArray:
    """The thresholds 0, 1 / count, 2 / count, …, float64 [count].

    They are computed as i * (1 / count), like in the reference evaluation; i / count differs in the last bit.
    """
    return np.arange(count, dtype=np.float64) * (1.0 / count)
