"""YOLO: a text file for each image, a line for each object.

Boxes are shares of the image's width and height: middle and size. Classes are numbers from 0, named in another file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from wsol.arrays import BoolArray
from wsol.data.benchmark import Report
from wsol.data.importing.box_checks import Size
from wsol.data.importing.class_names import TEXT_NAMES, find_class_names, read_class_names, read_yaml
from wsol.data.importing.coco_masks import polygon_mask
from wsol.data.importing.entry import Edges
from wsol.data.importing.folder_roles import SPLIT_WORDS
from wsol.data.importing.form_checks import GivenBox
from wsol.data.importing.image_index import ImageMatch
from wsol.data.importing.raw import RawImage, RawObject
from wsol.data.importing.source import SourceOptions, SourceReader
from wsol.data.importing.walk import files_below
from wsol.data.importing.yolo_lines import YoloLine, read_line
from wsol.errors import DataError
from wsol.files import read_lines
from wsol.options import option
from wsol.split_names import Split

SNIFFED = 50
"""Most files that are searched for the format."""


class YoloOptions(SourceOptions):
    """Options of ``yolo``."""

    classes: str | tuple[str, ...] | None = option(
        None, "names of the classes in the order of their numbers, or a file with them; null: data.yaml, classes.txt …"
    )


class YoloReader(SourceReader):
    """YOLO TXT."""

    name = "yolo"
    summary = "YOLO TXT; class number, then cx, cy, width, height or a polygon in shares of the image"
    Options = YoloOptions
    options: YoloOptions

    @classmethod
    def recognise(cls, source: Path) -> str:
        """See :meth:`SourceReader.recognise`: the first text file whose first line is that of a label."""
        if source.is_file():
            return str(source) if source.suffix.lower() in (".yaml", ".yml") else ""
        labels = [path for path in files_below(source, ".txt") if not _is_other(path)]
        return next((str(path) for path in labels[:SNIFFED] if _is_label(path)), "")

    def raw_images(self, report: Report) -> list[RawImage]:
        """See :meth:`SourceReader.raw_images`."""
        names = self._class_names()
        splits = self._listed_splits(report)
        keypoints = _keypoints(self.folder)
        found = []
        for path in files_below(self.folder, ".txt"):
            if _is_other(path):
                continue
            image = self._image(path, report)
            if image:
                objects = self._objects(path, names, keypoints, report)
                found.append(RawImage(image, str(path), objects, split=splits.get(image)))
        return found

    def _class_names(self) -> Sequence[str]:
        given = self.options.classes
        if isinstance(given, tuple):
            return given
        if given is not None:
            path = Path(given).expanduser()
            return read_class_names(path if path.is_file() else self.folder / given)
        if self.source.is_file():
            return read_class_names(self.source)
        names, _ = find_class_names(self.folder)
        if not names:
            raise DataError(
                f"{self.folder}: nothing names the classes: no data.yaml with 'names', {', '.join(TEXT_NAMES[:2])}; "
                "give the names, or a file with a name a line, with the option 'classes'"
            )
        return names

    def _image(self, path: Path, report: Report) -> str:
        """The image of a label file; ``labels`` in its path stands for ``images``."""
        below = PurePosixPath(path.relative_to(self.folder).as_posix()).with_suffix("")
        parts = ["images" if part.lower() == "labels" else part for part in below.parts]
        reference = "/".join(parts)
        if self.index.find(reference) == ImageMatch() and not _is_label(path):
            self.notes.add("other file", "text files left out, which are no labels of an image", str(path))
            return ""
        return self.find_image([reference], str(path), report)

    def _objects(self, path: Path, names: Sequence[str], keypoints: int, report: Report) -> list[RawObject]:
        try:
            lines = read_lines(path)
        except DataError as error:
            report("unreadable annotation", str(error))
            return []
        found = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where, read = f"{path}:{number}", read_line(line, keypoints)
            if isinstance(read, str):
                report("bad line", f"{where}: {read}")
            elif read.index >= len(names):
                report("unknown class", f"{where}: class {read.index}, but only 0 to {len(names) - 1} have names")
            else:
                found.append(_object(read, names[read.index], where))
        if not found:
            self.notes.add("empty labels", "label files without a label: images of background", str(path))
        return found

    def _listed_splits(self, report: Report) -> dict[str, Split]:
        """Splits from ``train.txt``, ``val.txt`` and ``test.txt``, which list image files."""
        found: dict[str, Split] = {}
        for path in sorted(self.folder.glob("*.txt")):
            split = SPLIT_WORDS.get(path.stem.lower())
            if split is None or _is_label(path):
                continue
            for number, line in enumerate(_lines(path, report), start=1):
                image = self.index.find(line).name if line.strip() else ""
                if image and found.setdefault(image, split) != split:
                    text = f"'{line.strip()}' is listed for {found[image]} too"
                    report("image in two splits", str(DataError.at(path, number, text)))
        return found


def _object(line: YoloLine, category: str, where: str) -> RawObject:
    given = None if line.polygon else GivenBox(line.box, "centre", shares=True)
    mask = partial(_polygon, line.polygon) if line.polygon else None
    return RawObject(category, where, partial(_edges, line.box), mask, given)


def _edges(box: tuple[float, float, float, float], size: Size) -> Edges:
    (cx, cy, w, h), (width, height) = box, size
    return (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height


def _polygon(shares: Sequence[float], size: Size) -> BoolArray:
    return polygon_mask([[share * size[i % 2] for i, share in enumerate(shares)]], size)


def _lines(path: Path, report: Report) -> list[str]:
    try:
        return read_lines(path)
    except DataError as error:
        report("unreadable list", str(error))
        return []


def _keypoints(folder: Path) -> int:
    """Numbers of key points after each box, as a YAML file states them."""
    for path in [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("*.yml"))]:
        content = read_yaml(path)
        shape = content.get("kpt_shape") if isinstance(content, dict) else None
        if isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape):
            return int(str(shape[0])) * int(str(shape[1]))
    return 0


def _is_other(path: Path) -> bool:
    """Whether a text file is known by its name to contain no labels."""
    name = path.name.lower()
    listed = path.stem.lower() in SPLIT_WORDS and not _is_label(path)
    return name in TEXT_NAMES or bool(re.match(r"readme|licen[cs]e|requirements|notes", name)) or listed


def _is_label(path: Path) -> bool:
    """Whether the first line of a file is a label."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = next((line for line in file if line.strip()), "")
    except OSError:
        return False
    return len(first.split()) >= 5 and isinstance(read_line(first), YoloLine)
