"""Annotations in a CSV file: several boxes an image, in whole pixels. The first line states the unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import wsol

HEADER = ("image", "x0", "y0", "x1", "y1")


def read_boxes(
    path: Path, names: Sequence[str], sizes: wsol.IntArray, last: int, report: wsol.Report
) -> list[wsol.IntArray]:
    """Read the boxes of every image.

    Args:
        path: The file: a line ``# wsol boxes: unit=pixels``, the header ``image,x0,y0,x1,y1`` (may be left out), then
            one line a box.
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
    for line, fields in _lines(path, report):
        row = rows.get(fields[0])
        if row is None:
            report("unknown id", f"{path}:{line}: there is no image '{fields[0]}'")
            continue
        seen[row] = True
        box, problem = _box(fields[1:], sizes[row].tolist(), last)
        if problem:
            report("bad box", f"{path}:{line}: box {','.join(fields[1:])} of '{names[row]}' {problem}")
        else:
            boxes[row].append(box)
    for name, found in zip(names, seen, strict=True):
        if not found:
            report("missing line", f"{path}: no line for '{name}'")
    return [np.array(found, dtype=np.int64).reshape(-1, 4) for found in boxes]


def _lines(path: Path, report: wsol.Report) -> Iterator[wsol.BoxRow]:
    """The lines of the file with a box, without the unit line, the header and blank lines."""
    try:
        unit, rows = wsol.read_box_rows(path)
        if unit != "pixels":
            report("bad unit", f"{path}:1: boxes of this benchmark are in pixels, not in {unit}; convert them")
            return
        for number, row in enumerate(rows):
            if number == 0 and [cell.lower() for cell in row.cells] == list(HEADER):
                continue
            if len(row.cells) != len(HEADER):
                report("bad line", f"{path}:{row.line}: needs {', '.join(HEADER)}, not '{','.join(row.cells)}'")
            else:
                yield row
    except wsol.DataError as error:
        report("missing file", str(error))


def _box(texts: Sequence[str], size: Sequence[int], last: int) -> tuple[list[int], str]:
    """The box, and what is wrong with it (an empty string for a valid one)."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return [], "should be whole numbers"
    if not all(number.is_integer() for number in numbers):
        return [], "should be whole numbers: pixels of the stored image"
    x0, y0, x1, y1 = (int(number) for number in numbers)
    box = [x0, y0, x1 - last, y1 - last]
    return box, wsol.box_problem(box, size)
