"""Lines of a table in text: encoding, separator, and numbers with a decimal comma."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

from wsol.errors import DataError, UsageError
from wsol.files import read_bytes

SEPARATORS = (",", ";", "\t", "|")
WRITTEN = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
"""Separators by name."""


def read_rows(path: Path, separator: str | None, encoding: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Read a table.

    Args:
        path: The file; lines that start with ``#`` and empty lines are skipped.
        separator: Between fields; None: the one of ``, ; tab |`` that the first line has most of.
        encoding: Of the file; a byte-order mark is dropped, and UTF-16 is recognised by it.

    Returns:
        Number of each line, from 1, with its fields, without white space at their ends; and the separator.

    Raises:
        DataError: The file cannot be read.
        UsageError: There is no such encoding, or the separator is none.
    """
    given = WRITTEN.get(separator or "", separator)
    if given is not None and (len(given) != 1 or given in '\r\n"'):
        raise UsageError(f"option separator: '{given:.20}' should be one character, or tab")
    text = _decoded(path, encoding)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise DataError(f"{path}: an empty table")
    chosen = given or max(SEPARATORS, key=lines[0].count)
    return list(_split(path, text, chosen)), chosen


def _split(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    start = 1
    try:
        for row in reader:
            if any(field.strip() for field in row) and not row[0].startswith("#"):
                yield start, [field.strip() for field in row]
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError.at(path, reader.line_num, f"not a table: {error}") from None


def decimal(text: str, separator: str) -> float | None:
    """A finite number; with another separator than the comma, a comma counts as decimal point. None for anything else.

    Example:
        >>> decimal("12,5", ";"), decimal("12.5", ","), decimal("nan", ",")
        (12.5, 12.5, None)
    """
    try:
        value = float(text if separator == "," else text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _decoded(path: Path, encoding: str) -> str:
    content = read_bytes(path)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        return content.decode("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    except LookupError:
        raise UsageError(f"option encoding: there is no encoding '{encoding:.40}'") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "spreadsheets also write cp1252 and mac-roman: option encoding"
        raise DataError.at(path, line, f"not {encoding} text; {hint}") from None
