"""Reading the text files of the wsoleval metadata layout, one folder for each split.

Files are UTF-8, without a header:

* ``image_ids.txt``: one id on each line, a path below the image folder;
* ``class_labels.txt``: id, class from 0;
* ``image_sizes.txt``: id, width, height;
* ``localization.txt``: id, x0, y0, x1, y1, one line for each box; or id, mask, ignore mask, one line for each instance,
  with the ignore mask on an image's first line only.

The layout is that of Choe et al., "Evaluating weakly supervised object localization methods right" (CVPR 2020).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsol.arrays import IntArray
from wsol.data.benchmark import Report
from wsol.data.readers.box_collector import BoxCollector
from wsol.data.readers.names import NameMatcher, id_problem, shown
from wsol.data.readers.problems import raise_data_error
from wsol.errors import DataError
from wsol.files import read_lines

_HEADERS = frozenset({"image_id", "image_ids", "imageid", "id", "image", "filename", "file_name", "name", "path"})
"""First cells of header lines, in lower case."""
LARGEST = 2**31 - 1
"""Largest class, side or coordinate that is accepted."""


@dataclass(frozen=True)
class MaskNames:
    """Mask files of one image, as paths below the mask folder.

    Attributes:
        instances: One file for each instance.
        ignore: File with the pixels to ignore, or None.
    """

    instances: tuple[str, ...] = ()
    ignore: str | None = None


NAMES = ("image_ids.txt", "class_labels.txt", "image_sizes.txt", "localization.txt")
"""The text files of a split."""


class SplitFiles:
    """The metadata of one split.

    Args:
        folder: Folder of the text files.
        report: Called for each problem with file and line; if it returns, the line is skipped.
    """

    def __init__(self, folder: Path, report: Report = raise_data_error) -> None:
        self.folder = folder
        self.report = report
        self._reported: set[tuple[Path, int]] = set()
        """Files, and the images of which a wrong line in them was reported: none is reported as missing again."""
        self._unread: set[Path] = set()
        """Files that are missing or cannot be read, which was reported."""

    def files(self) -> list[Path]:
        """The text files that exist, unread."""
        return [path for name in NAMES if (path := self.folder / name).is_file()]

    def ids(self, file: str = "image_ids.txt") -> list[str]:
        """Image ids in the order of ``file``, each once."""
        path = self.folder / file
        lines = self._lines(path)
        names = [line.strip() for line in lines]
        if names and all(names) and len(set(names)) == len(names) and not _is_header(names[0]):
            return names
        found: dict[str, int] = {}
        for number, (image_id,) in self._rows(path, 1, lines):
            if image_id in found:
                self.report("duplicate id", f"{path}:{number}: id '{image_id}' was on line {found[image_id]} already")
            found.setdefault(image_id, number)
        if not found and path not in self._unread:
            self.report("empty split", f"{path}: no image; the split is empty")
        return list(found)

    def labels(self, ids: Sequence[str], num_classes: int | None = None, *, dense: bool = False) -> IntArray:
        """Read the classes of images.

        Args:
            ids: Image ids, N of them.
            num_classes: Number of classes, from which on a class is reported as a problem; None allows any.
            dense: Whether every class has an image, so that there are N classes at most.

        Returns:
            Classes, int64 [N]; -1 where the file has none.
        """
        path = self.folder / "class_labels.txt"
        limit = len(ids) if dense else num_classes
        quick = self._aligned(path, ids, 1)
        if quick is not None and quick.min() >= 0 and (limit is None or quick.max() < limit):
            return quick[:, 0]
        labels = np.full(len(ids), -1, dtype=np.int64)
        for number, index, values in self._once(path, ids, 1):
            label = values[0]
            if label < 0 or (limit is not None and label >= limit):
                span = "0 or more" if limit is None else f"0 to {limit - 1}"
                span += f", as there are {limit} images" if dense else ""
                self.report("bad label", f"{path}:{number}: class {label} is out of range; classes are {span}")
            else:
                labels[index] = label
        return labels

    def sizes(self, ids: Sequence[str]) -> IntArray:
        """Widths and heights of ``ids``, int64 [N, 2]; 0 where the file has none."""
        path = self.folder / "image_sizes.txt"
        quick = self._aligned(path, ids, 2)
        if quick is not None and quick.min() >= 1:
            return quick
        sizes = np.zeros((len(ids), 2), dtype=np.int64)
        for number, index, values in self._once(path, ids, 2):
            if min(values) < 1:
                self.report("bad size", f"{path}:{number}: a size of {values[0]} x {values[1]} pixels")
            else:
                sizes[index] = values
        return sizes

    def has_sizes(self) -> bool:
        """Whether ``image_sizes.txt`` has content: the public files of some splits are empty."""
        path = self.folder / "image_sizes.txt"
        return path.is_file() and path.stat().st_size > 0

    def boxes(self, ids: Sequence[str], sizes: IntArray) -> list[IntArray]:
        """Read the boxes of images.

        Args:
            ids: Image ids, N of them.
            sizes: Widths and heights of the images in pixels, int64 [N, 2], as from :meth:`sizes`.

        Returns:
            Boxes of each image, int64 [G, 4]: x0, y0, x1, y1 in pixels; x1 and y1 may be the width and the height.
        """
        path = self.folder / "localization.txt"
        boxes = BoxCollector(path, ids, sizes, self.report)
        seen = [False] * len(ids)
        for number, index, texts in self._keyed(path, ids, 4):
            seen[index] = True
            try:
                boxes.add(f"{path}:{number}", index, [float(text) for text in texts])
            except ValueError:
                self.report("bad line", f"{path}:{number}: '{','.join(texts)}' should be whole numbers")
        self._complete(path, ids, seen)
        return boxes.finish()

    def masks(self, ids: Sequence[str]) -> list[MaskNames]:
        """Mask files of each image."""
        path = self.folder / "localization.txt"
        instances: list[list[str]] = [[] for _ in ids]
        ignore: dict[int, str] = {}
        owners: dict[str, int] = {}
        for number, index, (instance, ignored) in self._keyed(path, ids, 2):
            wrong = self._mask_problem(instance, ignored, later=bool(instances[index]))
            if wrong:
                self._mark(path, index)
                self.report("bad line", f"{path}:{number}: {wrong}")
                continue
            if owners.setdefault(instance, index) != index:
                text = f"'{instance}' is a mask of '{ids[owners[instance]]}' and of '{ids[index]}'"
                self.report("shared mask", f"{path}:{number}: {text}", note=True)
            if ignored:
                ignore[index] = ignored
            instances[index].append(instance)
        self._complete(path, ids, [bool(found) for found in instances])
        return [MaskNames(tuple(found), ignore.get(index)) for index, found in enumerate(instances)]

    @staticmethod
    def _mask_problem(instance: str, ignored: str, *, later: bool) -> str:
        """What is wrong with a line of masks; an empty string for a valid one."""
        if not instance:
            return "no mask is named after the image"
        for name in filter(None, (instance, ignored)):
            if problem := id_problem(name):
                return problem
        return "an ignore mask belongs on the image's first line only" if ignored and later else ""

    def _aligned(self, path: Path, ids: Sequence[str], values: int) -> IntArray | None:
        """Read the numbers after the ids, int64 [N, values], of a valid file whose lines have the order of ``ids``.

        None for any other file, which is then read line by line. The public files are valid and in order; this reads a
        million lines in a few seconds.
        """
        try:
            lines = read_lines(path)
            names, *columns = zip(*(line.rsplit(",", values) for line in lines), strict=True)
            numbers = [np.fromiter(map(int, column), dtype=np.int64, count=len(lines)) for column in columns]
        except (DataError, ValueError, OverflowError):
            return None
        if len(numbers) != values or names != tuple(ids) or max(column.max() for column in numbers) > LARGEST:
            return None
        return np.stack(numbers, axis=1)

    def _rows(
        self,
        path: Path,
        fields: int,
        lines: Sequence[str] | None = None,
        skipped: Callable[[str], None] = lambda line: None,
    ) -> Iterator[tuple[int, list[str]]]:
        """Line numbers from 1, and the fields of each line that has as many as it should; others are ``skipped``."""
        for number, line in enumerate(self._lines(path) if lines is None else lines, start=1):
            values = [value.strip() for value in line.rsplit(",", fields - 1)]
            if number == 1 and _is_header(line):
                self.report("bad line", f"{path}:1: '{line}' is a header, which these files do not have; remove it")
            elif not line.strip():
                self.report("bad line", f"{path}:{number}: an empty line; remove it")
            elif len(values) != fields or not values[0]:
                self._wrong_fields(path, number, fields, line)
                skipped(line)
            else:
                yield number, values

    def _wrong_fields(self, path: Path, number: int, fields: int, line: str) -> None:
        text = f"needs {fields} fields separated by commas, not '{shown(line)}'{_separator_hint(line, fields)}"
        self.report("bad line", f"{path}:{number}: {text}")

    def _lines(self, path: Path) -> list[str]:
        try:
            if path.exists():
                return read_lines(path)
            problem = f"{path}: no such file; a split needs it (see 'wsol data info')"
        except DataError as error:
            problem = str(error)
        self._unread.add(path)
        self.report("missing file", problem)
        return []

    def _keyed(self, path: Path, ids: Sequence[str], values: int) -> Iterator[tuple[int, int, list[str]]]:
        """Line numbers, rows of the images in ``ids``, and the values after the id."""
        if not ids:
            return  # reported; every line would be one of an unknown image
        lines = self._lines(path)
        if path not in self._unread and not any(map(str.strip, lines)):
            self._unread.add(path)
            self.report("missing line", f"{path}: the file is empty; each of the {len(ids)} images needs a line")
            return
        matcher = NameMatcher(ids)

        def skipped(line: str) -> None:
            starts = (re.split(pattern, line)[0].strip() for pattern in (r"[,;\t]", r"[,;\t ]"))
            self._mark(path, next((row for start in starts if (row := matcher.find(start)) is not None), None))

        for number, (image_id, *rest) in self._rows(path, values + 1, lines, skipped):
            row = matcher.find(image_id)
            if row is not None:
                yield number, row, rest
                continue
            if "," in image_id and (meant := matcher.find(image_id.split(",")[0].strip())) is not None:
                self._mark(path, meant)
                self._wrong_fields(path, number, values + 1, ",".join([image_id, *rest]))
                continue
            meant, hint = matcher.near(image_id)
            self._mark(path, meant)
            self.report("unknown id", f"{path}:{number}: id '{shown(image_id)}' is not in image_ids.txt{hint}")
        matcher.note_other_forms(str(path), self.report)

    def _mark(self, path: Path, row: int | None) -> None:
        """Remember that a line of an image was reported."""
        if row is not None:
            self._reported.add((path, row))

    def _integers(self, path: Path, ids: Sequence[str], values: int) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        for number, index, texts in self._keyed(path, ids, values):
            try:
                numbers = tuple(int(text) for text in texts)
            except ValueError:
                numbers = ()
            if not numbers or max(map(abs, numbers)) > LARGEST:
                self._mark(path, index)
                self.report("bad line", f"{path}:{number}: '{','.join(texts)}' should be whole numbers")
            else:
                yield number, index, numbers

    def _once(self, path: Path, ids: Sequence[str], values: int) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """Like :meth:`_integers`, for a file with exactly one line for each image."""
        seen = [False] * len(ids)
        for number, index, numbers in self._integers(path, ids, values):
            if seen[index]:
                self.report("duplicate id", f"{path}:{number}: a second line for '{ids[index]}'")
            else:
                yield number, index, numbers
            seen[index] = True
        self._complete(path, ids, seen)

    def _complete(self, path: Path, ids: Sequence[str], seen: Sequence[bool]) -> None:
        if path not in self._unread:
            for row, (image_id, found) in enumerate(zip(ids, seen, strict=True)):
                if not found and (path, row) not in self._reported:
                    self.report("missing line", f"{path}: no valid line for '{image_id}'")


def _is_header(line: str) -> bool:
    return line.split(",")[0].strip().lower() in _HEADERS


def _separator_hint(line: str, fields: int) -> str:
    """A hint for a line of which the fields are separated by another character."""
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), (" ", "spaces")):
        if fields > 1 and line.count(separator) >= fields - 1:
            return f"; its fields are separated by {name}"
    return ""
