"""Tables: a line for each box, with the image and the class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from wsol.data.benchmark import Report
from wsol.data.importing.box_checks import Size
from wsol.data.importing.class_names import read_class_table
from wsol.data.importing.corners import CornerConvention, Corners
from wsol.data.importing.csv_columns import is_header, missing_header
from wsol.data.importing.csv_rows import read_rows
from wsol.data.importing.csv_tables import CsvOptions, CsvRow, table_rows
from wsol.data.importing.csv_units import BoxUnit, box_unit
from wsol.data.importing.entry import Edges
from wsol.data.importing.folder_roles import split_of_word
from wsol.data.importing.form_checks import GivenBox
from wsol.data.importing.raw import RawImage, RawObject
from wsol.data.importing.source import SourceReader
from wsol.data.importing.walk import files_below
from wsol.errors import DataError


class CsvReader(SourceReader):
    """Tables in CSV."""

    name = "csv"
    summary = "a table with a line for each box; columns, unit and form by the names of the header or by options"
    form_option = "; form=corners, size or centre says what they are"
    Options = CsvOptions
    options: CsvOptions

    @classmethod
    def recognise(cls, source: Path) -> str:
        """See :meth:`SourceReader.recognise`: the first table whose header names an image and a box."""
        return next((str(path) for path in _tables(source) if is_header(_first_line(path))), "")

    def raw_images(self, report: Report) -> list[RawImage]:
        """See :meth:`SourceReader.raw_images`."""
        names, names_file = self._class_names()
        rows = [row for path in self._files(names_file) for row in table_rows(path, self.options, self.notes, report)]
        unit = self._unit([row.box for row in rows if row.box is not None])
        self._note_unit(unit)
        named = self._named(rows, report)
        _report_equal(named, report)
        return self._grouped(named, unit, names, report)

    def _files(self, other: Path | None) -> list[Path]:
        """The source itself, or all tables with the header of boxes; those without it only if a header is given."""
        if self.source.is_file():
            return [self.source]
        tables = [path for path in _tables(self.source) if path != other]
        chosen = [path for path in tables if self._fits(path)]
        for path in tables:
            if path not in chosen:
                self.notes.add("other file", "tables left out, without the columns of images and boxes", str(path))
        if not chosen:
            hint = next((f"; {path} has {text}" for path in tables if (text := missing_header(_first_line(path)))), "")
            raise DataError(
                f"{self.source}: no table whose header names an image and a box; name the columns with the options "
                f"image_column and box_columns, or with header, where the first line is no header{hint}"
            )
        return chosen

    def _fits(self, path: Path) -> bool:
        """Whether a table has a known header, the columns that the options name, or as many as the given header."""
        given = self.options
        wanted = [*(given.box_columns or ()), *filter(None, [given.image_column])]
        try:
            (_, first), *_ = read_rows(path, given.separator, given.encoding)[0]
        except DataError:
            return given.header is not None or is_header(_first_line(path))  # read again, and its fault reported
        if given.header is not None:
            return len(first) == len(given.header)
        return is_header(first) or (bool(wanted) and all(name in first for name in wanted))

    def _class_names(self) -> tuple[Mapping[str, str], Path | None]:
        """Class → name to use for it, and the file that says so."""
        given = self.options.class_names
        if given is not None:
            path = Path(given).expanduser()
            path = path if path.is_file() else self.folder / given
        else:
            found = [path for path in files_below(self.folder, ".csv") if path.name.startswith("class-descriptions")]
            if not found:
                return {}, None
            path = found[0]
        self.notes.say("class names", f"classes are named by {path}")
        return read_class_table(path), path

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

    def _edges(self, row: CsvRow, corners: Corners, unit: BoxUnit) -> Callable[[Size], Edges]:
        if unit == "shares":
            return partial(_shares, corners)
        exclusive = self.options.exclusive or row.form != "corners"
        return partial(_fixed, CornerConvention(self.options.first_pixel, exclusive).edges(corners))

    def _named(self, rows: Sequence[CsvRow], report: Report) -> list[tuple[str, CsvRow]]:
        """The lines that name an image, with the image."""
        names: dict[tuple[Path, str], str] = {}
        for row in rows:
            key = row.path, row.image
            if key not in names:
                names[key] = self.find_image([self.named_in(*key)], row.where, report)
        return [(name, row) for row in rows if (name := names[row.path, row.image])]

    def _grouped(
        self, rows: Sequence[tuple[str, CsvRow]], unit: BoxUnit, classes: Mapping[str, str], report: Report
    ) -> list[RawImage]:
        """One item for each image, in the order in which the lines name them."""
        found: dict[str, RawImage] = {}
        for name, row in rows:
            image = found.setdefault(name, RawImage(name, row.where, stated=row.size))
            self._assign(image, row, report)
            if row.box is not None:
                box = self._edges(row, row.box, unit)
                given = GivenBox(row.numbers, row.form, unit == "shares")
                category = classes.get(row.category, row.category)
                image.objects.append(RawObject(category, row.where, box, None, given))
        return list(found.values())

    def _assign(self, image: RawImage, row: CsvRow, report: Report) -> None:
        """Give an image the split that a line states, or else its table's name."""
        split = split_of_word(row.split) if row.split else self.split_in(row.path)
        if row.split and split is None:
            report("unknown split", f"{row.where}: '{row.split}' should be train, val or test")
        elif split is not None and image.split not in (None, split):
            report("image in two splits", f"{row.where}: '{image.name}' is in {image.split} too")
        image.split = split or image.split


def _report_equal(rows: Sequence[tuple[str, CsvRow]], report: Report) -> None:
    """Report tables that have boxes in common, such as one table for all images and one for each split."""
    first: dict[tuple[str, str, Corners], Path] = {}
    common: Counter[tuple[Path, Path]] = Counter()
    for name, row in rows:
        if row.box is not None and (path := first.setdefault((name, row.category, row.box), row.path)) != row.path:
            common[path, row.path] += 1
    for (path, other), count in common.items():
        report("annotated twice", f"{other}: {count} boxes are in {path} too; name one of the tables as SOURCE")


def _shares(shares: Corners, size: Size) -> Edges:
    (x0, y0, x1, y1), (width, height) = shares, size
    return x0 * width, y0 * height, x1 * width, y1 * height


def _fixed(edges: Edges, size: Size) -> Edges:
    return edges


def _tables(source: Path) -> list[Path]:
    return [source] if source.is_file() else files_below(source, ".csv", ".tsv")


def _first_line(path: Path) -> list[str]:
    """The fields of a table's first line; empty for another file."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return []
    try:
        return read_rows(path, None, "latin-1")[0][0][1]
    except DataError:
        return []
