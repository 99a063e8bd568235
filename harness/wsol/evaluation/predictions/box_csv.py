"""The CSV format of boxes: its only reader and its only writer.

::

    # wsol boxes: unit=pixels
    image_id,x0,y0,x1,y1
    class/1.jpg,60,27,385,331

The first line states the unit: ``pixels`` of the original image, or ``shares`` of its width and height, in [0, 1].
The second line is the header; each further line is a box of one image. Predictions have one box an image;
annotations may have several.
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
from wsol.evaluation.predictions.problems import Problems, counted
from wsol.files import read_text, write_atomic

BoxUnit = Literal["pixels", "shares"]
Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1)."""

UNITS: dict[BoxUnit, str] = {
    "pixels": "pixels of the original images",
    "shares": "shares of the image's width and height, in [0, 1]",
}
COLUMNS = ("image_id", "x0", "y0", "x1", "y1")
_UNIT_LINE = re.compile(r"#\s*wsol\s+boxes\s*:\s*unit\s*=\s*(.+?)", re.IGNORECASE)
_TWICE = "image{s} {come} twice"


class BoxRow(NamedTuple):
    """One line of a box file.

    Attributes:
        line: Its number, from 1.
        image_id: The image, without surrounding spaces.
        box: (x0, y0, x1, y1); None where there is a problem.
        problem: What is wrong with the line, ``""`` when nothing is; a kind of :class:`Problems`.
        numbers: Its numbers as they are written, also of a wrong box; empty if a cell is no number.
    """

    line: int
    image_id: str
    box: Box | None
    problem: str = ""
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class BoxFile:
    """The unit of a box file, the box of each image by its id, and the images that any line names, also a wrong one."""

    unit: BoxUnit
    boxes: dict[str, Box]
    named: tuple[str, ...]


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
    problems.compare(file.named, ids)
    problems.check(path)
    return np.array([file.boxes[image_id] for image_id in ids], dtype=np.float64).reshape(-1, 4)


def write_box_csv(path: Path, boxes: Iterable[tuple[str, Sequence[float]]], unit: BoxUnit) -> None:
    """Write a box file, atomically; coordinates get six decimals.

    Args:
        path: The file; it is replaced if it exists.
        boxes: Image ids with (x0, y0, x1, y1) in ``unit``.
        unit: The unit of the boxes.

    Raises:
        DataError: The file cannot be written, or :func:`read_box_csv` would refuse it: a box does not fit the unit, an
            image comes twice, or its id is empty or has spaces around it.
    """
    _check_unit(unit)
    text = io.StringIO()
    text.write(unit_line(unit) + "\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    check = _RowCheck(unit)
    for image_id, values in boxes:
        box = _parse(values)
        rounded = box and _parse([round(value, 6) + 0.0 for value in box])  # + 0.0: no negative zero
        problem = check.problem(image_id, rounded)
        if problem or rounded is None:
            raise DataError(f"{path}: not written: {counted(1, problem)}: image '{image_id}', box {list(values)}")
        writer.writerow([image_id, *(f"{value:.6f}" for value in rounded)])
    if check.unit_seems_wrong:
        raise DataError(f"{path}: not written: no value is above 1, although the unit is pixels; give 'shares' instead")
    write_atomic(path, text.getvalue())


def parse_box_csv(
    path: Path, problems: Problems, *, unit: BoxUnit | None = None, positive_area: bool = False
) -> BoxFile:
    """Read a box file of any images, with one box an image.

    Args:
        path: The file.
        problems: Receives everything that is wrong with single lines.
        unit: The unit that the file must state; None: any.
        positive_area: Refuse boxes without width or height.

    Raises:
        DataError: As :func:`read_box_rows`.
    """
    stated, rows = read_box_rows(path, unit, positive_area=positive_area)
    boxes: dict[str, Box] = {}
    named: dict[str, None] = {}
    for row in rows:
        if row.image_id:
            named[row.image_id] = None
        if row.box is None:
            problems.error(
                row.problem, f"{row.image_id} (line {row.line})" if row.problem == _TWICE else f"line {row.line}"
            )
        else:
            boxes[row.image_id] = row.box
    return BoxFile(stated, boxes, tuple(named))


def read_box_rows(
    path: Path, unit: BoxUnit | None = None, *, several: bool = False, positive_area: bool = False
) -> tuple[BoxUnit, Iterator[BoxRow]]:
    """Read a box file line by line.

    Args:
        path: The file.
        unit: The unit that the file must state; None: any.
        several: Accept several boxes of one image.
        positive_area: Refuse boxes without width or height.

    Returns:
        The unit that the file states, and its lines after the header, without blank ones. Lines that are wrong have a
        problem instead of a box.

    Raises:
        DataError: The file cannot be read as text, its first line does not state the unit or states another one, or the
            header is missing; while iterating, a line is not CSV. The message names file and line.
    """
    if unit is not None:
        _check_unit(unit)
    text = io.StringIO(read_text(path))
    stated = _stated_unit(path, text.readline(), unit)
    if unit not in (None, stated):
        raise DataError.at(path, 1, f"boxes in {UNITS[stated]} are not supported here; convert them to {UNITS[unit]}")
    lines = _lines(path, text)
    line, header = next(lines, (2, []))
    if [name.lower() for name in header] != list(COLUMNS):
        raise DataError.at(path, line, _header_problem(header))
    return stated, _rows(lines, _RowCheck(stated, several, positive_area))


def _header_problem(header: Sequence[str]) -> str:
    for separator, name in ((";", "';'"), ("\t", "tabs")):
        if len(header) == 1 and header[0].count(separator) == len(COLUMNS) - 1:
            return f"its cells are separated by {name}; separate them by commas"
    sizes = {name.lower() for name in header[-2:]} in ({"w", "h"}, {"width", "height"})
    hint = "; convert width and height: x1 = x0 + width - 1, y1 = y0 + height - 1" if sizes else ""
    return f"the line after the unit must be the header '{','.join(COLUMNS)}', not '{','.join(header)}'{hint}"


def _rows(lines: Iterator[tuple[int, list[str]]], check: _RowCheck) -> Iterator[BoxRow]:
    for line, cells in lines:
        box = _parse(cells[1:])
        problem = check.problem(cells[0], box)
        yield BoxRow(line, cells[0], None if problem else box, problem, _numbers(cells[1:]))
    if check.unit_seems_wrong:
        problem = f"unit line{{s}} {{seem}} wrong, no value is above 1; write '{unit_line('shares')}' instead"
        yield BoxRow(1, "", None, problem)


class _RowCheck:
    """The only check of the lines of a box file, for reading and for writing."""

    def __init__(self, unit: BoxUnit, several: bool = False, positive_area: bool = False) -> None:
        self._unit = unit
        self._several = several
        self._positive_area = positive_area
        self._seen: set[str] = set()
        self.unit_seems_wrong = False
        """Whether there are valid boxes, in pixels, of which none has a value above 1."""

    def problem(self, image_id: str, box: Box | None) -> str:
        """What is wrong with the next line; an empty string for a valid one."""
        if box is None:
            return f"line{{s}} {{are}} not {','.join(COLUMNS)} with x0 <= x1 and y0 <= y1"
        if not image_id or image_id != image_id.strip() or "\n" in image_id or "\r" in image_id:
            return "image id{s} {are} empty, or {have} spaces around {them} or line breaks"
        if image_id in self._seen and not self._several:
            return _TWICE
        shares = all(0 <= value <= 1 for value in box)
        if self._unit == "shares" and not shares:
            return "box{es} {are} not inside [0, 1], which unit=shares requires"
        if self._positive_area and not (box[0] < box[2] and box[1] < box[3]):
            return "box{es} {have} no area (x0 < x1 and y0 < y1 are required)"
        self.unit_seems_wrong = self._unit == "pixels" and shares and (self.unit_seems_wrong or not self._seen)
        self._seen.add(image_id)
        return ""


def _check_unit(unit: str) -> BoxUnit:
    for known in UNITS:
        if unit == known:
            return known
    raise DataError(_unknown_unit(unit))


def _unknown_unit(unit: str) -> str:
    return f"unit '{unit}' is unknown; use {' or '.join(UNITS)}"


def _stated_unit(path: Path, line: str, needed: BoxUnit | None) -> BoxUnit:
    """The unit in the first line, which spreadsheets may have quoted or filled up with commas."""
    stated = _UNIT_LINE.fullmatch(line.strip().rstrip(", ").strip('" '))
    if stated is None:
        possible = {unit: meaning for unit, meaning in UNITS.items() if needed in (None, unit)}
        choices = " or ".join(f"'{unit_line(unit)}' ({meaning})" for unit, meaning in possible.items())
        raise DataError.at(path, 1, f"the unit of the boxes is not stated; add as first line {choices}")
    try:
        return _check_unit(stated[1].lower())
    except DataError:
        raise DataError.at(path, 1, _unknown_unit(stated[1])) from None


def _lines(path: Path, text: io.StringIO) -> Iterator[tuple[int, list[str]]]:
    """Number and cells, without surrounding spaces, of all lines after the first that are not blank."""
    reader = csv.reader(text, strict=True, skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num + 1, cells
    except csv.Error as error:
        raise DataError.at(path, reader.line_num + 1, f"cannot be read as CSV: {error}") from None


def _parse(cells: Iterable[str | float]) -> Box | None:
    """Four finite numbers in order; None for anything else."""
    try:
        x0, y0, x1, y1 = _numbers(cells)
    except ValueError:
        return None
    return (x0, y0, x1, y1) if all(map(math.isfinite, (x0, y0, x1, y1))) and x0 <= x1 and y0 <= y1 else None


def _numbers(cells: Iterable[str | float]) -> tuple[float, ...]:
    """The numbers in cells; none if a cell is no number."""
    try:
        return tuple(float(cell) for cell in cells)
    except (TypeError, ValueError):
        return ()
