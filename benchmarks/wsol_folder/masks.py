"""Masks in folders that mirror those of the images."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

import wsol
from wsol_folder.entries import OtherFiles, count_images, folder_entries, read_folder
from wsol_folder.images import Found

_ADDED = re.compile(r"[-_.][^-_./]*$")
"""What programs add to the name of an image to name its mask, such as ``_mask``."""


def list_masks(folder: Path, report: wsol.Report) -> list[str]:
    """List the image files in a folder of masks and in the folders of classes in it.

    Args:
        folder: Folder of the masks.
        report: Called for everything that is not listed and not hidden.

    Returns:
        Paths below ``folder``, sorted.
    """
    others, names = OtherFiles(), []
    for place in [folder, *(entry.path for entry in read_folder(folder, report) if entry.is_folder)]:
        for entry in read_folder(place, wsol.ignore_problem if place == folder else report):
            name = entry.path.relative_to(folder).as_posix()
            if not entry.is_folder:
                kind = _kind(entry.path, report)
                names += [name] if kind == "image" else []
                others.names += [name] if kind == "other" else []
            elif place != folder and count_images(entry.path):
                text = "a folder inside a class; masks belong directly in the class folder"
                report("folder in a class", f"{wsol.shown(str(entry.path))}: {text}")
    others.note(folder, report)
    return sorted(names)


def _kind(path: Path, report: wsol.Report) -> wsol.ImageKind | None:
    """What a file is; None if it cannot be read or is an image of a kind that is not read, which is reported."""
    try:
        kind = wsol.image_kind(str(path))
    except OSError as error:
        report("unreadable file", f"{wsol.shown(str(path))}: cannot be read: {error.strerror or error}")
        return None
    if kind == "unsupported":
        text = "an image of a kind that is not read; convert it to PNG"
        report("unsupported image", f"{wsol.shown(str(path))}: {text}")
        return None
    return kind


class _MaskMatcher:
    """Finds the masks of images by their names: ``cat/1.png`` or ``cat/1.jpg.png`` for ``cat/1.jpg``."""

    def __init__(self, masks: Sequence[str]) -> None:
        self.by_stem: dict[str, list[str]] = {}
        for mask in masks:
            self.by_stem.setdefault(_stem(mask), []).append(mask)
        self.matcher = wsol.NameMatcher(list(self.by_stem))
        self.by_start = {_ADDED.sub("", stem): own[0] for stem, own in self.by_stem.items()}

    def find(self, name: str) -> list[str]:
        """All masks of an image."""
        rows = [self.matcher.find(stem) for stem in dict.fromkeys((_stem(name), name))]
        return [mask for row in rows if row is not None for mask in self.by_stem[self.matcher.names[row]]]

    def similar(self, name: str, left: Container[str]) -> str | None:
        """A mask of ``left`` that may be meant by a missing one: ``cat/1_mask.png``, or one in another case."""
        row = self.matcher.near(_stem(name))[0]
        near = [] if row is None else self.by_stem[self.matcher.names[row]]
        longer = self.by_start.get(_stem(name), "")
        return next((mask for mask in (longer, *near) if mask in left), None)


def mask_paths(folder: Path, images: Found, report: wsol.Report) -> list[str]:
    """Find the mask of each image.

    Args:
        folder: Folder of the masks.
        images: The images.
        report: Called for two images that share a mask, an image without a mask or with several, and a mask without an
            image.

    Returns:
        The mask's path for each image; an empty string without one.
    """
    masks = list_masks(folder, report)
    matcher = _MaskMatcher(masks)
    found = {name: matcher.find(name) for name in images.names}
    owner: dict[str, str] = {}
    for name, own in found.items():
        if len(own) > 1:
            report("several masks", f"{folder}: {' and '.join(map(repr, own))} are masks of '{name}'; keep one")
        elif own and own[0] in owner:
            text = f"is the mask of '{owner[own[0]]}' and of '{name}'; name them after the whole names of the images"
            report("shared mask", f"{folder / own[0]}: {text}, as '{name}.png'")
        owner.update({mask: owner.get(mask, name) for mask in own})
    left = dict.fromkeys(mask for mask in masks if mask not in owner)
    reported = _unreadable(folder, images.names)
    missing = [name for name, own in found.items() if not own and not reported & {_stem(name), _class(name)}]
    absent = _without_masks(folder, masks, missing, report)
    for name in [name for name in missing if _class(name) not in absent]:
        meant = matcher.similar(name, left)
        hint = f"; if '{meant}' is its mask, rename it" if meant else ""
        left.pop(meant or "", None)
        path = folder / f"{_stem(name)}.png"
        report("missing mask", f"{path}: no such mask, for the image '{name}'{hint}")
    for mask in [mask for mask in left if not images.was_reported(mask)]:
        place = "" if "/" in mask else "; masks belong in a folder for each class, as the images do"
        report("unknown id", f"{folder / mask}: a mask without an image{place}")
    matcher.matcher.note_other_forms(str(folder), report)
    return [str(folder / own[0]) if own else "" for own in found.values()]


def _without_masks(folder: Path, masks: Sequence[str], missing: Sequence[str], report: wsol.Report) -> set[str]:
    """Report each class of which several masks are ``missing`` and none is there, once, and return these classes."""
    counts = Counter(map(_class, missing))
    there = set(map(_class, masks))
    absent = {name for name, count in counts.items() if count > 1 and name not in there}
    for name in sorted(absent):
        report("missing mask", f"{folder / name}: no mask in it, for {counts[name]} images of the class")
    return absent


def _class(name: str) -> str:
    return str(PurePosixPath(name).parent)


def _unreadable(folder: Path, names: Sequence[str]) -> set[str]:
    """Folders, and files without their endings, that are there but cannot be listed: they have been reported."""
    found = set()
    for place in sorted({str(PurePosixPath(name).parent) for name in names}):
        if not os.path.lexists(folder / place):
            continue
        try:
            entries = folder_entries(folder / place)
        except wsol.DataError:
            found.add(place)
            continue
        broken = (entry for entry in entries if entry.problem or wsol.kind_by_ending(entry.name) == "unsupported")
        found |= {f"{place}/{entry.path.stem}" for entry in broken}
    return found


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def compare_sizes(
    paths: Sequence[str],
    names: Sequence[str],
    sizes: wsol.IntArray,
    decoding: wsol.Decoding,
    report: wsol.Report,
) -> wsol.IntArray:
    """Report masks that cannot be read or differ in size from their images.

    Args:
        paths: The mask of each image; empty where it is missing, which has been reported.
        names: Name of each image, for the report; in the order of ``paths``.
        sizes: Width and height of each image in pixels, int64 [N, 2]; an image with a size of 0 is not compared.
        decoding: Limit of pixels.
        report: Called for each problem.

    Returns:
        ``sizes``, with 0 for the images whose mask is missing or cannot be read.
    """

    def unreadable(kind: str, message: str, *, note: bool = False) -> None:
        report("unreadable mask", message, note=note)

    there = [row for row, path in enumerate(paths) if path]
    masks = np.zeros_like(sizes)
    masks[there] = wsol.ImageFiles([paths[row] for row in there], decoding).sizes(unreadable)
    for row in np.flatnonzero((masks != sizes).any(axis=1) & masks.all(axis=1) & sizes.all(axis=1)).tolist():
        mask, image = masks[row].tolist(), sizes[row].tolist()
        report(
            "wrong size",
            f"{paths[row]}: a mask of {mask[0]} x {mask[1]} pixels for the image '{names[row]}' of "
            f"{image[0]} x {image[1]}; EXIF rotation is not applied",
        )
    return np.where(masks.all(axis=1, keepdims=True), sizes, 0)
