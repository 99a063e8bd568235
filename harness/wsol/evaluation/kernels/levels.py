"""A score map as 8-bit levels, and its pixels in the order in which a falling threshold meets them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wsol.evaluation.kernels.compile import kernel

Levels = npt.NDArray[np.int16]
Rings = npt.NDArray[np.uint8]
Order = npt.NDArray[np.int32]


@kernel
def quantise(score_map: npt.NDArray[np.float64]) -> Levels:
    """float64 [H, W] in [0, 1] → int16 [H + 2, W + 2]: trunc(255 * score), framed by -1."""
    height, width = score_map.shape
    levels = np.full((height + 2, width + 2), -1, dtype=np.int16)
    for y in range(height):
        for x in range(width):
            levels[y + 1, x + 1] = np.int16(score_map[y, x] * 255.0)
    return levels


@kernel
def fill_holes(levels: Levels) -> Levels:
    """Raise each pixel to the level from which on the outside floods it, flowing over edges: no level has holes then.

    A priority flood with one stack a level: ``heads`` are the tops, ``below`` what lies under each pixel.
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
    """uint8 [H + 2, W + 2]: which neighbours of a pixel are brighter, or as bright and earlier in reading order.

    When pixels are visited from the brightest to the darkest, those are foreground already. When they are visited the
    other way round, all others, and the frame with them, are background already.
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
    """The pixels with lowest <= level <= highest whose ring is wanted, brightest first, equal ones in reading order.

    ``wanted``: int8 [256], 0 or 1. Returns int32 [P], each pixel as ``y << 16 | x`` in ``levels``.
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
