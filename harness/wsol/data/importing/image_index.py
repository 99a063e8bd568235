"""The images of a source, and the rules by which a name in an annotation finds its image.

A name is compared, in this order, exactly; without its ending; without regard to case, Unicode form (NFC) and ending.
The first comparison that finds an image decides. Of several images, the one in exactly the folders that the name has is
taken, or else the one whose folders agree with most of the name's last folders, also if folders that only name the kind
of files (``images``, ``labels``) are left out of both. If that leaves more than one, the name is ambiguous.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from wsol.data.importing.folder_roles import ANNOTATION_FOLDERS, IMAGE_FOLDERS, names_kind
from wsol.data.importing.walk import files_below
from wsol.data.readers.image_kind import ImageKind, image_endings, kind_by_ending
from wsol.data.readers.names import comparable_name
from wsol.errors import DataError

_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
"""A name that Label Studio gives to an uploaded file."""


@dataclass(frozen=True)
class ImageMatch:
    """The image that a name stands for.

    Attributes:
        name: The image; empty if there is none, or more than one.
        rule: How the names differ: empty for equal names, ``ending``, ``case or Unicode form``, or
            ``Label Studio's prefix``.
        candidates: The images between which the name does not decide.
    """

    name: str = ""
    rule: str = ""
    candidates: tuple[str, ...] = ()


class ImageIndex:
    """The image files below a folder.

    Args:
        folder: The folder; hidden files are left out, and folders of masks in it, unless all images are in them.
        skip: Says which files are no images of the data set, such as masks; given a path below the folder.

    Attributes:
        folder: The folder.
        names: Paths of the images below it, with ``/``, sorted.
        unsupported: Paths of images that Pillow does not read, sorted.

    Raises:
        DataError: The folder is missing or contains no image.
    """

    def __init__(self, folder: Path, skip: Callable[[str], bool] = lambda name: False) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder of images; give it with the option 'images'")
        self.folder = folder
        kinds = _image_kinds(folder, ANNOTATION_FOLDERS, skip) or _image_kinds(folder, (), skip)
        self.names = [name for name, kind in kinds.items() if kind == "image"]
        self.unsupported = [name for name, kind in kinds.items() if kind == "unsupported"]
        if not self.names:
            raise DataError(f"{folder}: no image in it that Pillow reads; the option 'images' names another folder")
        self._by: list[tuple[str, Callable[[str], str], dict[str, list[str]]]] = []
        for rule, key in (("", _same), ("ending", stem), ("case or Unicode form", _loose)):
            found: dict[str, list[str]] = {}
            for name in self.names:
                found.setdefault(key(PurePosixPath(name).name), []).append(name)
            self._by.append((rule, key, found))

    def path(self, name: str) -> Path:
        """The file of an image."""
        return self.folder / name

    def find(self, reference: str) -> ImageMatch:
        r"""Find the image that a name stands for.

        Args:
            reference: A file name, or a path with ``/`` or ``\``; leading folders need not exist.
        """
        *folders, last = [part for part in reference.strip().replace("\\", "/").split("/") if part] or [""]
        for rule, key, images in self._by:
            if found := images.get(key(last)):
                best = _closest(found, folders)
                return ImageMatch(best[0], rule) if len(best) == 1 else ImageMatch(candidates=tuple(best))
        if uploaded := _UPLOADED.match(last):
            match = self.find("/".join([*folders, uploaded[1]]))
            return ImageMatch(match.name, "Label Studio's prefix" if match.name else "", match.candidates)
        return ImageMatch()


def default_image_folder(source: Path) -> Path:
    """The folder of a source that contains its images: one of :data:`IMAGE_FOLDERS`, or else the source itself."""
    there = {entry.name for entry in source.iterdir() if entry.is_dir()} if source.is_dir() else set()
    return next((source / name for name in IMAGE_FOLDERS if name in there), source)


def stem(name: str) -> str:
    """A file name without the ending of an image; other endings, as in ``img.v2``, are part of the name."""
    base, ending = os.path.splitext(name)
    return base if ending.lower() in image_endings() else name


def _same(name: str) -> str:
    return name


def _loose(name: str) -> str:
    return comparable_name(stem(name))


def _closest(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """The images whose folders agree best with ``folders``."""
    if len(names) == 1:
        return list(names)
    paths = {name: PurePosixPath(name).parts[:-1] for name in names}
    exact = [name for name, path in paths.items() if path == tuple(folders)]
    if len(exact) == 1:
        return exact
    by_all = _most_agreeing(paths, folders)
    by_parts = _most_agreeing({name: _parts(path) for name, path in paths.items()}, _parts(folders))
    return [name for name in by_all if name in by_parts] or sorted({*by_all, *by_parts})


def _parts(folders: Sequence[str]) -> list[str]:
    return [folder for folder in folders if not names_kind(folder)]


def _most_agreeing(paths: Mapping[str, Sequence[str]], folders: Sequence[str]) -> list[str]:
    """The images whose folders agree with most of the last ones in ``folders``."""

    def agreement(path: Sequence[str]) -> int:
        pairs = zip(reversed(path), reversed(folders), strict=False)
        return sum(1 for _ in takewhile(lambda pair: _loose(pair[0]) == _loose(pair[1]), pairs))

    scores = {name: agreement(path) for name, path in paths.items()}
    best = max(scores.values())
    return [name for name, score in scores.items() if score == best]


def _image_kinds(folder: Path, skipped: Collection[str], skip: Callable[[str], bool]) -> dict[str, ImageKind]:
    """The images below a folder, sorted, with what Pillow can do with them."""
    names = [path.relative_to(folder).as_posix() for path in files_below(folder, skipped=skipped)]
    kinds = {name: kind_by_ending(name) for name in names if not skip(name)}
    return {name: kind for name, kind in sorted(kinds.items()) if kind != "other"}
