"""Images in class folders, and what else lies there that should not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import wsol

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What counts as an image, in capitals too. Other files and hidden ones are passed over."""


@dataclass
class Found:
    """Images of a split: ``names``, paths below its folder, sorted class by class, and the classes' indices."""

    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)


def class_names(train: Path) -> list[str]:
    """Names of the folders in ``train``, sorted as Python sorts text; raises DataError where there is none."""
    if not train.is_dir():
        raise wsol.DataError(f"{train}: no such folder; it holds a folder of images for every class")
    names = [folder.name for folder in _visible(train) if folder.is_dir()]
    if not names:
        raise wsol.DataError(f"{train}: no folder in it; every class needs one with its images")
    return names


def find_images(split: Path, classes: Sequence[str], report: wsol.Report, *, all_classes: bool) -> Found:
    """The images in the class folders of ``split``.

    Told to ``report``: a folder that is no class, an image outside the class folders, and with ``all_classes`` a class
    without an image. Raises DataError where the folder is missing or holds no image.
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
            report("folder in a class", f"{entry}: a folder inside a class; images lie directly in the class folder")
        elif entry.suffix.lower() in SUFFIXES:
            names.append(entry.name)
    return names


def _outside(entry: Path, report: wsol.Report) -> None:
    if entry.suffix.lower() in SUFFIXES:
        report("image without class", f"{entry}: an image outside the class folders")


def _visible(folder: Path) -> list[Path]:
    return sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda path: path.name)
