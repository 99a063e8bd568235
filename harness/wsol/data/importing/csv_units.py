"""Whether the numbers of boxes are pixels or shares of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

BoxUnit = Literal["pixels", "shares"]


def box_unit(boxes: Sequence[Sequence[float]]) -> tuple[BoxUnit | None, str]:
    """Find out the unit of boxes.

    The rule: shares, if no number is above 1.01 (rounding) and one has a fraction; pixels, if fewer than one box in ten
    has only numbers up to 1.01. Everything else is ambiguous.

    Args:
        boxes: The numbers of each box.

    Returns:
        The unit; None where it is ambiguous, with the reason.

    Example:
        >>> box_unit([(0.1, 0.2, 0.5, 1.0)])[0], box_unit([(0, 0, 20, 31.5)])[0]
        ('shares', 'pixels')
    """
    small = sum(max(map(abs, box)) <= 1.01 for box in boxes)
    if small == len(boxes):
        if any(value != int(value) for box in boxes for value in box):
            return "shares", ""
        return None, "all numbers of boxes are 0 or 1"
    if 10 * small < len(boxes):
        return "pixels", ""
    return None, f"{small} of {len(boxes)} boxes have only numbers up to 1, the others larger ones"
