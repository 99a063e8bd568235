"""Annotations in a CSV file: several boxes an image, in whole pixels. The first line states the unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import wsol


def read_boxes(
    path: Path, names: Sequence[str], sizes: wsol.IntArray, last: int, report: wsol.Report
) -> list[wsol.IntArray]:
    """Read the boxes of every image.

    Args:
        path: A box file in pixels; see :func:`wsol.read_box_rows`.
        names: The images, as paths below the split's folder.
        sizes: Widths and heights in pixels, int64 [N, 2]; 0 where unknown.
        last: What to subtract from x1 and y1: 1 if the file states the first pixel after the box.
        report: Receives everything that is wrong, with file and line; such lines are left out.

    Returns:
        For each image int64 [G, 4], (x0, y0, x1, y1) in pixels, the last column and row included.
    """
    rows = {name: row for row, name in enumerate(names)}
    boxes: list[list[list[int]]] = [[] for _ in names]
    seen = [False] * len(names)
    try:
        for line, image_id, box, problem in wsol.read_box_rows(path, "pixels", several=True)[1]:
            row = rows.get(image_id)
            if row is not None:
                seen[row] = True
            elif image_id:
                report("unknown id", str(wsol.DataError.at(path, line, f"there is no image '{image_id}'")))
                continue
            if box is None or row is None:
                report("bad line", str(wsol.DataError.at(path, line, wsol.counted(1, problem))))
                continue
            pixels, problem = _box(box, sizes[row].tolist(), last)
            if problem:
                given = ",".join(f"{value:g}" for value in box)
                report("bad box", str(wsol.DataError.at(path, line, f"box {given} of '{image_id}' {problem}")))
            else:
                boxes[row].append(pixels)
    except wsol.DataError as error:
        report("unreadable boxes", str(error))
        return [np.array(found, dtype=np.int64).reshape(-1, 4) for found in boxes]
    for name, found in zip(names, seen, strict=True):
        if not found:
            report("missing line", f"{path}: no line for '{name}'")
    return [np.array(found, dtype=np.int64).reshape(-1, 4) for found in boxes]


def _box(numbers: Sequence[float], size: Sequence[int], last: int) -> tuple[list[int], str]:
    """The box, and what is wrong with it (an empty string for a valid one)."""
    if not all(number.is_integer() for number in numbers):
        return [], "should be whole numbers: pixels of the stored image"
    x0, y0, x1, y1 = (int(number) for number in numbers)
    box = [x0, y0, x1 - last, y1 - last]
    return box, wsol.box_problem(box, size)
