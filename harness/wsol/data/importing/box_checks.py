"""Checking boxes of a source against their images."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wsol.data.importing.entry import Edges

Size = tuple[int, int]
"""Width and height of an image, in pixels."""


def edges_problem(edges: Sequence[float], size: Size, overhang: float) -> str:
    """Check a box.

    Args:
        edges: x0, y0, x1, y1, positions of the edges in pixels; any numbers.
        size: Width and height of the image.
        overhang: Pixels by which the box may reach outside the image.

    Returns:
        What is wrong, as the end of a sentence; an empty string for a box that :func:`clip_edges` can be applied to.

    Example:
        >>> edges_problem((0, 0, 12, 5), (10, 10), 1)
        'reaches 2 pixels outside the image of 10 x 10 pixels'
    """
    if not all(map(math.isfinite, edges)):
        return "has an edge that is no finite number"
    x0, y0, x1, y1 = edges
    if x1 < x0 or y1 < y0:
        hint = "; are its last two numbers width and height?" if x1 > 0 and y1 > 0 else ""
        return f"ends before it starts{hint}"
    if x1 == x0 or y1 == y0:
        return "has no area"
    width, height = size
    outside = max(-x0, -y0, x1 - width, y1 - height)
    if outside > overhang + 1e-6:
        return f"reaches {outside:.4g} pixels outside the image of {width} x {height} pixels"
    if min(x1, width) <= max(x0, 0) or min(y1, height) <= max(y0, 0):
        return f"has no part inside the image of {width} x {height} pixels"
    return ""


def clip_edges(edges: Edges, size: Size) -> Edges:
    """The part of a box inside its image; the box itself if all of it is."""
    x0, y0, x1, y1 = edges
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(size[0])), min(y1, float(size[1]))


def size_problem(stated: Size, actual: Size, orientation: int) -> str:
    """Compare the size that annotations state with the image's own.

    Args:
        stated: Width and height that the annotations state.
        actual: Width and height of the stored image.
        orientation: The image's EXIF orientation, 1 to 8.

    Returns:
        What is wrong, as the end of a sentence; an empty string for equal sizes.
    """
    if stated == actual:
        return ""
    text = f"is annotated with {stated[0]} x {stated[1]} pixels, its file has {actual[0]} x {actual[1]}"
    if stated == actual[::-1] and orientation >= 5:
        return f"{text}: it was annotated as its EXIF orientation {orientation} shows it, boxes are of the turned image"
    if stated == actual[::-1]:
        return f"{text}: width and height are exchanged, or the file was turned after it was annotated"
    wider, higher = stated[0] / actual[0], stated[1] / actual[1]
    if abs(wider - 1) > 0.02 and abs(wider - higher) < 0.02 * wider:
        return f"{text}: it was resized after it was annotated"
    return text
