"""A score map as 8-bit levels, and its pixels in the order in which they become foreground."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wsol.arrays import FloatArray
from wsol.compilation import kernel

Levels = npt.NDArray[np.int16]
Rings = npt.NDArray[np.uint8]
Order = npt.NDArray[np.int32]


@kernel
def quantise(score_map: FloatArray) -> Levels:
    """Quantise a map, float64 [H, W] in [0, 1], to trunc(255 * score), int16 [H + 2, W + 2], in a frame of -1."""
    height, width = score_map.shape
    levels = np.full((height + 2, width + 2), -1, dtype=np.int16)
    for y in range(height):
        for x in range(width):
            levels[y + 1, x + 1] = np.int16(score_map[y, x] * 255.0)
    return levels


@kernel
def fill_holes(levels: Levels) -> Levels:
    """Raise each pixel so that the foreground of no level has holes.

    A pixel is background without being in a hole exactly when a path of 4-connected background pixels leads from it to
    the outside. The new level of a pixel is therefore the lowest level at which such a path exists: the minimum over
    all paths of the highest level on the path, found by a priority flood from the border. There is one stack for each
    level: ``heads`` are the top pixels, ``below`` is the next pixel under each.
    """
    height, width = levels.shape
    level_of = levels.ravel()
    filled = np.full(level_of.size, -1, dtype=np.int16)
    below = np.empty(level_of.size, dtype=np.int32)
    heads = np.full(256, -1, dtype=np.int32)
    for y in range(1, height - 1):
        step = 1 if y in (1, height - 2) else max(width - 3, 1)
        for x in range(1, width - 1, step):
            p = y * width + x
            filled[p] = level_of[p]
            below[p] = heads[filled[p]]
            heads[filled[p]] = p
    for level in range(256):
        while heads[level] >= 0:
            p = heads[level]
            heads[level] = below[p]
            for n in (p - width, p - 1, p + 1, p + width):
                if filled[n] < 0 and level_of[n] >= 0:
                    filled[n] = max(level_of[n], level)
                    below[n] = heads[filled[n]]
                    heads[filled[n]] = n
    return filled.reshape(levels.shape)


@kernel
def find_rings(levels: Levels) -> Rings:
    """Find the neighbours of each pixel that are brighter, or equally bright and earlier in reading order.

    These are the neighbours that come earlier when pixels are visited from the brightest to the darkest. In the other
    direction all others come earlier; the frame, which is darker than any pixel, is among those.

    Returns:
        uint8 [H + 2, W + 2], one bit for each direction as in :mod:`wsol.evaluation.kernels.rings`.
    """
    height, width = levels.shape
    rings = np.zeros(levels.shape, dtype=np.uint8)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            v = levels[y, x]
            rings[y, x] = (
                (levels[y, x + 1] > v)
                | (levels[y - 1, x + 1] >= v) << 1
                | (levels[y - 1, x] >= v) << 2
                | (levels[y - 1, x - 1] >= v) << 3
                | (levels[y, x - 1] >= v) << 4
                | (levels[y + 1, x - 1] > v) << 5
                | (levels[y + 1, x] > v) << 6
                | (levels[y + 1, x + 1] > v) << 7
            )
    return rings


@kernel
def sort_pixels(levels: Levels, rings: Rings, wanted: npt.NDArray[np.int8], lowest: int, highest: int) -> Order:
    """Sort pixels by counting, from the brightest to the darkest, equal ones in reading order.

    Args:
        levels: See :func:`quantise`.
        rings: See :func:`find_rings`.
        wanted: int8 [256], 1 for the rings whose pixels are sorted, 0 for those that are left out.
        lowest: Pixels of lower levels are left out.
        highest: Pixels of higher levels are left out.

    Returns:
        int32 [P], each pixel as ``y << 16 | x`` in ``levels``.
    """
    height, width = levels.shape
    found = np.empty((height - 2) * (width - 2) + 1, dtype=np.int32)
    count = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            found[count] = y << 16 | x
            count += wanted[rings[y, x]]
    places = np.zeros(257, dtype=np.int64)
    for pixel in found[:count]:
        level = levels[pixel >> 16, pixel & 0xFFFF]
        if lowest <= level <= highest:
            places[256 - level] += 1
    places = np.cumsum(places)
    order = np.empty(places[256], dtype=np.int32)
    for pixel in found[:count]:
        level = levels[pixel >> 16, pixel & 0xFFFF]
        if lowest <= level <= highest:
            order[places[255 - level]] = pixel
            places[255 - level] += 1
    return order
