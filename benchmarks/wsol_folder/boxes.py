"""Boxes in a CSV file: image, x0, y0, x1, y1."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

import wsol

Boxes = npt.NDArray[np.int64]
HEADER = ("image", "x0", "y0", "x1", "y1")


def read_boxes(path: Path, names: Sequence[str], sizes: Boxes, last: int, report: wsol.Report) -> list[Boxes]:
    """Boxes of every image, int64 [G, 4]: x0, y0, x1, y1 in pixels, the last column and row included.

    ``names``: images as paths below the split's folder. ``sizes``, int64 [N, 2]: widths and heights, 0 where unknown.
    ``last``: what to subtract from x1 and y1, 1 where the file writes the first pixel behind the box. What is wrong
    goes to ``report`` with file and line; the line is then left out.
    """
    rows = {name: row for row, name in enumerate(names)}
    boxes: list[list[list[int]]] = [[] for _ in names]
    seen = [False] * len(names)
    for line, fields in _lines(path, report):
        row = rows.get(fields[0].strip())
        if row is None:
            report("unknown id", f"{path}:{line}: there is no image '{fields[0].strip()}'")
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


def _lines(path: Path, report: wsol.Report) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields, without the header and empty lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for fields in reader:
                header = reader.line_num == 1 and [field.strip().lower() for field in fields] == list(HEADER)
                if not fields or header:
                    continue
                if len(fields) != len(HEADER):
                    report("bad line", f"{path}:{reader.line_num}: needs {', '.join(HEADER)}, not '{','.join(fields)}'")
                else:
                    yield reader.line_num, fields
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        report("missing file", f"{path}: cannot be read: {error}")


def _box(texts: Sequence[str], size: Sequence[int], last: int) -> tuple[list[int], str]:
    """The box, and what is wrong with it ("" for nothing)."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return [], "should be whole numbers"
    if not all(number.is_integer() for number in numbers):
        return [], "should be whole numbers: pixels of the stored image"
    x0, y0, x1, y1 = (int(number) for number in numbers)
    x1, y1 = x1 - last, y1 - last
    width, height = size
    if x1 < x0 or y1 < y0:
        return [], "ends before it starts"
    if min(x0, y0) < 0 or (width and x1 > width) or (height and y1 > height):
        return [], f"is not inside the image of {width} x {height} pixels"
    return [x0, y0, x1, y1], ""
