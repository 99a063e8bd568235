"""What the boxes of a file look like as a whole: whether they are in another format than their reader expects.

A hint is given by a rule that right data do not fulfil, see :func:`other_format` and :func:`edge_hint`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wsol.arrays import Array, BoolArray, FloatArray, IntArray

MIN_WRONG = 2
"""Boxes that must be wrong as corners before another format is suspected because of them."""
FEW, MANY = 8, 12
"""Boxes that must indicate (x, y, width, height) on each axis, with one wrong box, and without any."""
CLEAR = 0.95
"""A box indicates (x, y, width, height) where start + end is below this share of the image's side."""
AT_EDGE = 3
"""Boxes that must begin or end at the edge of their image before an edge convention is suspected."""

_LAYOUTS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "(x, y, width, height)": lambda b: np.stack([b[:, 0], b[:, 1], b[:, 0] + b[:, 2], b[:, 1] + b[:, 3]], axis=1),
    "(x centre, y centre, width, height)": lambda b: np.concatenate(
        [b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2], 1
    ),
    "(y0, x0, y1, x1)": lambda b: b[:, [1, 0, 3, 2]],
    "(x0, x1, y0, y1)": lambda b: b[:, [0, 2, 1, 3]],
}
"""Formats of four numbers, and how each is converted to corners."""


def other_format(boxes: FloatArray, sizes: IntArray) -> str:
    """Say which other format the boxes of a file seem to have.

    * Shares of the image: every value is in [0, 1], and one is above 0.
    * (x, y, width, height), (x centre, y centre, width, height), (y0, x0, y1, x1) or (x0, x1, y0, y1): read in this
      format, every box is inside its image; as corners, at least two are not (they end before they start, or outside).
    * (x, y, width, height) also if at most one box is wrong as corners, but all have their centre in the upper left
      quarter of their image: read as corners, start + end is below 95 % of the side for at least 12 boxes (8 if
      one box is wrong) on each axis. Boxes that begin at 0 are the same in both formats and do not count.

    With objects that are left of the middle as often as right of it, the last rule is wrong once in 2^12 data sets; if
    they are as often above the middle as below it, once in 2^24.

    Args:
        boxes: The four numbers of every box as they are in the file, float64 [N, 4].
        sizes: Widths and heights of their images in pixels, int64 [N, 2].

    Returns:
        What the boxes look like and what to do, as the end of a sentence; an empty string where nothing is suspected.

    Example:
        >>> import numpy as np
        >>> from wsol.data.readers.box_formats import other_format
        >>> other_format(np.array([[60.0, 10, 20, 30], [50, 40, 30, 10]]), np.array([[100, 80], [100, 80]]))
        'look like (x, y, width, height), not corners (x0, y0, x1, y1); convert them'
    """
    if not len(boxes):
        return ""
    if boxes.min() >= 0 and 0 < boxes.max() <= 1 and sizes.min() > 2:
        centres = " (centre, width and height, as in YOLO files)" if (boxes[:, 2:] < boxes[:, :2]).any() else ""
        return f"look like shares of the width and height{centres}, not pixels; multiply them by the sizes"
    wrong = int(np.count_nonzero(~_inside(boxes, sizes)))
    for name, corners in _LAYOUTS.items():
        enough = wrong >= MIN_WRONG or (name == "(x, y, width, height)" and _upper_left(boxes, sizes, wrong))
        if enough and _inside(corners(boxes), sizes).all():
            return f"look like {name}, not corners (x0, y0, x1, y1); convert them"
    return ""


def edge_hint(boxes: FloatArray, sizes: IntArray) -> str:
    """Say whether boxes that should include their last column and row seem to count pixels in another way.

    * From 1: at least three values of x0 or y0 are 1 and none is 0, and at least three of x1 or y1 are the width or
      the height.
    * To the first pixel after the box: at least three of x1 or y1 are the width or the height.

    Args:
        boxes: Corners of every box as they are in the file, float64 [N, 4].
        sizes: Widths and heights of their images in pixels, int64 [N, 2].

    Returns:
        What the boxes look like, as the end of a sentence; an empty string where nothing is suspected.
    """
    ends = int(np.count_nonzero(boxes[:, 2:] == sizes))
    if ends < AT_EDGE:
        return ""
    starts = boxes[:, :2]
    if starts.min() >= 1 and np.count_nonzero(starts == 1) >= AT_EDGE:
        return "seem to count pixels from 1 (none begins at 0, and some end at the width or height); subtract 1"
    return f"seem to end after their last pixel: {ends} values of x1 or y1 are the width or height"


def _upper_left(boxes: FloatArray, sizes: IntArray, wrong: int) -> bool:
    starts, ends = boxes[:, :2], boxes[:, 2:]
    clear: BoolArray = (starts > 0) & (starts + ends < CLEAR * sizes)
    return bool(clear.sum(axis=0).min() >= (FEW if wrong else MANY))


def _inside(corners: FloatArray, sizes: IntArray) -> Array:
    """Whether boxes are in order and inside their image, bool [N]; ends may be the width and height."""
    starts, ends = corners[:, :2], corners[:, 2:]
    return np.asarray(((starts >= 0) & (starts <= ends) & (ends <= sizes)).all(axis=1))
