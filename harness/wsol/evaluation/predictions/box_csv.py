"""The CSV format of boxes: its only reader and its only writer.

::

    # wsol boxes: unit=pixels
    image_id,x0,y0,x1,y1
    class/1.jpg,60,27,385,331

The first line states the unit: ``pixels`` of the original image, or ``shares`` of its width and height, in [0, 1].
The second line is the header; each further line is the box of one image.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from wsol.arrays import FloatArray
from wsol.errors import DataError
from wsol.evaluation.predictions.problems import Problems
from wsol.files import write_atomic

BoxUnit = Literal["pixels", "shares"]
Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1)."""

UNITS: dict[BoxUnit, str] = {
    "pixels": "pixels of the original images",
    "shares": "shares of the image's width and height, in [0, 1]",
}
COLUMNS = ("image_id", "x0", "y0", "x1", "y1")
_UNIT_LINE = re.compile(r"#\s*wsol boxes:\s*unit=(pixels|shares)[\s,]*")
_WRONG = f"lines are not {','.join(COLUMNS)} with x0 <= x1 and y0 <= y1"


class BoxRow(NamedTuple):
    """One line of a box file: its number, from 1, and its cells without surrounding spaces."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class BoxFile:
    """The unit of a box file, and the box of each image by its id."""

    unit: BoxUnit
    boxes: dict[str, Box]


def unit_line(unit: BoxUnit) -> str:
    """The first line of a box file."""
    return f"# wsol boxes: unit={unit}"


def read_box_csv(path: Path, ids: Sequence[str], unit: BoxUnit, *, positive_area: bool = False) -> FloatArray:
    """Read the boxes of some images from a box file.

    Args:
        path: The file.
        ids: The images, in the order of the result. Boxes of other images are ignored.
        unit: The unit that the file must state.
        positive_area: Refuse boxes without width or height.

    Returns:
        float64 [N, 4], (x0, y0, x1, y1) in ``unit``.

    Raises:
        DataError: The file cannot be read, does not state the unit, or has another one; or it has wrong lines or lacks
            images, which are all named.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "boxes.csv"
        >>> write_box_csv(path, [("a.jpg", (0, 0.25, 0.5, 1)), ("b.jpg", (0.5, 0.5, 1, 1))], "shares")
        >>> print(path.read_text().splitlines()[0])
        # wsol boxes: unit=shares
        >>> read_box_csv(path, ["b.jpg", "a.jpg"], "shares")
        array([[0.5 , 0.5 , 1.  , 1.  ],
               [0.  , 0.25, 0.5 , 1.  ]])
    """
    problems = Problems()
    file = parse_box_csv(path, problems, unit=unit, positive_area=positive_area)
    problems.compare(file.boxes, ids)
    problems.check(path)
    return np.array([file.boxes[image_id] for image_id in ids], dtype=np.float64).reshape(-1, 4)


def write_box_csv(path: Path, boxes: Iterable[tuple[str, Sequence[float]]], unit: BoxUnit) -> None:
    """Write a box file, atomically; coordinates get six decimals.

    Args:
        path: The file; it is replaced if it exists.
        boxes: Image ids with (x0, y0, x1, y1) in ``unit``.
        unit: The unit of the boxes.

    Raises:
        DataError: The file cannot be written, or a box does not fit the unit.
    """
    text = io.StringIO()
    text.write(unit_line(unit) + "\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for image_id, box in boxes:
        cells = [f"{value:.6f}" for value in box]
        parsed = _parse(cells)
        if parsed is None or not _fits(parsed, unit):
            raise DataError(
                f"{path}: not written: the box {', '.join(cells)} of image '{image_id}' is not x0, y0, x1, y1 with "
                f"x0 <= x1 and y0 <= y1 in {UNITS[unit]}"
            )
        writer.writerow([image_id, *cells])
    write_atomic(path, text.getvalue())


def parse_box_csv(
    path: Path, problems: Problems, *, unit: BoxUnit | None = None, positive_area: bool = False
) -> BoxFile:
    """Read a box file of any images.

    Args:
        path: The file.
        problems: Receives everything that is wrong with single lines.
        unit: The unit that the file must state; None: any.
        positive_area: Refuse boxes without width or height.

    Raises:
        DataError: The file cannot be read, its first line does not state the unit, or the header is another one.
    """
    stated, rows = read_box_rows(path)
    if unit not in (None, stated):
        raise DataError(f"{path}:1: boxes in {UNITS[stated]} are not supported here; convert them to {UNITS[unit]}")
    header = next(rows, BoxRow(2, []))
    if header.cells != list(COLUMNS):
        raise DataError(
            f"{path}:{header.line}: the line after the unit must be the header '{','.join(COLUMNS)}', "
            f"not '{','.join(header.cells)}'"
        )
    boxes: dict[str, Box] = {}
    for line, cells in rows:
        box = _parse(cells[1:])
        if box is None:
            problems.error(_WRONG, f"line {line}")
        elif cells[0] in boxes:
            problems.error("images come twice", f"{cells[0]} (line {line})")
        elif not _fits(box, stated):
            problems.error("boxes are not inside [0, 1], although line 1 states unit=shares", f"line {line}")
        elif positive_area and not (box[0] < box[2] and box[1] < box[3]):
            problems.error("boxes have no area (x0 < x1 and y0 < y1 are required)", f"line {line}")
        else:
            boxes[cells[0]] = box
    if stated == "pixels" and boxes and all(_fits(box, "shares") for box in boxes.values()):
        problems.error(f"unit lines seem wrong, no value is above 1; write '{unit_line('shares')}' instead", "line 1")
    return BoxFile(stated, boxes)


def read_box_rows(path: Path) -> tuple[BoxUnit, Iterator[BoxRow]]:
    """The unit that a box file states, and its further lines without blank ones, the header among them.

    Raises:
        DataError: The file cannot be read as text, or its first line does not state the unit; while iterating, a line
            is not CSV. The message names file and line.
    """
    try:
        text = io.StringIO(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    stated = _UNIT_LINE.fullmatch(text.readline())
    if stated is None:
        choices = " or ".join(f"'{unit_line(unit)}' ({meaning})" for unit, meaning in UNITS.items())
        raise DataError.at(path, 1, f"the unit of the boxes is not stated; add as first line {choices}")
    unit: BoxUnit = "pixels" if stated[1] == "pixels" else "shares"
    return unit, _rows(path, text)


def _rows(path: Path, text: io.StringIO) -> Iterator[BoxRow]:
    reader = csv.reader(text, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield BoxRow(reader.line_num + 1, cells)
    except csv.Error as error:
        raise DataError.at(path, reader.line_num + 1, f"cannot be read as CSV: {error}") from None


def _parse(cells: Sequence[str]) -> Box | None:
    """Four finite numbers in order; None for anything else."""
    try:
        x0, y0, x1, y1 = (float(cell) for cell in cells)
    except ValueError:
        return None
    return (x0, y0, x1, y1) if all(map(math.isfinite, (x0, y0, x1, y1))) and x0 <= x1 and y0 <= y1 else None


def _fits(box: Box, unit: BoxUnit) -> bool:
    return unit == "pixels" or all(0 <= value <= 1 for value in box)
