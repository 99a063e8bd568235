"""Masks in folders that mirror those of the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

import wsol


def mask_paths(folder: Path, names: Sequence[str], report: wsol.Report) -> list[str]:
    """Find the mask of each image.

    Args:
        folder: Folder of the masks.
        names: Images as paths below the folder of the split.
        report: Called for two images that share a mask, an image without a mask, and a mask without an image.

    Returns:
        The mask's path for each image: ``cat/1.png`` in ``folder`` for ``cat/1.jpg``.
    """
    owner: dict[str, str] = {}
    for name in names:
        mask = str(PurePosixPath(name).with_suffix(".png"))
        if mask in owner:
            report("shared mask", f"{folder / mask}: is the mask of '{owner[mask]}' and of '{name}'; rename one")
        owner.setdefault(mask, name)
        if not (folder / mask).is_file():
            report("missing mask", f"{folder / mask}: no such mask, for the image '{name}'")
    for file in sorted(folder.rglob("*.png")):
        mask = file.relative_to(folder).as_posix()
        if mask not in owner and not any(part.startswith(".") for part in PurePosixPath(mask).parts):
            report("unknown id", f"{file}: a mask without an image")
    return [str(folder / PurePosixPath(name).with_suffix(".png")) for name in names]


def compare_sizes(paths: Sequence[str], names: Sequence[str], sizes: wsol.IntArray, report: wsol.Report) -> None:
    """Report masks that cannot be read or differ in size from their images.

    Args:
        paths: The mask of each image.
        names: Name of each image, for the report; in the order of ``paths``.
        sizes: Width and height of each image in pixels, int64 [N, 2]; an image with a size of 0 is not compared.
        report: Called for each problem.
    """
    masks = wsol.ImageFiles(paths).sizes(report)
    for row in np.flatnonzero((masks != sizes).any(axis=1) & masks.all(axis=1) & sizes.all(axis=1)).tolist():
        mask, image = masks[row].tolist(), sizes[row].tolist()
        report(
            "wrong size",
            f"{paths[row]}: a mask of {mask[0]} x {mask[1]} pixels for the image '{names[row]}' of "
            f"{image[0]} x {image[1]}; EXIF rotation is not applied",
        )
