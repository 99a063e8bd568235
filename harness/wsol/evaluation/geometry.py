"""Maps, boxes and masks brought into the evaluation frame, and the IoU of boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from wsol.arrays import Array, BoolArray, FloatArray, IntArray
from wsol.errors import DataError, UsageError
from wsol.protocols import EvalProtocol, Interpolation

MapProblem = Literal["", "nan", "infinite", "constant"]
"""What is wrong with a raw map; ``""`` when nothing is."""
BoxProblem = Literal["", "nan", "infinite", "reversed", "outside"]
"""What is wrong with predicted boxes; ``""`` when nothing is."""

Size = tuple[int, int]
"""(width, height) in pixels."""

_TOLERANCE = 1e-6
"""A box may leave its image by this share of a side: float32 rounds sums of shares to values just above 1."""
_INTERPOLATIONS = {"cubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR}


@dataclass(frozen=True)
class Frame:
    """The size in pixels that maps are upsampled to before they are normalised, and the interpolation."""

    width: int
    height: int
    interpolation: Interpolation = "cubic"


def sanitize_map(score_map: Array) -> tuple[FloatArray, MapProblem]:
    """Replace a map that locates nothing by zeros.

    The reference evaluation does this silently; here the problem is returned, so that callers can count it.

    Args:
        score_map: A raw map, real numbers [H, W].

    Returns:
        The map as float64 [H, W], all zeros if there is a problem, and the problem: ``nan`` if any value is NaN,
        ``infinite`` if any value or the span of all values is infinite, ``constant`` if all values are equal.

    Raises:
        DataError: The map has another shape.

    Example:
        >>> sanitize_map(np.array([[3.0, 3.0]]))
        (array([[0., 0.]]), 'constant')
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


def sanitize_boxes(boxes: Array, size: Size) -> tuple[Array, BoxProblem]:
    """Replace predicted boxes that are none by (0, 0, 0, 0), and clip those that leave the image.

    (0, 0, 0, 0) is also the box of a map without foreground. Ordinary boxes are returned unchanged.

    Args:
        boxes: (x0, y0, x1, y1) in pixels of the evaluation frame, [N, 4].
        size: Width and height of the frame in pixels.

    Returns:
        The boxes, [N, 4], and the first of these problems that any of them has: ``nan`` or ``infinite`` if a coordinate
        is, ``reversed`` if x1 < x0 or y1 < y0, all of which make it (0, 0, 0, 0); ``outside`` if the box extends beyond
        the image, to which it is clipped.

    Example:
        >>> sanitize_boxes(np.array([[2, 2, 6, 12]]), (8, 8))
        (array([[2, 2, 6, 8]]), 'outside')
        >>> sanitize_boxes(np.array([[6, 2, 2, 4]]), (8, 8))
        (array([[0, 0, 0, 0]]), 'reversed')
    """
    limits = np.array([*size, *size])
    found: dict[BoxProblem, BoolArray] = {
        "nan": np.any(np.isnan(boxes), axis=1, keepdims=True),
        "infinite": np.any(np.isinf(boxes), axis=1, keepdims=True),
        "reversed": np.any(boxes[:, 2:] < boxes[:, :2], axis=1, keepdims=True),
        "outside": np.any((boxes < -_TOLERANCE * limits) | (boxes > (1 + _TOLERANCE) * limits), axis=1, keepdims=True),
    }
    problem = next((name for name, rows in found.items() if rows.any()), None)
    if problem is None:
        return boxes, ""
    clipped = np.where(found["outside"], np.clip(boxes, 0, limits), boxes)
    none = found["nan"] | found["infinite"] | found["reversed"]
    return np.where(none, 0, clipped).astype(boxes.dtype), problem


def resize_map(score_map: Array, size: tuple[int, int], interpolation: str = "cubic") -> FloatArray:
    """Resize a map with OpenCV.

    Args:
        score_map: Real numbers [h, w].
        size: (height, width) of the result.
        interpolation: ``cubic``, which can exceed the range of the values, or ``bilinear``.

    Returns:
        float64 [H, W].

    Raises:
        DataError: The map has another shape.
        UsageError: The interpolation is unknown.
    """
    if interpolation not in _INTERPOLATIONS:
        raise UsageError(f"interpolation '{interpolation}' is unknown; choose 'cubic' or 'bilinear'")
    return np.asarray(
        cv2.resize(_as_map(score_map), (size[1], size[0]), interpolation=_INTERPOLATIONS[interpolation]), np.float64
    )


def scale_boxes(boxes: Array, image_size: Size, target: Size) -> IntArray:
    """Scale boxes from an image of one size to another.

    Args:
        boxes: (x0, y0, x1, y1) in pixels, [G, 4].
        image_size: Size of the image that they are of.
        target: Size of the image that they are brought into.

    Returns:
        int64 [G, 4], truncated.

    Raises:
        DataError: The boxes have another shape, or ``image_size`` is not positive.
    """
    return np.trunc(_scaled(boxes, image_size, target)).astype(np.int64)


def clip_boxes_to_crop(boxes: Array, image_size: Size, resize: int = 256, crop: int = 224) -> FloatArray:
    """Bring boxes into the centre crop of an image.

    Args:
        boxes: (x0, y0, x1, y1) in pixels of the original image, [G, 4].
        image_size: Size of the original image.
        resize: Side in pixels of the square that the image is resized to before cropping.
        crop: Side in pixels of the crop.

    Returns:
        float64 [G, 4] in [0, crop]: boxes are clipped to the crop, and have no area when they are outside it.
    """
    offset = round((resize - crop) / 2)
    return np.clip(_scaled(boxes, image_size, (resize, resize)) - offset, 0, crop)


def box_iou(a: Array, b: Array, inclusive: bool) -> FloatArray:
    """The intersection over union of boxes.

    Args:
        a: (x0, y0, x1, y1), [N, 4].
        b: (x0, y0, x1, y1), [M, 4].
        inclusive: x1 and y1 are the last pixels inside the box, so that each side counts one more (wsoleval).

    Returns:
        float64 [N, M] in [0, 1]; 0 for two boxes without area.

    Example:
        >>> box_iou(np.array([[0, 0, 10, 10]]), np.array([[0, 0, 10, 20]]), inclusive=False)
        array([[0.5]])
    """
    a, b = _as_boxes(a)[:, None], _as_boxes(b)[None]
    edge = 1.0 if inclusive else 0.0
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + edge
    shared = np.maximum(sides, 0).prod(axis=-1)
    union = (a[..., 2:] - a[..., :2] + edge).prod(axis=-1) + (b[..., 2:] - b[..., :2] + edge).prod(axis=-1) - shared
    ratio: FloatArray = shared / np.where(union <= 0, 1, union)
    return ratio


def frame_size(protocol: EvalProtocol, image_size: Size) -> Size:
    """The size of a protocol's evaluation frame.

    Args:
        protocol: The evaluation protocol.
        image_size: Width and height of the image, in pixels.

    Returns:
        Width and height: ``image_size`` for a protocol that scores in the original size, otherwise those of its crop.
    """
    return image_size if protocol.original_size else (protocol.crop, protocol.crop)


def map_frame(protocol: EvalProtocol, image_size: Size) -> Frame:
    """The frame that a protocol scores maps in.

    Args:
        protocol: The evaluation protocol.
        image_size: Width and height of the image, in pixels.

    Returns:
        Size and interpolation of the map.

    Raises:
        UsageError: The protocol scores boxes only.
    """
    if protocol.interpolation is None:
        raise UsageError(f"protocol '{protocol.name}' scores boxes, not maps; give boxes, or choose another protocol")
    return Frame(*frame_size(protocol, image_size), protocol.interpolation)


def frame_boxes(protocol: EvalProtocol, boxes: Array, image_size: Size) -> Array:
    """Bring ground-truth boxes into a protocol's evaluation frame.

    Args:
        protocol: The protocol.
        boxes: (x0, y0, x1, y1) in pixels of the original image, [G, 4].
        image_size: Size of the original image.

    Returns:
        int64 [G, 4], truncated; float64, not truncated, for a protocol that scores boxes only.
    """
    if protocol.centre_crop:
        clipped = clip_boxes_to_crop(boxes, image_size, protocol.resize, protocol.crop)
        return clipped if protocol.interpolation is None else np.trunc(clipped).astype(np.int64)
    return scale_boxes(boxes, image_size, frame_size(protocol, image_size))


def frame_mask(protocol: EvalProtocol, mask: Array, image_size: Size) -> BoolArray:
    """Bring a mask into a protocol's evaluation frame: nearest neighbour, then > 0.5.

    Args:
        protocol: The protocol.
        mask: [h, w]; it is resized once, even if its size is not the image's.
        image_size: Size of the original image.

    Returns:
        bool [H, W].
    """
    pixels = np.ascontiguousarray(mask, dtype=np.float32)
    if protocol.original_size:
        pixels = np.asarray(cv2.resize(pixels, image_size, interpolation=cv2.INTER_NEAREST))
    else:
        side = protocol.resize if protocol.centre_crop else protocol.crop
        pixels = np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_NEAREST))
        start = round((side - protocol.crop) / 2)
        pixels = pixels[start : start + protocol.crop, start : start + protocol.crop]
    return pixels > 0.5


def _as_map(score_map: Array) -> FloatArray:
    array = np.ascontiguousarray(score_map, dtype=np.float64)
    if np.ndim(score_map) != 2 or array.size == 0:
        raise DataError(f"a score map must be [H, W], this one is {np.shape(score_map)}")
    return array


def _scaled(boxes: Array, image_size: Size, target: Size) -> FloatArray:
    if min(image_size) < 1:
        raise DataError(f"an image size must be (width, height) of at least 1, this one is {tuple(image_size)}")
    scaled: FloatArray = _as_boxes(boxes) * np.tile(np.asarray(target, np.float64), 2) / np.tile(image_size, 2)
    return scaled


def _as_boxes(boxes: Array) -> FloatArray:
    array = np.asarray(boxes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"boxes must be [N, 4], these are {array.shape}")
    return array
