"""Lines of a YOLO label file: the number of a class, then a box or a polygon in shares of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LARGE = 2.0
"""Shares above this are rather pixels."""


@dataclass(frozen=True)
class YoloLine:
    """A line.

    Attributes:
        index: Number of the class, from 0.
        box: Shares cx, cy, w, h; or the middle and size of the polygon.
        polygon: Shares x0, y0, x1, y1, …; empty for a box.
    """

    index: int
    box: tuple[float, float, float, float]
    polygon: tuple[float, ...] = ()


def read_line(line: str, keypoints: int = 0) -> YoloLine | str:
    """Read a line.

    Args:
        line: ``class cx cy w h``, or ``class x0 y0 x1 y1 x2 y2 …`` with three or more points.
        keypoints: Numbers of key points that follow a box; with 0, more numbers are a polygon.

    Returns:
        The line; for a wrong one what is wrong, as a sentence without its subject.
    """
    fields = line.split()
    values = [_number(field) for field in fields]
    if any(value is None for value in values):
        return f"'{line.strip():.60}' should be numbers with spaces between them"
    index, *rest = [value for value in values if value is not None]
    if not index.is_integer() or index < 0:
        return f"class {fields[0]:.20} should be a whole number from 0"
    if keypoints and len(rest) == 4 + keypoints:
        rest = rest[:4]
    if len(rest) == 5:
        return "has six numbers; is the last one the confidence of a prediction? A label has five"
    if len(rest) != 4 and (len(rest) < 6 or len(rest) % 2):
        return f"has {len(fields)} numbers; a box has 5, a polygon the class and 3 or more pairs"
    if max(map(abs, rest)) > LARGE:
        return f"has the number {max(rest, key=abs):g}; boxes are shares of the image from 0 to 1, are these pixels?"
    if len(rest) == 4:
        return YoloLine(int(index), (rest[0], rest[1], rest[2], rest[3]))
    return YoloLine(int(index), _enclosing(rest), tuple(rest))


def _enclosing(polygon: Sequence[float]) -> tuple[float, float, float, float]:
    """Middle and size of the box around a polygon."""
    xs, ys = polygon[0::2], polygon[1::2]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)


def _number(field: str) -> float | None:
    try:
        value = float(field)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
