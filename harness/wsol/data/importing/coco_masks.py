"""Masks of COCO: polygons, and run lengths in columns, compressed or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from pydantic import JsonValue

from wsol.arrays import BoolArray
from wsol.data.importing.box_checks import Size
from wsol.data.importing.entry import Edges
from wsol.data.importing.json_fields import JsonObject, numbers
from wsol.errors import DataError

MaskReader = Callable[[Size], BoolArray]
"""Reads a mask, bool [H, W], given the width and height of its image."""
LARGEST = 2**31
"""Most pixels of a mask."""


def read_segmentation(value: JsonValue, where: str) -> tuple[MaskReader, Edges, str]:
    """Read a segmentation.

    Args:
        value: Polygons ``[[x0, y0, x1, y1, …], …]``, or ``{"size": [H, W], "counts": …}``.
        where: Its place, for the error of a mask whose size is not that of its image.

    Returns:
        The mask's reader, the edges that enclose it, and what is wrong with it, as the end of a sentence; empty for a
        valid one.
    """
    if isinstance(value, dict):
        return _read_runs(value, where)
    polygons = [numbers(polygon) for polygon in value] if isinstance(value, list) else []
    valid = [polygon for polygon in polygons if polygon is not None and len(polygon) >= 6 and len(polygon) % 2 == 0]
    if not valid or len(valid) < len(polygons):
        return _empty, (0, 0, 0, 0), "has a polygon that is not 3 or more pairs of numbers"
    xs = [x for polygon in valid for x in polygon[0::2]]
    ys = [y for polygon in valid for y in polygon[1::2]]
    return partial(polygon_mask, valid), (min(xs), min(ys), max(xs), max(ys)), ""


def polygon_mask(polygons: Sequence[Sequence[float]], size: Size) -> BoolArray:
    """The pixels that COCO's own code assigns to the union of polygons.

    Args:
        polygons: x0, y0, x1, y1, … of each, positions in pixels.
        size: Width and height of the image.

    Returns:
        The mask, bool [H, W].
    """
    from pycocotools import mask as coco

    width, height = size
    clipped = [_clip(polygon, size) for polygon in polygons]
    packed: bytes = coco.merge(coco.frPyObjects(clipped, height, width))["counts"]
    return runs_mask(decompressed(packed.decode()) or [], size)


def _clip(polygon: Sequence[float], size: Size) -> list[float]:
    """Coordinates within one image size of the image: COCO's code computes with 32 bits."""
    limits = (float(size[0]), float(size[1]))
    return [min(max(value, -limits[i % 2]), 2 * limits[i % 2]) for i, value in enumerate(polygon)]


def _read_runs(value: JsonObject, where: str) -> tuple[MaskReader, Edges, str]:
    size, counts = numbers(value.get("size")), value.get("counts")
    if size is None or len(size) != 2 or min(size) < 1 or size[0] * size[1] > LARGEST:
        return _empty, (0, 0, 0, 0), "has run lengths without a size [height, width]"
    height, width = int(size[0]), int(size[1])
    runs = decompressed(counts) if isinstance(counts, str) else _whole_runs(counts)
    if runs is None or min(runs, default=0) < 0 or sum(runs) != height * width:
        return _empty, (0, 0, 0, 0), f"has run lengths that do not add up to its {width} x {height} pixels"
    return partial(_sized_mask, where, runs, (width, height)), runs_edges(runs, height), ""


def decompressed(text: str) -> list[int] | None:
    """Decode COCO's compressed run lengths.

    Each number is written in characters of 5 bits, lowest first, with a bit for "more" (32) and a sign in the last one;
    from the third run on it is the difference to the run before the last one.

    Returns:
        The run lengths, or None for a text that is not in this form.
    """
    runs: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            return None
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        number -= (1 << shift) if bits & 16 else 0
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    return None if shift else runs


def runs_edges(runs: Sequence[int], height: int) -> Edges:
    """The edges that enclose the mask of run lengths; all 0 for an empty mask."""
    ends = np.cumsum(np.array(runs, dtype=np.int64))
    starts, stops = ends[0::2][: len(ends) // 2], ends[1::2]
    full = stops > starts
    if not full.any():
        return 0, 0, 0, 0
    starts, last = starts[full], stops[full] - 1
    columns, rows = (starts // height, last // height), (starts % height, last % height)
    across = bool((columns[0] != columns[1]).any())  # a run over the end of a column meets the top and the bottom
    top, bottom = (0, height) if across else (int(rows[0].min()), int(rows[1].max()) + 1)
    return float(columns[0].min()), float(top), float(columns[1].max() + 1), float(bottom)


def runs_mask(runs: Sequence[int], size: Size) -> BoolArray:
    """The mask of run lengths: pixels of the columns one after the other, first outside the mask.

    Args:
        runs: Numbers of pixels, outside and inside in turn; their sum is that of the image's pixels.
        size: Width and height.

    Example:
        >>> runs_mask([1, 2, 1], (2, 2)).tolist()
        [[False, True], [True, False]]
    """
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size)
    return np.ascontiguousarray(columns.T)


def _sized_mask(where: str, runs: Sequence[int], stated: Size, size: Size) -> BoolArray:
    if stated != size:
        raise DataError(f"{where}: a mask has {stated[0]} x {stated[1]} pixels, its image {size[0]} x {size[1]}")
    return runs_mask(runs, size)


def _whole_runs(counts: JsonValue) -> list[int] | None:
    found = numbers(counts)
    if found is None or not all(count.is_integer() for count in found):
        return None
    return [int(count) for count in found]


def _empty(size: Size) -> BoolArray:
    return np.zeros((size[1], size[0]), dtype=bool)
