"""Images that a data set contains twice: in two splits, under two classes, or twice in one split.

Images are compared by the bytes of their files, and only files of equal size are opened. Of those the last 4 KiB are
hashed, and the whole file only where these are equal too: for a million photographs, of which nearly every one shares
its size with another, that is a million small reads, a few percent of the time that decoding them takes.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar, TypeVar

from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.report import SplitReport
from wsol.data.files import in_threads
from wsol.errors import WsolError
from wsol.split_names import Split

TAIL = 4096
"""Bytes at the end of a file that are hashed first: beginnings are often equal, the compressed pixels are not."""
SHOWN = 6
"""Most files of a group that a message names."""
ENTRY = "#"
"""Separates name and class in the file names of an image that is one entry for each of its classes."""


@dataclass(frozen=True)
class ImageFile:
    """A file of an image list.

    Attributes:
        path: The file, or the id of an image that is no file.
        split: The split whose list contains it.
        label: Its class in the list.
        image_id: Its id in the list.
    """

    path: str
    split: Split
    label: int
    image_id: str = ""

    @property
    def entry(self) -> str:
        """Of an image with an entry for each of its classes, ``CLASS/STEM#CLASS.ext``, ``STEM``; otherwise empty."""
        path = PurePath(self.path)
        mark = f"{ENTRY}{path.parent.name}"  # a class may contain the separator itself
        return path.stem.removesuffix(mark) if path.stem.endswith(mark) else ""


class CopyGroups(Inspection):
    """Reports groups of copies, each once; a subclass finds them.

    A copy in another split, under another class, or within test is a problem; within train or val under one class it is
    a note.
    """

    of_images_only: ClassVar[bool] = True
    kind: ClassVar[str]
    """What the copies are called in kinds of problems: ``copies``."""

    def __init__(self) -> None:
        self.files: list[ImageFile] = []
        """The images of all splits so far; those that are no files have their ids as paths."""
        self._reports: dict[Split, SplitReport] = {}
        self._names: Sequence[str] = ()
        self._accepted = True

    def groups(self) -> Iterable[tuple[Sequence[ImageFile], str]]:
        """The groups of copies, called after the last split.

        Returns:
            For each group its images and how they are equal.
        """
        raise NotImplementedError

    def accepts(self, split: CheckedSplit) -> bool:
        """Whether the copies of a split are as published; where all splits say so, they are notes."""
        raise NotImplementedError

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        self._reports[split.split] = split.report
        self._accepted &= self.accepts(split)
        try:
            self._names = split.benchmark.class_names()
        except WsolError:
            self._names = ()  # reported when train is checked
        images = split.images
        files = zip(images.paths or images.ids, images.labels.tolist(), images.ids, strict=True)
        self.files += [ImageFile(path, split.split, label, image_id) for path, label, image_id in files]

    def finish(self) -> None:
        """See :class:`Inspection`."""
        for equal, how in self.groups():
            group = _distinct(equal)
            found = _judged(group)
            if found:
                kind, problem = found
                last = [split for split in self._reports if any(file.split == split for file in group)][-1]
                note = self._accepted or not problem
                self._reports[last](f"{self.kind} {kind}", f"{self._listed(group)}: {how}", note=note)

    def _listed(self, group: Sequence[ImageFile]) -> str:
        splits, labels = len({file.split for file in group}) > 1, len({file.label for file in group}) > 1
        shown = []
        for file in group[:SHOWN]:
            where = [*([file.split] if splits else []), *([f"class '{self._name(file.label)}'"] if labels else [])]
            shown.append(f"{file.path} ({', '.join(where)})" if where else file.path)
        more = f" and {len(group) - SHOWN} more" if len(group) > SHOWN else ""
        return f"{', '.join(shown)}{more}"

    def _name(self, label: int) -> str:
        return self._names[label] if 0 <= label < len(self._names) else str(label)


class Copies(CopyGroups):
    """Reports groups of files with equal bytes.

    The files of a split with exactly its published number of images are what they are: copies are notes there.
    """

    kind: ClassVar[str] = "copies"

    def groups(self) -> Iterable[tuple[Sequence[ImageFile], str]]:
        """See :class:`CopyGroups`."""
        return [(group, "the same bytes") for group in equal_files(self.files)]

    def accepts(self, split: CheckedSplit) -> bool:
        """See :class:`CopyGroups`."""
        return split.has_published_size


def _distinct(group: Sequence[ImageFile]) -> list[ImageFile]:
    """A group with each image once: one that is in two splits by its id is reported by :class:`labels.Ids`."""
    return list({(file.path, file.image_id): file for file in reversed(group)}.values())[::-1]


def _judged(group: Sequence[ImageFile]) -> tuple[str, bool] | None:
    """The kind of a group of copies, and whether it is a problem; None for the entries of one image in one split."""
    if len(group) < 2:
        return None
    splits = list(dict.fromkeys(file.split for file in group))
    if len(splits) > 1:
        return "in two splits", True
    images = _images(group)
    if len(images) == 1:
        return None
    if len({frozenset(labels) for labels in images}) > 1:
        return "under two classes", True
    return f"in {splits[0]}", splits[0] == "test"


def _images(group: Sequence[ImageFile]) -> list[set[int]]:
    """The classes of each image of a group in one split; the entries of one image count as one."""
    images: dict[tuple[str, int], set[int]] = {}
    for number, file in enumerate(group):
        images.setdefault((file.entry, -1) if file.entry else ("", number), set()).add(file.label)
    return list(images.values())


def equal_files(files: Sequence[ImageFile]) -> list[list[ImageFile]]:
    """Group files with equal bytes; empty, missing and unreadable files are in no group.

    Args:
        files: The files; a file that is listed twice, also by links, is a copy of itself.

    Returns:
        Groups of at least two files, in the order of their first files.
    """
    if len(files) < 2:
        return []
    groups = _split([list(range(len(files)))], lambda index: _size(files[index].path))
    groups = _split(groups, lambda index: _hash(files[index].path, tail=True))
    groups = _split(groups, lambda index: _hash(files[index].path, tail=False))
    return [[files[index] for index in group] for group in sorted(groups)]


T = TypeVar("T", bound=Hashable)


def _split(groups: Iterable[Sequence[int]], key: Callable[[int], T | None]) -> list[list[int]]:
    """Split groups by a key that is computed in threads; drops items without a key, and groups of one."""
    flat = [(number, item) for number, group in enumerate(groups) for item in group]
    found: dict[tuple[int, T], list[int]] = defaultdict(list)
    for (number, item), value in zip(flat, in_threads(lambda place: key(flat[place][1]), len(flat)), strict=True):
        if value is not None:
            found[number, value].append(item)
    return [group for group in found.values() if len(group) > 1]


def _size(path: str) -> int | None:
    """The size of a file in bytes; None for a missing or empty one, which has no copies."""
    try:
        return os.path.getsize(path) or None
    except (OSError, ValueError):  # ValueError: a NUL character in the name
        return None


def _hash(path: str, *, tail: bool) -> bytes | None:
    """A hash of the end or of all of a file; None for one that cannot be read, which is reported when it is decoded."""
    try:
        with open(path, "rb") as file:
            if tail:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                return hashlib.sha256(file.read(TAIL)).digest()
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError):  # ValueError: a NUL character in the name
        return None
