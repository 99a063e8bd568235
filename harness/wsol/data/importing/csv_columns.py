"""Which columns of a table state the image, the class and the box, by the names of its header."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wsol.data.importing.form_checks import BoxForm
from wsol.data.importing.image_index import stem
from wsol.errors import DataError

IMAGE = (
    *("filename", "imagefilename", "filepath", "imagepath", "imgpath", "path", "imagename", "imgname", "image"),
    *("imageid", "imgid", "imageindex", "img", "file", "frame"),
)
CLASS = (
    *("classname", "labelname", "categoryname", "class", "label", "category", "species", "breed", "objectclass"),
    *("findinglabel", "annotationtag", "classid", "labelid", "categoryid"),
)
SPLIT = ("split", "subset", "set", "partition", "dataset", "usage")
SIZES = (("imagewidth", "imageheight"), ("imgwidth", "imgheight"), ("width", "height"))
ONE_COLUMN = ("bbox", "box", "boundingbox")
BOXES: tuple[tuple[BoxForm, tuple[str, str, str, str]], ...] = (
    ("corners", ("xmin", "ymin", "xmax", "ymax")),
    ("corners", ("minx", "miny", "maxx", "maxy")),
    ("corners", ("x0", "y0", "x1", "y1")),
    ("corners", ("x1", "y1", "x2", "y2")),
    ("corners", ("left", "top", "right", "bottom")),
    ("corners", ("upperleftcornerx", "upperleftcornery", "lowerrightcornerx", "lowerrightcornery")),
    ("corners", ("startx", "starty", "endx", "endy")),
    ("centre", ("xcentre", "ycentre", "width", "height")),
    ("centre", ("xcenter", "ycenter", "width", "height")),
    ("centre", ("centerx", "centery", "width", "height")),
    ("centre", ("xcenter", "ycenter", "w", "h")),
    ("centre", ("cx", "cy", "w", "h")),
    ("centre", ("cx", "cy", "width", "height")),
    ("size", ("x", "y", "w", "h")),
    ("size", ("x", "y", "width", "height")),
    ("size", ("left", "top", "width", "height")),
    ("size", ("xmin", "ymin", "width", "height")),
    ("size", ("xmin", "ymin", "w", "h")),
)
"""Names of the columns of boxes, in lower case, without what is not a letter or digit and without ``bbox`` before."""
FLAGS = ("isgroupof", "isdepiction", "difficult")
NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
LEAST_NUMBERS = 4
"""Numbers in a line that is no header."""


@dataclass(frozen=True)
class CsvColumns:
    """Places of the columns, from 0.

    Attributes:
        image: The image.
        category: The class; None if no column states it.
        box: The four numbers of the box, or one column with all of them; empty without boxes.
        form: What the numbers are; None if it is not known.
        size: Width and height of the image; empty if no column states them.
        split: The split; None if no column states it.
        flags: Name → column of marks.
    """

    image: int
    category: int | None
    box: tuple[int, ...]
    form: BoxForm | None
    size: tuple[int, ...] = ()
    split: int | None = None
    flags: Mapping[str, int] = field(default_factory=dict)


def find_columns(
    header: Sequence[str],
    where: str,
    image: str | None = None,
    category: str | None = None,
    box: Sequence[str] | None = None,
    form: BoxForm | None = None,
    *,
    needs_class: bool = True,
) -> CsvColumns:
    """Find the columns of a table.

    Args:
        header: Names of its columns.
        where: File and line, for messages.
        image: Name of the column of images; None to find it.
        category: Name of the column of classes; None to find it.
        box: Names of four columns of the box, or of one; None to find them.
        form: What the numbers of the box are; None: by their names.
        needs_class: Whether a column must state the class.

    Raises:
        DataError: A column is not there, or none has a known name.
    """
    names = [simple(name) for name in header]
    found_form, places = _box(header, names, where, box)
    used = {*places}
    return CsvColumns(
        _one(header, names, IMAGE, image, where, "image", "image_column"),
        _one(header, names, CLASS, category, where, "class", "class_column") if needs_class else None,
        places,
        form or found_form,
        next(
            (
                tuple(map(names.index, pair))
                for pair in SIZES
                if all(n in names and names.index(n) not in used for n in pair)
            ),
            (),
        ),
        next((names.index(name) for name in SPLIT if name in names), None),
        {name: names.index(name) for name in FLAGS if name in names},
    )


def is_header(row: Sequence[str]) -> bool:
    """Whether a line names an image and a box, and is no line of values."""
    return names_box(row) and any(simple(name) in IMAGE for name in row)


def names_box(row: Sequence[str]) -> bool:
    """Whether a line names the columns of a box."""
    names = {simple(name) for name in row}
    return any(names.issuperset(columns) for _, columns in BOXES) or bool(names & {*ONE_COLUMN})


def missing_header(row: Sequence[str]) -> str:
    """What to do about a table that starts with values.

    Args:
        row: Its first line.

    Returns:
        A phrase with a suggestion for the option ``header``; empty for a line that names columns.

    Example:
        >>> missing_header(["cat", "5", "6", "15", "19", "1.jpg"])
        'no header; name the columns, such as --set "header=[class,x0,y0,x1,y1,image]" (x,y,w,h: width and height)'
    """
    numbers = [place for place, text in enumerate(row) if NUMBER.fullmatch(text.strip())]
    if len(numbers) < LEAST_NUMBERS:
        return ""
    names = [f"c{place}" for place in range(len(row))]
    for place, name in zip(numbers, ("x0", "y0", "x1", "y1"), strict=False):
        names[place] = name
    texts = [place for place, text in enumerate(row) if text and place not in numbers]
    images = [place for place in texts if stem(row[place]) != row[place]] or texts[:1]
    for place in texts:
        names[place] = "image" if place in images[:1] else "class"
    shown = f'--set "header=[{",".join(names)}]"'
    return f"no header; name the columns, such as {shown} (x,y,w,h: width and height)"


def simple(name: str) -> str:
    """A column's name in lower case, with letters and digits only, without ``bbox`` or ``box`` before a coordinate.

    Example:
        >>> simple("XMin"), simple("bbox_x"), simple("region width")
        ('xmin', 'x', 'regionwidth')
    """
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return re.sub(r"^(?:bbox|bndbox|boundingbox|box|roi)(?=[a-z0-9])", "", letters)


def _box(
    header: Sequence[str], names: Sequence[str], where: str, given: Sequence[str] | None
) -> tuple[BoxForm | None, tuple[int, ...]]:
    if given is not None:
        if len(given) not in (1, 4):
            raise DataError(f"{where}: option box_columns should name four columns, or one")
        places = tuple(_place(header, names, name, where, "box_columns") for name in given)
        return next((form for form, known in BOXES if known == tuple(names[p] for p in places)), None), places
    for form, known in BOXES:
        if all(name in names for name in known):
            return form, tuple(names.index(name) for name in known)
    alone = next((name for name in ONE_COLUMN if name in names), None)
    if alone is None:
        hint = (
            missing_header(header)
            or f"no columns of a box among {_shown(header)}; name them with the option box_columns"
        )
        raise DataError(f"{where}: {hint}")
    return None, (names.index(alone),)


def _one(
    header: Sequence[str],
    names: Sequence[str],
    known: Sequence[str],
    given: str | None,
    where: str,
    what: str,
    option: str,
) -> int:
    if given is not None:
        return _place(header, names, given, where, option)
    place = next((names.index(name) for name in known if name in names), None)
    if place is None:
        also = ", or say category=CLASS for all boxes" if what == "class" else ""
        raise DataError(
            f"{where}: no column of the {what} among {_shown(header)}; name it with the option {option}{also}"
        )
    return place


def _place(header: Sequence[str], names: Sequence[str], name: str, where: str, option: str) -> int:
    if name in header:
        return list(header).index(name)
    if simple(name) in names:
        return names.index(simple(name))
    raise DataError(f"{where}: no column '{name}' (option {option}) among {_shown(header)}")


def _shown(header: Sequence[str]) -> str:
    return ", ".join(header[:20])[:200]
