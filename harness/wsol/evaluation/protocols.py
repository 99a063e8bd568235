"""Protocols: the rules that a published number was evaluated by, as named data. Different ones never rank together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from wsol.errors import UsageError
from wsol.evaluation.boxes import threshold_values
from wsol.evaluation.geometry import clip_boxes_to_crop, resize_map, scale_boxes
from wsol.options import suggest

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Protocol:
    """How a prediction is brought together with the ground truth, and what counts as a hit."""

    name: str
    centre_crop: bool = False
    """The test image is squashed to ``resize`` and cropped in the middle; else it is squashed to ``crop``."""
    resize: int = 256
    crop: int = 224
    """Side of the network's input in pixels, and of the frame that predictions are scored in."""
    original_size: bool = False
    """The frame is the original image instead."""
    interpolation: Literal["cubic", "bilinear"] | None = "cubic"
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

    def at(self, resize: int, crop: int) -> Protocol:
        """The same rules for a benchmark whose images have other sides, in pixels."""
        return replace(self, resize=resize, crop=crop)

    def hits(self, ious: FloatArray, delta: float) -> BoolArray:
        """Which of ``ious``, float64 [...], are hits at IoU ``delta``; bool [...]."""
        return ious > delta if self.strict else ious >= delta


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol("wsoleval-v1", contours="largest"),
            Protocol("wsoleval-v2"),
            Protocol("legacy", centre_crop=True, interpolation="bilinear", thresholds=1, theta=0.2, contours="largest"),
            Protocol(
                "psol",
                centre_crop=True,
                interpolation=None,
                thresholds=1,
                contours="largest",
                inclusive=False,
                strict=True,
                average="classes",
            ),
            Protocol(
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


def get_protocol(name: str) -> Protocol:
    """The protocol of that name; raises UsageError with a suggestion when there is none."""
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol '{name}'{suggest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def frame_size(protocol: Protocol, image_size: tuple[int, int]) -> tuple[int, int]:
    """(w, h) of the evaluation frame for an image of ``image_size`` (w, h)."""
    return image_size if protocol.original_size else (protocol.crop, protocol.crop)


def frame_boxes(protocol: Protocol, boxes: Array, image_size: tuple[int, int]) -> Array:
    """Ground-truth boxes [G, 4] in pixels of an image of ``image_size`` (w, h), brought into the evaluation frame.

    int64 [G, 4], truncated; for a protocol that only knows boxes, whose predictions have fractions too, float64.
    """
    if protocol.centre_crop:
        clipped = clip_boxes_to_crop(boxes, image_size, protocol.resize, protocol.crop)
        return clipped if protocol.interpolation is None else np.trunc(clipped).astype(np.int64)
    return scale_boxes(boxes, image_size, frame_size(protocol, image_size))


def frame_map(protocol: Protocol, raw_map: Array, image_size: tuple[int, int]) -> FloatArray:
    """A raw score map [h, w] of the test image upsampled to the evaluation frame, float64 [H, W], not normalised.

    Raises UsageError for a protocol that only knows boxes.
    """
    if protocol.interpolation is None:
        raise UsageError(f"protocol '{protocol.name}' scores boxes, not maps; give boxes, or choose another protocol")
    width, height = frame_size(protocol, image_size)
    return resize_map(raw_map, (height, width), protocol.interpolation)


def frame_mask(protocol: Protocol, mask: Array, size: tuple[int, int]) -> BoolArray:
    """A mask [h, w] of an image of ``size`` (width, height) in the evaluation frame: bool [H, W].

    Nearest neighbour, then > 0.5; a mask of another size than its image is resized once, too.
    """
    pixels = np.ascontiguousarray(mask, dtype=np.float32)
    if protocol.original_size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST))
    else:
        side = protocol.resize if protocol.centre_crop else protocol.crop
        pixels = np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_NEAREST))
        start = round((side - protocol.crop) / 2)
        pixels = pixels[start : start + protocol.crop, start : start + protocol.crop]
    return pixels > 0.5
