"""Tables of boxes: from lines of text to the image, class and box that each line states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.data.benchmark import Report
from wsol.data.importing.box_checks import Size
from wsol.data.importing.corners import Corners
from wsol.data.importing.csv_columns import CsvColumns, find_columns
from wsol.data.importing.csv_rows import decimal, read_rows
from wsol.data.importing.csv_units import BoxUnit
from wsol.data.importing.form_checks import BoxForm
from wsol.data.importing.notes import CountedNotes
from wsol.data.importing.source import SourceOptions
from wsol.errors import DataError
from wsol.options import option


class CsvOptions(SourceOptions):
    """Options of ``csv``."""

    image_column: str | None = option(None, "column of the images; null: by its name")
    class_column: str | None = option(None, "column of the classes; null: by its name")
    box_columns: tuple[str, ...] | None = option(None, "the four columns of a box, or one; null: by their names")
    header: tuple[str, ...] | None = option(None, "names of the columns of a file that does not start with them")
    category: str | None = option(None, "class of every box, for a file without classes")
    class_names: str | None = option(
        None, "table of two columns: a class and the name to use for it; null: class-descriptions….csv (OpenImages)"
    )
    unit: BoxUnit | None = option(None, "of boxes; null: shares of the image if no number is above 1, else pixels")
    form: BoxForm | None = option(None, "corners: x0, y0, x1, y1; size: x, y, width, height; centre; null: by names")
    first_pixel: int = option(0, "number of the first pixel, for boxes in pixels", ge=0, le=1)
    exclusive: bool = option(True, "whether x1, y1 are the first pixel after the box, or its edge, not its last pixel")
    separator: str | None = option(None, "between fields; null: the comma, semicolon, tab or bar of the first line")
    encoding: str = option("utf-8", "of the file")


@dataclass(frozen=True)
class CsvRow:
    """A line.

    Attributes:
        path: Its table.
        where: Its place, ``FILE:LINE``.
        image: The image, as the table names it.
        category: The class.
        box: Corners; None for a line without a box.
        numbers: The numbers of the box as the table states them.
        form: What they are.
        size: Width and height of the image; None if the table does not state them.
        split: The split, as the table names it.
    """

    path: Path
    where: str
    image: str
    category: str
    box: Corners | None
    numbers: Corners
    form: BoxForm
    size: Size | None
    split: str


def table_rows(path: Path, options: CsvOptions, notes: CountedNotes, report: Report) -> list[CsvRow]:
    """Read a table.

    Args:
        path: The file.
        options: Its columns and form.
        notes: Receives marked boxes.
        report: Receives wrong lines, and a table that cannot be read at all.

    Returns:
        The lines that are right.
    """
    try:
        rows, separator = read_rows(path, options.separator, options.encoding)
        number, names = (1, list(options.header)) if options.header is not None else rows.pop(0)
        columns = _columns(names, f"{path}:{number}", options)
    except DataError as error:
        report("unreadable annotation", str(error))
        return []
    found = []
    for number, row in rows:
        made = _row(path, number, row, columns, len(names), separator, options.category)
        if isinstance(made, str):
            report("bad line", f"{path}:{number}: {made}")
            continue
        for name, place in columns.flags.items():
            if row[place].lower() in ("1", "true"):
                notes.add("flag", f"boxes marked {name}, kept", made.where)
        found.append(made)
    return found


def _columns(names: Sequence[str], where: str, options: CsvOptions) -> CsvColumns:
    columns = find_columns(
        names,
        where,
        options.image_column,
        options.class_column,
        options.box_columns,
        options.form,
        needs_class=options.category is None,
    )
    if columns.form is None:
        named = ", ".join(names[place] for place in columns.box)
        raise DataError(f"{where}: what the numbers of {named} are is not known; say form=corners, size or centre")
    return columns


def _row(
    path: Path,
    number: int,
    row: Sequence[str],
    columns: CsvColumns,
    count: int,
    separator: str,
    category: str | None,
) -> CsvRow | str:
    """A line; what is wrong with it, for a wrong one."""
    while len(row) > count and not row[-1]:
        row = row[:-1]
    if len(row) != count:
        return f"has {len(row)} fields, the header {count}"
    if not row[columns.image]:
        return "names no image"
    size = tuple(int(decimal(row[place], separator) or 0) for place in columns.size)
    given = category or (row[columns.category] if columns.category is not None else "")
    texts = _box_texts(row, columns)
    values = [value for text in texts if (value := decimal(text, separator)) is not None]
    if any(texts) and (len(values) != 4 or len(texts) != 4):
        return f"box {','.join(texts)} should be four numbers"
    if any(texts) and not given:
        return "names no class"
    numbers = (values[0], values[1], values[2], values[3]) if values else (0, 0, 0, 0)
    form = columns.form or "corners"
    return CsvRow(
        path,
        f"{path}:{number}",
        row[columns.image],
        given,
        _corners(numbers, form) if values else None,
        numbers,
        form,
        (size[0], size[1]) if len(size) == 2 else None,
        row[columns.split] if columns.split is not None else "",
    )


def _box_texts(row: Sequence[str], columns: CsvColumns) -> list[str]:
    """The numbers of a box, of four columns or of one such as ``[1, 2, 3, 4]``."""
    texts = [row[place] for place in columns.box]
    return texts if len(texts) == 4 else re.sub(r"[\[\](){},]", " ", texts[0]).split()


def _corners(values: Corners, form: BoxForm) -> Corners:
    x, y, a, b = values
    if form == "size":
        return x, y, x + a, y + b
    if form == "centre":
        return x - a / 2, y - b / 2, x + a / 2, y + b / 2
    return values
