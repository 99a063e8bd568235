"""Masks whose values are classes: value → class."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from wsol.errors import DataError, UsageError
from wsol.files import read_lines

ValueClasses = Mapping[int, str]
"""Pixel value, or colour 0xRRGGBB → class; empty for background."""
BACKGROUND = frozenset(("background", "_background_", "__background__", "bg", "unlabeled", "void_background"))
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""Classes of Pascal VOC, whose masks number them from 1."""
VOC_IGNORED = 255
"""Value of pixels that Pascal VOC leaves out, in masks of classes and in those that number objects."""


def is_voc(given: Sequence[str] | None) -> bool:
    """Whether the option ``values`` is ``voc``."""
    return given is not None and list(given) == ["voc"]


def value_classes(given: Sequence[str]) -> tuple[dict[int, str], bool]:
    """Read the option ``values``.

    Args:
        given: ``voc`` alone (255 is to be ignored), or ``VALUE=CLASS`` items, VALUE a number or a colour ``#rrggbb``.

    Returns:
        Value → class; and whether the values are colours.

    Raises:
        UsageError: An item is wrong, or numbers and colours are mixed.

    Example:
        >>> value_classes(["1=cat", "2=dog"])
        ({1: 'cat', 2: 'dog'}, False)
    """
    if is_voc(given):
        return dict(enumerate(VOC_CLASSES, start=1)), False
    found: dict[int, str] = {}
    coloured = set()
    for item in given:
        value, equals, name = (part.strip() for part in item.partition("="))
        if not equals or not re.fullmatch(r"\d{1,9}|#[0-9a-fA-F]{6}", value):
            raise UsageError(f"option values: '{item:.60}' should be VALUE=CLASS, VALUE a number or a colour '#rrggbb'")
        coloured.add(value[0] == "#")
        _add(found, int(value[1:], 16) if value[0] == "#" else int(value), name, "option values")
    if len(coloured) > 1:
        raise UsageError("option values: numbers and colours are mixed; masks have one or the other")
    return found, True in coloured


def find_value_classes(folder: Path) -> tuple[dict[int, str], bool, Path | None]:
    """Find a file that says the classes of values: ``labelmap.txt`` (CVAT) or ``_classes.csv`` (Roboflow).

    Args:
        folder: The source.

    Returns:
        Value → class, whether the values are colours, and the file; empty and None if there is none.

    Raises:
        DataError: The file is broken.
    """
    maps = sorted(folder.rglob("labelmap.txt"))
    if maps:
        return _labelmap(maps[0]), True, maps[0]
    tables = sorted(folder.rglob("_classes.csv"))
    return (_table(tables[0]), False, tables[0]) if tables else ({}, False, None)


def _labelmap(path: Path) -> dict[int, str]:
    """Lines ``name:r,g,b:parts:actions``."""
    found: dict[int, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = re.fullmatch(r"(.+?):(\d+),(\d+),(\d+)(?::.*)?", line.strip())
        if fields is None or max(map(int, fields.groups()[1:])) > 255:
            raise DataError.at(path, number, "should be NAME:R,G,B, as CVAT writes it")
        red, green, blue = (int(part) for part in fields.groups()[1:])
        _add(found, red << 16 | green << 8 | blue, fields[1], f"{path}:{number}")
    return found


def _table(path: Path) -> dict[int, str]:
    """Lines ``value, name``, after a header."""
    found: dict[int, str] = {}
    for number, row in enumerate(csv.reader(read_lines(path)), start=1):
        if number == 1 or not row:
            continue
        if len(row) < 2 or not row[0].strip().isdecimal():
            raise DataError.at(path, number, "should be a pixel value and a class")
        _add(found, int(row[0]), row[1].strip(), f"{path}:{number}")
    return found


def _add(found: dict[int, str], value: int, name: str, where: str) -> None:
    name = "" if name.lower() in BACKGROUND else name
    if found.setdefault(value, name) != name:
        raise UsageError(f"{where}: the value {value} has two classes, '{found[value]}' and '{name}'")
