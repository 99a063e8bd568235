"""Raw maps that locate nothing, and maps of unusual shape that do; every reader of maps is tested with them."""

from __future__ import annotations

import numpy as np

from wsol.arrays import FloatArray


def maps_without_place(side: int) -> dict[str, tuple[FloatArray, str]]:
    """Name → (raw map, its problem) in a frame of ``side`` pixels."""
    nan, infinite, large = np.zeros((7, 7)), np.zeros((7, 7)), np.zeros((10 * side, 10 * side))
    nan[3, 3], infinite[3, 3] = np.nan, np.inf
    large[0, 0] = 1  # cubic interpolation to a tenth of the size reads no pixel so near to the corner
    return {
        "constant, with rounding noise once resized": (np.full((7, 7), 0.1), "constant"),
        "constant once reduced": (large, "constant"),
        "nan": (nan, "nan"),
        "infinite": (infinite, "infinite"),
        "one pixel": (np.ones((1, 1)), "constant"),
    }


WITHOUT_PLACE = list(maps_without_place(1))


def bar() -> FloatArray:
    """float64 [4, 10], not square: the right half of the two middle rows is bright."""
    found = np.zeros((4, 10))
    found[1:3, 5:] = 1
    return found
