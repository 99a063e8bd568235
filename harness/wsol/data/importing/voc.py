"""Pascal VOC: an XML file for each image.

Its tools count pixels from 1 and include the last one: xmin = 1, xmax = width is a whole row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from wsol.data.benchmark import Report
from wsol.data.importing.box_checks import Size
from wsol.data.importing.corners import CornerConvention, Corners, corner_convention
from wsol.data.importing.entry import Edges
from wsol.data.importing.form_checks import GivenBox
from wsol.data.importing.image_index import stem
from wsol.data.importing.raw import RawImage, RawObject
from wsol.data.importing.source import SourceOptions, SourceReader
from wsol.data.importing.voc_lists import listed_split, voc_splits
from wsol.data.importing.walk import files_below
from wsol.data.importing.xml_lines import XmlElement, read_xml
from wsol.errors import DataError
from wsol.files import read_bytes
from wsol.options import option

STANDARD = CornerConvention(first_pixel=1, exclusive=False)
"""What Pascal VOC prescribes."""
FLAGS = ("difficult", "truncated", "occluded")


class VocOptions(SourceOptions):
    """Options of ``voc``."""

    first_pixel: int | None = option(None, "number of the first pixel, 0 or 1; null: by the rule", ge=0, le=1)
    exclusive: bool | None = option(None, "whether xmax, ymax are the first pixel after the box; null: by the rule")
    difficult: Literal["keep", "drop"] = option("keep", "objects marked difficult")
    match: Literal["both", "name", "filename"] = option(
        "both", "what names the image: the XML file's own name, or its <filename>; both: the one that exists"
    )


@dataclass(frozen=True)
class _VocBox:
    corners: Corners
    category: str
    where: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class _VocFile:
    path: Path
    image: str
    size: Size
    boxes: tuple[_VocBox, ...]


class VocReader(SourceReader):
    """Pascal VOC XML."""

    name = "voc"
    summary = "Pascal VOC XML, a file for each image; pixels count from 1 and xmax, ymax belong to the box"
    Options = VocOptions
    options: VocOptions

    @classmethod
    def recognise(cls, source: Path) -> str:
        """See :meth:`SourceReader.recognise`: the first XML file that is an annotation."""
        return next((str(path) for path in _first_files(source) if _is_annotation(path)), "")

    def raw_images(self, report: Report) -> list[RawImage]:
        """See :meth:`SourceReader.raw_images`."""
        files = [file for path in _xml_files(self.source) if (file := self._parse(path, report))]
        convention = self._convention([(box.corners, file.size) for file in files for box in file.boxes])
        splits = voc_splits(self.folder, "Main", report)
        return [
            RawImage(
                file.image,
                str(file.path),
                [_object(box, convention) for box in file.boxes if self._kept(box)],
                file.size,
                listed_split(splits, file.path),
            )
            for file in files
        ]

    def _parse(self, path: Path, report: Report) -> _VocFile | None:
        try:
            root = read_xml(path)
        except DataError as error:
            report("unreadable annotation", str(error))
            return None
        if root.tag != "annotation":
            self.notes.add("other file", "XML files left out, which are no annotations", str(path))
            return None
        image = self._image(path, root.text_of("filename"), report)
        boxes = [made for item in root.all("object") if (made := _box(path, item, report))]
        return _VocFile(path, image, _size(root), tuple(boxes)) if image else None

    def _image(self, path: Path, filename: str, report: Report) -> str:
        """The image of an XML file: the one of the same name, or else the one that ``<filename>`` names."""
        own = (path.relative_to(self.folder) if path.is_relative_to(self.folder) else path).with_suffix("").as_posix()
        if self.options.match != "both":
            return self.find_image([own if self.options.match == "name" else filename], str(path), report)
        by_name, by_field = self.index.find(own).name, self.index.find(filename).name if filename else ""
        if by_name and by_field and by_name != by_field:
            text = f"<filename> is '{filename}', but there is '{by_name}' too: say match=name or match=filename"
            report("ambiguous image", f"{path}: {text}")
            return ""
        if by_name and filename and stem(filename) != path.stem:
            text = "XML files whose <filename> names no image; the image with the XML file's name is taken"
            self.notes.add("other filename", text, f"{path}: '{filename}'")
        return self.find_image([own, filename], str(path), report)

    def _convention(self, boxes: list[tuple[Corners, Size]]) -> CornerConvention:
        found, reason = corner_convention(boxes, STANDARD)
        first, exclusive = self.options.first_pixel, self.options.exclusive
        if first is not None or exclusive is not None:
            found, reason = CornerConvention(STANDARD.first_pixel if first is None else first, bool(exclusive)), ""
        if reason:
            text = f"{reason}, so boxes are read with {found}; the options change it"
            self.notes.say("other convention", text)
        self.conventions = f"Pascal VOC XML; {found}"
        return found

    def _kept(self, box: _VocBox) -> bool:
        for flag in box.flags:
            drop = flag == "difficult" and self.options.difficult == "drop"
            self.notes.add("flag", f"objects marked {flag}, {'left out' if drop else 'kept'}", box.where)
        return self.options.difficult == "keep" or "difficult" not in box.flags


def _object(box: _VocBox, convention: CornerConvention) -> RawObject:
    box_edges = partial(_edges, convention.edges(box.corners))
    return RawObject(box.category, box.where, box_edges, None, GivenBox(box.corners, "corners"))


def _edges(edges: Edges, size: Size) -> Edges:
    return edges


def _box(path: Path, item: XmlElement, report: Report) -> _VocBox | None:
    """An ``<object>``; boxes of its parts are not its own."""
    where, category = f"{path}:{item.line}", item.text_of("name")
    found = item.first("bndbox")
    if not category:
        report("no class", f"{where}: the object has no <name>")
        return None
    if found is None:
        shapes = [shape for shape in ("polygon", "robndbox", "segmentation") if item.first(shape)]
        text = f" (it has a <{shapes[0]}>, which is not read)" if shapes else ""
        report("bad box", f"{where}: the object '{category}' has no <bndbox>{text}")
        return None
    texts = [found.text_of(tag) for tag in ("xmin", "ymin", "xmax", "ymax")]
    try:
        corners = tuple(float(text) for text in texts)
        if not all(map(math.isfinite, corners)):
            raise ValueError
    except ValueError:
        report("bad box", f"{path}:{found.line}: <bndbox> {','.join(texts)} should be four numbers")
        return None
    flags = tuple(flag for flag in FLAGS if item.text_of(flag).lower() in ("1", "true"))
    return _VocBox((corners[0], corners[1], corners[2], corners[3]), category, f"{path}:{found.line}", flags)


def _size(root: XmlElement) -> Size:
    """The size that a file states; 0 where it states none."""
    size = root.first("size")
    if size is None:
        return 0, 0
    try:
        return int(float(size.text_of("width") or 0)), int(float(size.text_of("height") or 0))
    except (ValueError, OverflowError):
        return 0, 0


def _xml_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return list(files_below(source, ".xml"))


def _first_files(source: Path) -> Iterator[Path]:
    yield from _xml_files(source)[:20]


def _is_annotation(path: Path) -> bool:
    try:
        return re.search(rb"<annotation[\s>]", read_bytes(path)[:4096]) is not None
    except DataError:
        return False
