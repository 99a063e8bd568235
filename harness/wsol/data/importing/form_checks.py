"""Whether the four numbers of boxes are rather in another form than the format prescribes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wsol.arrays import BoolArray, FloatArray, IntArray
from wsol.data.readers.box_formats import other_format

BoxForm = Literal["corners", "size", "centre"]
"""``corners``: x0, y0, x1, y1. ``size``: x0, y0, width, height. ``centre``: middle, width, height."""
_NAMES: dict[BoxForm, str] = {
    "corners": "corners (x0, y0, x1, y1)",
    "size": "(x, y, width, height)",
    "centre": "(x centre, y centre, width, height)",
}
MIN_WRONG = 2
"""Boxes that must be outside their images before another form is suspected."""
TOLERANCE = 0.01
"""Share of the image's side by which a box may reach outside, because of rounding."""


@dataclass(frozen=True)
class GivenBox:
    """A box as a file states it.

    Attributes:
        numbers: The four numbers.
        form: What they should be.
        shares: Whether they are shares of the image, not pixels.
    """

    numbers: tuple[float, float, float, float]
    form: BoxForm
    shares: bool = False

    def __str__(self) -> str:
        return ",".join(f"{number:g}" for number in self.numbers)


def suspected_form(boxes: Sequence[tuple[GivenBox, Sequence[int]]]) -> str:
    """Say which other form the boxes of a source seem to have.

    Corners in pixels are compared by :func:`wsol.data.readers.box_formats.other_format`. Of others, at least two must
    reach outside their images by more than 1 % of a side, while all are inside in another form.

    Args:
        boxes: All boxes that should have one form, with width and height of their images.

    Returns:
        What they look like, as the end of a sentence; an empty string where nothing is suspected.
    """
    if not boxes:
        return ""
    first = boxes[0][0]
    numbers = np.array([box.numbers for box, _ in boxes], dtype=np.float64)
    sizes: IntArray = np.array([size for _, size in boxes], dtype=np.int64)
    if first.form == "corners" and not first.shares:
        return other_format(numbers, sizes)
    sides = np.ones((len(boxes), 2)) if first.shares else sizes.astype(np.float64)
    if np.count_nonzero(~_inside(_corners(numbers, first.form), sides)) < MIN_WRONG:
        return ""
    for form, name in _NAMES.items():
        if form != first.form and _inside(_corners(numbers, form), sides).all():
            return f"look like {name}, not {_NAMES[first.form]}"
    return ""


def _corners(numbers: FloatArray, form: BoxForm) -> FloatArray:
    starts, others = numbers[:, :2], numbers[:, 2:]
    if form == "centre":
        return np.concatenate([starts - others / 2, starts + others / 2], axis=1)
    return np.concatenate([starts, starts + others], axis=1) if form == "size" else numbers


def _inside(corners: FloatArray, sides: FloatArray) -> BoolArray:
    starts, ends, room = corners[:, :2], corners[:, 2:], TOLERANCE * sides
    return np.asarray(((starts >= -room) & (starts < ends) & (ends <= sides + room)).all(axis=1), dtype=np.bool_)
