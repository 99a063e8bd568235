"""The images of a source, and the rules by which a name in an annotation finds its image.

A name is compared, in this order, exactly; without its ending; without regard to case, Unicode form (NFC) and ending.
The first comparison that finds an image decides. Of several images, the one whose folders agree with most of the
name's last folders is taken; if that leaves more than one, the name is ambiguous.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from wsol.data.importing.walk import files_below
from wsol.data.readers.image_kind import ImageKind, image_endings, kind_by_ending
from wsol.data.readers.names import comparable_name
from wsol.errors import DataError
from wsol.split_names import Split

IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "imgs", "img")
"""Names of the folder with the images, where a source has one."""
ANNOTATION_FOLDERS = frozenset(
    (
        *("annotations", "labels", "mask", "masks", "trimap", "trimaps", "gt", "groundtruth", "ground_truth"),
        *("segmentation", "segmentations", "segmentationclass", "segmentationobject", "segmentationclassraw"),
    )
)
"""Names of folders, in lower case, that contain masks or texts, no images."""
SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""Folder, in lower case and without digits at its end → split."""


@dataclass(frozen=True)
class ImageMatch:
    """The image that a name stands for.

    Attributes:
        name: The image; empty if there is none, or more than one.
        rule: How the names differ: empty for equal names, ``ending``, or ``case or Unicode form``.
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
        return ImageMatch()


def default_image_folder(source: Path) -> Path:
    """The folder of a source that contains its images: one of :data:`IMAGE_FOLDERS`, or else the source itself."""
    there = {entry.name for entry in source.iterdir() if entry.is_dir()} if source.is_dir() else set()
    return next((source / name for name in IMAGE_FOLDERS if name in there), source)


def split_of(path: str) -> Split | None:
    """The split that the folders of a path name, by the first one that names any.

    Example:
        >>> split_of("valid/images/1.jpg"), split_of("train2017/1.jpg"), split_of("1.jpg")
        ('val', 'train', None)
    """
    for folder in PurePosixPath(path).parts[:-1]:
        if split := SPLIT_FOLDERS.get(folder.lower().rstrip("0123456789")):
            return split
    return None


def stem(name: str) -> str:
    """A file name without the ending of an image; other endings, as in ``img.v2``, are part of the name."""
    base, ending = os.path.splitext(name)
    return base if ending.lower() in image_endings() else name


def _same(name: str) -> str:
    return name


def _loose(name: str) -> str:
    return comparable_name(stem(name))


def _closest(names: Iterable[str], folders: list[str]) -> list[str]:
    """The images whose folders agree with most of the last ones in ``folders``."""

    def agreement(name: str) -> int:
        pairs = zip(reversed(PurePosixPath(name).parts[:-1]), reversed(folders), strict=False)
        return sum(1 for _ in takewhile(lambda pair: _loose(pair[0]) == _loose(pair[1]), pairs))

    scores = {name: agreement(name) for name in names}
    best = max(scores.values())
    return [name for name, score in scores.items() if score == best]


def _image_kinds(folder: Path, skipped: Collection[str], skip: Callable[[str], bool]) -> dict[str, ImageKind]:
    """The images below a folder, sorted, with what Pillow can do with them."""
    names = [path.relative_to(folder).as_posix() for path in files_below(folder, skipped=skipped)]
    kinds = {name: kind_by_ending(name) for name in names if not skip(name)}
    return {name: kind for name, kind in sorted(kinds.items()) if kind != "other"}
