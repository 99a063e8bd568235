"""Tables: a line for each box, with the image and the class."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wsol.data.benchmark import Report
from wsol.data.importing.box_checks import Size
from wsol.data.importing.corners import CornerConvention, Corners
from wsol.data.importing.csv_columns import CsvColumns, find_columns, is_header
from wsol.data.importing.csv_rows import decimal, read_rows
from wsol.data.importing.csv_units import BoxUnit, box_unit
from wsol.data.importing.entry import Edges
from wsol.data.importing.form_checks import BoxForm, GivenBox
from wsol.data.importing.image_index import SPLIT_FOLDERS
from wsol.data.importing.source import RawImage, RawObject, SourceOptions, SourceReader
from wsol.data.importing.walk import files_below
from wsol.errors import DataError
from wsol.options import option


class CsvOptions(SourceOptions):
    """Options of ``csv``."""

    image_column: str | None = option(None, "column of the images; null: by its name")
    class_column: str | None = option(None, "column of the classes; null: by its name")
    box_columns: tuple[str, ...] | None = option(None, "the four columns of a box, or one; null: by their names")
    header: tuple[str, ...] | None = option(None, "names of the columns of a file that does not start with them")
    category: str | None = option(None, "class of every box, for a file without classes")
    unit: BoxUnit | None = option(None, "of boxes; null: shares of the image if no number is above 1, else pixels")
    form: BoxForm | None = option(None, "corners: x0, y0, x1, y1; size: x, y, width, height; centre; null: by names")
    first_pixel: int = option(0, "number of the first pixel, for boxes in pixels", ge=0, le=1)
    exclusive: bool = option(True, "whether x1, y1 are the first pixel after the box, or its edge, not its last pixel")
    separator: str | None = option(None, "between fields; null: the comma, semicolon, tab or bar of the first line")
    encoding: str = option("utf-8", "of the file")


@dataclass(frozen=True)
class _Row:
    where: str
    image: str
    category: str
    box: Corners | None
    numbers: Corners
    form: BoxForm
    size: Size | None
    split: str


class CsvReader(SourceReader):
    """Tables in CSV."""

    name = "csv"
    summary = "a table with a line for each box; columns, unit and form by the names of the header or by options"
    form_option = "; form=corners, size or centre says what they are"
    Options = CsvOptions

    def __init__(self, source: Path, options: SourceOptions | None = None) -> None:
        super().__init__(source, options)
        self.options = options if isinstance(options, CsvOptions) else CsvOptions()

    @classmethod
    def recognise(cls, source: Path) -> str:
        """See :meth:`SourceReader.recognise`: the first table whose header names an image and a box."""
        return next((str(path) for path in _tables(source) if _has_header(path)), "")

    def raw_images(self, report: Report) -> list[RawImage]:
        """See :meth:`SourceReader.raw_images`."""
        rows = [row for path in self._files() for row in self._file(path, report)]
        boxes = [row.box for row in rows if row.box is not None]
        unit = self._unit(boxes)
        self._note_unit(unit)
        return self._grouped(rows, unit, report)

    def _files(self) -> list[Path]:
        """The source itself, or all tables with the header of boxes; those without it only if a header is given."""
        if self.source.is_file():
            return [self.source]
        tables = _tables(self.source)
        if self.options.header is not None:
            return tables
        chosen = [path for path in tables if _has_header(path) or self._named(path)]
        for path in tables:
            if path not in chosen:
                self.notes.add("other file", "tables left out, whose header names no image or no box", str(path))
        if not chosen:
            raise DataError(
                f"{self.source}: no table whose header names an image and a box; name the columns with the options "
                "image_column and box_columns, or with header, where the first line is no header"
            )
        return chosen

    def _named(self, path: Path) -> bool:
        """Whether a header has the columns that the options name."""
        wanted = [*(self.options.box_columns or ()), *filter(None, [self.options.image_column])]
        try:
            rows, _ = read_rows(path, self.options.separator, self.options.encoding)
        except DataError:
            return False
        return bool(wanted) and all(name in rows[0][1] for name in wanted)

    def _file(self, path: Path, report: Report) -> list[_Row]:
        try:
            rows, separator = read_rows(path, self.options.separator, self.options.encoding)
            header = self.options.header
            number, names = (1, list(header)) if header is not None else rows.pop(0)
            columns = self._columns(names, f"{path}:{number}")
        except DataError as error:
            report("unreadable annotation", str(error))
            return []
        found = []
        for number, row in rows:
            made = self._row(f"{path}:{number}", row, columns, len(names), separator)
            if isinstance(made, str):
                report("bad line", f"{path}:{number}: {made}")
            else:
                found.append(made)
        return found

    def _columns(self, names: Sequence[str], where: str) -> CsvColumns:
        given = self.options
        columns = find_columns(
            names,
            where,
            given.image_column,
            given.class_column,
            given.box_columns,
            given.form,
            needs_class=given.category is None,
        )
        if columns.form is None:
            named = ", ".join(names[place] for place in columns.box)
            raise DataError(f"{where}: what the numbers of {named} are is not known; say form=corners, size or centre")
        return columns

    def _row(self, where: str, row: Sequence[str], columns: CsvColumns, count: int, separator: str) -> _Row | str:
        """A line; what is wrong with it, for a wrong one."""
        while len(row) > count and not row[-1]:
            row = row[:-1]
        if len(row) != count:
            return f"has {len(row)} fields, the header {count}"
        if not row[columns.image]:
            return "names no image"
        for name, place in columns.flags.items():
            if row[place].lower() in ("1", "true"):
                self.notes.add("flag", f"boxes marked {name}, kept", where)
        form = columns.form or "corners"
        size = tuple(int(decimal(row[place], separator) or 0) for place in columns.size)
        stated = (size[0], size[1]) if len(size) == 2 else None
        split = row[columns.split] if columns.split is not None else ""
        category = self.options.category or (row[columns.category] if columns.category is not None else "")
        texts = _box_texts(row, columns)
        values = [value for text in texts if (value := decimal(text, separator)) is not None]
        if not any(texts):
            return _Row(where, row[columns.image], category, None, (0, 0, 0, 0), form, stated, split)
        if len(values) != 4 or len(texts) != 4:
            return f"box {','.join(texts)} should be four numbers"
        if not category:
            return "names no class"
        numbers = (values[0], values[1], values[2], values[3])
        return _Row(where, row[columns.image], category, _corners(numbers, form), numbers, form, stated, split)

    def _unit(self, boxes: Sequence[Corners]) -> BoxUnit:
        if self.options.unit is not None or not boxes:
            return self.options.unit or "pixels"
        unit, reason = box_unit(boxes)
        if unit is None:
            raise DataError(f"{self.source}: {reason}; say unit=pixels, or unit=shares of the image's width and height")
        return unit

    def _note_unit(self, unit: BoxUnit) -> None:
        convention = CornerConvention(self.options.first_pixel, self.options.exclusive)
        pixels = f"pixels with {convention} (the options change it)"
        read = "shares of the image's width and height" if unit == "shares" else pixels
        self.notes.say("convention", f"boxes are read as {read}")
        self.conventions = f"a table; boxes in {read}".removesuffix(" (the options change it)")

    def _edges(self, row: _Row, corners: Corners, unit: BoxUnit) -> Callable[[Size], Edges]:
        if unit == "shares":
            return partial(_shares, corners)
        exclusive = self.options.exclusive or row.form != "corners"
        return partial(_fixed, CornerConvention(self.options.first_pixel, exclusive).edges(corners))

    def _grouped(self, rows: Sequence[_Row], unit: BoxUnit, report: Report) -> list[RawImage]:
        """One item for each image, in the order in which the lines name them."""
        names: dict[str, str] = {}
        found: dict[str, RawImage] = {}
        for row in rows:
            if row.image not in names:
                names[row.image] = self.find_image([row.image], row.where, report)
            if not (name := names[row.image]):
                continue
            image = found.setdefault(name, RawImage(name, row.where, stated=row.size))
            self._assign(image, row, report)
            if row.box is not None:
                box = self._edges(row, row.box, unit)
                given = GivenBox(row.numbers, row.form, unit == "shares")
                image.objects.append(RawObject(row.category, row.where, box, None, given))
        return list(found.values())

    def _assign(self, image: RawImage, row: _Row, report: Report) -> None:
        """Give an image the split that a line states."""
        if not row.split:
            return
        split = SPLIT_FOLDERS.get(row.split.lower())
        if split is None:
            report("unknown split", f"{row.where}: '{row.split}' should be train, val or test")
        elif image.split not in (None, split):
            report("image in two splits", f"{row.where}: '{image.name}' is in {image.split} too")
        image.split = split or image.split


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


def _shares(shares: Corners, size: Size) -> Edges:
    (x0, y0, x1, y1), (width, height) = shares, size
    return x0 * width, y0 * height, x1 * width, y1 * height


def _fixed(edges: Edges, size: Size) -> Edges:
    return edges


def _tables(source: Path) -> list[Path]:
    return [source] if source.is_file() else files_below(source, ".csv", ".tsv")


def _has_header(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    try:
        rows, _ = read_rows(path, None, "latin-1")
    except DataError:
        return False
    return is_header(rows[0][1])
