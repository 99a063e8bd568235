"""Images in class folders, and files that do not belong there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import wsol

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Suffixes of images, in any case; other files and hidden files are ignored."""


@dataclass
class Found:
    """Images of a split, sorted within each class.

    Attributes:
        names: Paths below the folder of the split.
        labels: Classes.
    """

    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


def class_names(train: Path) -> list[str]:
    """Names of the folders in ``train``, sorted; raises DataError if there are none."""
    if not train.is_dir():
        raise wsol.DataError(f"{train}: no such folder; it needs a folder of images for every class")
    names = [folder.name for folder in _visible(train) if folder.is_dir()]
    if not names:
        raise wsol.DataError(f"{train}: no folder in it; every class needs one with its images")
    return names


def find_images(split: Path, classes: Sequence[str], report: wsol.Report, *, all_classes: bool) -> Found:
    """List the images in the class folders of a split.

    Args:
        split: Folder of the split.
        classes: Names of the classes.
        report: Called for a folder that is not a class, and an image outside the class folders.
        all_classes: Whether to report classes without an image.

    Returns:
        The images.

    Raises:
        DataError: The folder is missing or contains no image.
    """
    if not split.is_dir():
        raise wsol.DataError(f"{split}: no such folder (see 'wsol data info folder')")
    found = Found()
    index = {name: label for label, name in enumerate(classes)}
    for entry in _visible(split):
        if not entry.is_dir():
            _outside(entry, report)
        elif entry.name not in index:
            report("unknown class", f"{entry}: train has no folder '{entry.name}'; classes are the folders of train")
        else:
            images = _images(entry, report)
            if all_classes and not images:
                report("empty class", f"{entry}: no image in it; {', '.join(SUFFIXES)} count")
            found.names += [f"{entry.name}/{image}" for image in images]
            found.labels += [index[entry.name]] * len(images)
    if not found.names:
        raise wsol.DataError(f"{split}: no image in its class folders; {', '.join(SUFFIXES)} count")
    return found


def _images(folder: Path, report: wsol.Report) -> list[str]:
    names = []
    for entry in _visible(folder):
        if entry.is_dir():
            report("folder in a class", f"{entry}: a folder inside a class; images belong directly in the class folder")
        elif entry.suffix.lower() in SUFFIXES:
            names.append(entry.name)
    return names


def _outside(entry: Path, report: wsol.Report) -> None:
    if entry.suffix.lower() in SUFFIXES:
        report("image without class", f"{entry}: an image outside the class folders")


def _visible(folder: Path) -> list[Path]:
    return sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda path: path.name)
