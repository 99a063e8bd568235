"""What readers of annotation files check, and how they report what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from wsol.arrays import IntArray
from wsol.data.benchmark import Report
from wsol.errors import DataError


def raise_data_error(kind: str, message: str, *, note: bool = False) -> None:
    """A :class:`wsol.Report` that stops at the first problem.

    Args:
        kind: Kind of the problem; not used.
        message: What is wrong, where, and what to do.
        note: Whether this is a note, which is ignored here.

    Raises:
        DataError: With ``message``, unless it is a note.
    """
    if not note:
        raise DataError(message)


def ignore_problem(kind: str, message: str, *, note: bool = False) -> None:
    """A :class:`wsol.Report` for what is reported elsewhere.

    Args:
        kind: Kind of the problem; not used.
        message: What is wrong; not used.
        note: Whether this is a note; not used.
    """


def without_kind(report: Report, unwanted: str) -> Report:
    """A report that leaves out one kind of problem, which is reported elsewhere.

    Args:
        report: Receives everything else.
        unwanted: The kind to leave out.
    """

    def filtered(kind: str, message: str, *, note: bool = False) -> None:
        if kind != unwanted:
            report(kind, message, note=note)

    return filtered


def box_problem(box: Sequence[int], size: Sequence[int] | IntArray) -> str:
    """Check a box against its image.

    Args:
        box: x0, y0, x1, y1 in pixels; x1 and y1 may be the width and the height.
        size: Width and height of the image; 0 where unknown.

    Returns:
        What is wrong with the box, as the end of a sentence; an empty string for a valid box.

    Example:
        >>> from wsol.data.readers.problems import box_problem
        >>> box_problem((0, 0, 9, 9), (10, 10))
        ''
        >>> box_problem((0, 5, 9, 4), (10, 10))
        'ends before it starts'
        >>> box_problem((10, 0, 10, 9), (10, 10))
        'has no pixel inside the image of 10 x 10 pixels'
    """
    x0, y0, x1, y1 = box
    width, height = (int(side) for side in size)
    if x1 < x0 or y1 < y0:
        return "ends before it starts"
    image = f"the image of {width} x {height} pixels" if width and height else "the image"
    if x1 < 0 or y1 < 0 or (width and x0 >= width) or (height and y0 >= height):
        return f"has no pixel inside {image}"
    if min(x0, y0) < 0 or (width and x1 > width) or (height and y1 > height):
        return f"is not inside {image}"
    return ""
