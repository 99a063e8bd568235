"""Rounding boxes to whole pixels."""

from __future__ import annotations

import math
from typing import Literal

from wsol.data.importing.entry import Edges

RoundingRule = Literal["outwards", "inwards"]
"""``outwards``: every pixel that the box meets. ``inwards``: the pixels that are wholly in the box."""
PixelBox = tuple[int, int, int, int]
"""x0, y0, x1, y1: first and last column and row, both part of the box."""
TOLERANCE = 0.01
"""Pixels by which an edge may differ from a whole number and still count as one: shares that are written with six
digits, as YOLO's are, miss it by up to 0.0075 of 10,000 pixels."""


def whole_pixels(edges: Edges, size: tuple[int, int], rule: RoundingRule = "outwards") -> PixelBox:
    """Round a box to whole pixels. It keeps at least one pixel and stays inside its image.

    Args:
        edges: Positions of the box's edges in pixels, inside the image.
        size: Width and height of the image.
        rule: Outwards: floor of x0, y0 and ceiling of x1, y1; inwards: the reverse. Where no whole pixel is in the
            box inwards, it is the pixel that contains its centre.

    Example:
        >>> whole_pixels((0.5, 2, 3.5, 4), (10, 10)), whole_pixels((0.5, 2, 3.5, 4), (10, 10), "inwards")
        ((0, 2, 3, 3), (1, 2, 2, 3))
    """
    x0, x1 = _span(edges[0], edges[2], size[0], rule)
    y0, y1 = _span(edges[1], edges[3], size[1], rule)
    return x0, y0, x1, y1


def _span(start: float, end: float, side: int, rule: RoundingRule) -> tuple[int, int]:
    """First and last pixel of a span."""
    if rule == "outwards":
        first, last = math.floor(start + TOLERANCE), math.ceil(end - TOLERANCE) - 1
    else:
        first, last = math.ceil(start - TOLERANCE), math.floor(end + TOLERANCE) - 1
    if last < first:
        first = last = math.floor((start + end) / 2)
    return min(max(first, 0), side - 1), min(max(last, 0), side - 1)
