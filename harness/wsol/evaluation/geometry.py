"""Score maps and boxes brought from one frame into another, and how boxes overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from wsol.arrays import Array, BoolArray, FloatArray, IntArray
from wsol.errors import DataError, UsageError
from wsol.protocols import EvalProtocol, Interpolation

Problem = Literal["", "nan", "infinite", "constant"]


@dataclass(frozen=True)
class Frame:
    """The pixels in which maps are normalised and boxes are measured, and how maps are brought there."""

    width: int
    height: int
    interpolation: Interpolation = "cubic"


_INTERPOLATIONS = {"cubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR}


def sanitize_map(score_map: Array) -> tuple[FloatArray, Problem]:
    """A raw map [H, W] as float64 and what is wrong with it: it is all zeros when it does not say where anything is.

    The problem is ``nan`` when any value is, ``infinite`` when any value or the span of all is, ``constant`` when all
    are equal, else ``""``. The benchmark scores such maps as zeros without a word; here the caller counts them. Raises
    DataError for another shape.
    """
    array = _as_map(score_map)
    low, high = array.min(), array.max()
    if np.isnan(low):
        return np.zeros_like(array), "nan"
    with np.errstate(over="ignore", invalid="ignore"):
        span = high - low
    if not np.isfinite(span):
        return np.zeros_like(array), "infinite"
    if low == high:
        return np.zeros_like(array), "constant"
    return array, ""


def resize_map(score_map: Array, size: tuple[int, int], interpolation: str = "cubic") -> FloatArray:
    """A map [h, w] at ``size`` (H, W), float64, by OpenCV: ``cubic`` (overshoots the range) or ``bilinear``.

    Raises DataError for a map of another shape, UsageError for another interpolation.
    """
    if interpolation not in _INTERPOLATIONS:
        raise UsageError(f"interpolation '{interpolation}' is unknown; choose 'cubic' or 'bilinear'")
    return np.asarray(
        cv2.resize(_as_map(score_map), (size[1], size[0]), interpolation=_INTERPOLATIONS[interpolation]), np.float64
    )


def scale_boxes(boxes: Array, image_size: tuple[int, int], target: tuple[int, int]) -> IntArray:
    """Boxes [G, 4] of an image of ``image_size`` (w, h) in one of ``target`` (w, h), truncated to int64 [G, 4]."""
    return np.trunc(_scaled(boxes, image_size, target)).astype(np.int64)


def clip_boxes_to_crop(boxes: Array, image_size: tuple[int, int], resize: int = 256, crop: int = 224) -> FloatArray:
    """Boxes [G, 4] of an image of ``image_size`` (w, h) that is squashed to ``resize`` and cropped in the middle.

    Returns float64 [G, 4] in [0, crop]; what the crop cuts off is lost, and a box outside it has no area.
    """
    offset = round((resize - crop) / 2)
    return np.clip(_scaled(boxes, image_size, (resize, resize)) - offset, 0, crop)


def box_iou(a: Array, b: Array, inclusive: bool) -> FloatArray:
    """IoU of boxes (x0, y0, x1, y1) a [N, 4] with b [M, 4], float64 [N, M] in [0, 1].

    inclusive: x1 and y1 belong to the box, so that each side counts one more (wsoleval); else plain areas. Two boxes
    without area have IoU 0.
    """
    a, b = _as_boxes(a)[:, None], _as_boxes(b)[None]
    edge = 1.0 if inclusive else 0.0
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + edge
    shared = np.maximum(sides, 0).prod(axis=-1)
    union = (a[..., 2:] - a[..., :2] + edge).prod(axis=-1) + (b[..., 2:] - b[..., :2] + edge).prod(axis=-1) - shared
    ratio: FloatArray = shared / np.where(union <= 0, 1, union)
    return ratio


def _as_map(score_map: Array) -> FloatArray:
    array = np.ascontiguousarray(score_map, dtype=np.float64)
    if np.ndim(score_map) != 2 or array.size == 0:
        raise DataError(f"a score map must be [H, W], this one is {np.shape(score_map)}")
    return array


def _scaled(boxes: Array, image_size: tuple[int, int], target: tuple[int, int]) -> FloatArray:
    if min(image_size) < 1:
        raise DataError(f"an image size must be (w, h) of at least 1, this one is {tuple(image_size)}")
    scaled: FloatArray = _as_boxes(boxes) * np.tile(np.asarray(target, np.float64), 2) / np.tile(image_size, 2)
    return scaled


def _as_boxes(boxes: Array) -> FloatArray:
    array = np.asarray(boxes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"boxes must be [N, 4], these are {array.shape}")
    return array


def frame_size(protocol: EvalProtocol, image_size: tuple[int, int]) -> tuple[int, int]:
    """(w, h) of the evaluation frame for an image of ``image_size`` (w, h)."""
    return image_size if protocol.original_size else (protocol.crop, protocol.crop)


def frame_boxes(protocol: EvalProtocol, boxes: Array, image_size: tuple[int, int]) -> Array:
    """Ground-truth boxes [G, 4] in pixels of an image of ``image_size`` (w, h), brought into the evaluation frame.

    int64 [G, 4], truncated; for a protocol that only knows boxes, whose predictions have fractions too, float64.
    """
    if protocol.centre_crop:
        clipped = clip_boxes_to_crop(boxes, image_size, protocol.resize, protocol.crop)
        return clipped if protocol.interpolation is None else np.trunc(clipped).astype(np.int64)
    return scale_boxes(boxes, image_size, frame_size(protocol, image_size))


def map_frame(protocol: EvalProtocol, image_size: tuple[int, int]) -> Frame:
    """The evaluation frame of maps for an image of ``image_size`` (width, height) in pixels.

    Raises:
        UsageError: The protocol scores boxes only.
    """
    if protocol.interpolation is None:
        raise UsageError(f"protocol '{protocol.name}' scores boxes, not maps; give boxes, or choose another protocol")
    return Frame(*frame_size(protocol, image_size), protocol.interpolation)


def frame_mask(protocol: EvalProtocol, mask: Array, size: tuple[int, int]) -> BoolArray:
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
