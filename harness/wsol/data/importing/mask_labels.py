"""Classes of images whose masks state none: from folders, file names, a list, or one for all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from wsol.data.benchmark import Report
from wsol.data.importing.folder_roles import ANNOTATION_FOLDERS, IMAGE_FOLDERS, split_of_word
from wsol.data.importing.image_index import ImageIndex, stem
from wsol.errors import DataError
from wsol.files import read_lines

LabelSource = Literal["folder", "name"]
"""``folder``: the folder of the image, or else of its mask. ``name``: the file name without the number at its end."""


def folder_class(*paths: str) -> str:
    """The last folder of a path that can be a class; empty if there is none.

    Splits, folders of all images or masks, and a folder of one image with the image's name are no classes.

    Args:
        *paths: The image, then its mask.

    Example:
        >>> folder_class("train/images/cat/1.jpg"), folder_class("images/1.jpg", "masks/dog/1.png")
        ('cat', 'dog')
    """
    own = stem(PurePosixPath(paths[0]).name)
    for path in paths:
        for folder in reversed(PurePosixPath(path).parts[:-1]):
            known = folder in (*IMAGE_FOLDERS, own) or folder.lower() in ANNOTATION_FOLDERS
            if not known and split_of_word(folder) is None:
                return folder
    return ""


def name_class(name: str) -> str:
    """The file name of an image up to the number at its end; empty if it has no number.

    Example:
        >>> name_class("images/great_pyrenees_12.jpg")
        'great_pyrenees'
    """
    found = re.fullmatch(r"(.*?[^\W\d_].*?)[ _-]*\d+", stem(PurePosixPath(name).name))
    return found[1] if found else ""


def listed_classes(path: Path, index: ImageIndex, report: Report) -> dict[str, str]:
    """Read a list of images with their classes.

    Args:
        path: Lines of an image and its class, with a tab, a comma or spaces between them; more fields are left out, as
            are lines that start with ``#``.
        index: The images.
        report: Receives wrong lines and those without an image.

    Returns:
        Image → class.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        separator = next((mark for mark in ("\t", ",") if mark in line), None)
        fields = [field.strip() for field in line.strip().split(separator)]
        match = index.find(fields[0])
        if len(fields) < 2 or not fields[1]:
            report("bad line", str(DataError.at(path, number, "should be an image and its class")))
        elif not match.name:
            report("missing image", str(DataError.at(path, number, f"no image, or several, named '{fields[0]}'")))
        elif found.setdefault(match.name, fields[1]) != fields[1]:
            text = f"'{fields[0]}' has the class '{found[match.name]}' already"
            report("two classes", str(DataError.at(path, number, text)))
    return found


def masks_of_classes(masks: Iterable[str]) -> bool:
    """Whether masks are in a folder of masks that number classes, as Pascal VOC's are."""
    return any("SegmentationClass" in PurePosixPath(mask).parts for mask in masks)


def missing_class(images: Sequence[str], masks: Sequence[str]) -> str:
    """What to do about images without a class, for a message; given also a mask of each."""
    if masks_of_classes(masks):
        return "state the classes of the masks' values: values=[voc] for those of Pascal VOC, else values=[1=NAME, …]"
    example = next((name for name in images if name_class(name)), "")
    by_name = f"; label=name: '{name_class(example)}' for '{example}'" if example else ""
    return (
        f"say the class with an option: category=CLASS for all{by_name}; label_file=FILE: a list of images and classes"
    )
