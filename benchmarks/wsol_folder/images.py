"""Images in class folders, and files that do not belong there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import wsol
from wsol_folder.entries import Entry, OtherFiles, count_images, folder_entries

_SPLIT_NAMES = {
    "train": ("training", "train_images"),
    "val": ("valid", "validation", "dev"),
    "test": ("testing", "evaluation"),
}
"""Usual names of folders that a split may be stored in instead."""


@dataclass
class Found:
    """Images of a split, sorted within each class.

    Attributes:
        names: Paths below the folder of the split.
        labels: Classes; -1 where the classes are not known, because train cannot be read.
        reported: Files and folders that were reported, as paths below the folder of the split without spaces around
            them: annotations of what is in them are not reported a second time.
    """

    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    reported: set[str] = field(default_factory=set)

    def was_reported(self, name: str) -> bool:
        """Whether a file of this name, with any ending, or a folder that it is in was reported."""
        return any(_without_ending(place) in self._stems for place in (name, *map(str, PurePosixPath(name).parents)))

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(map(_without_ending, self.reported))


def class_names(train: Path) -> list[str]:
    """Names of the folders in ``train``, sorted; raises DataError if there are none."""
    check_folder(train, "it needs a folder of images for every class")
    names = [entry.name for entry in folder_entries(train) if entry.is_folder and not _name_problem(entry)]
    if not names:
        loose = count_images(train)
        what = "image is" if loose == 1 else "images are"
        hint = f"; {loose} {what} below it, in none of these folders" if loose else ""
        raise wsol.DataError(f"{train}: no folder in it; every class needs one with its images{hint}")
    return names


def check_folder(folder: Path, needs: str) -> None:
    """Check that the folder of a split exists.

    Args:
        folder: The folder.
        needs: What to say where it does not.

    Raises:
        DataError: It does not exist; the message names a folder that may be meant.
    """
    if folder.is_dir():
        return
    for place in (folder.parent, folder):
        if os.path.lexists(place) and not place.is_dir():
            raise wsol.DataError(f"{wsol.shown(str(place))}: not a folder")
    if not folder.parent.is_dir():
        raise wsol.DataError(f"{wsol.shown(str(folder.parent))}: no such folder")
    there = [entry.name for entry in folder_entries(folder.parent) if entry.is_folder]
    meant = [name for name in there if name.lower() in (folder.name, *_SPLIT_NAMES.get(folder.name, ()))]
    hint = f"; is it '{wsol.shown(meant[0])}'? Then rename it" if len(meant) == 1 else ""
    raise wsol.DataError(f"{folder}: no such folder; {needs}{hint}")


def find_images(split: Path, classes: Sequence[str] | None, report: wsol.Report) -> Found:
    """List the images in the class folders of a split.

    Args:
        split: Folder of the split.
        classes: Names of the classes; None if they are not known.
        report: Called for every file and folder that is not listed and not hidden.

    Returns:
        The images.

    Raises:
        DataError: The folder is missing.
    """
    check_folder(split, "'wsol data info folder' describes the layout")
    return _SplitReader(split, classes, report).read()


class _SplitReader:
    """Lists a split; see :func:`find_images`."""

    def __init__(self, split: Path, classes: Sequence[str] | None, report: wsol.Report) -> None:
        self.split = split
        self.classes = None if classes is None else wsol.NameMatcher(classes)
        self.report = report
        self.found = Found()
        self.others = OtherFiles()

    def read(self) -> Found:
        """List all class folders."""
        entries = folder_entries(self.split)
        if self.split.name == "train":
            self._compare_names([entry.name for entry in entries if entry.is_folder])
        for entry in entries:
            if entry.is_folder:
                self._read_class(entry)
            elif self._is_image(entry, entry.name):
                self._leave_out(entry, "image without class", "an image outside the class folders")
        if not self.found.names:
            kind = "usable image" if self.found.reported else "image"
            self.report("empty split", f"{self.split}: no {kind} in its class folders")
        self._report_classes()
        self.others.note(self.split, self.report)
        return self.found

    def _read_class(self, folder: Entry) -> None:
        label = -1 if self.classes is None else self.classes.find(folder.name)
        if problem := _name_problem(folder):
            self._leave_out_folder(folder, "bad name", f"its name {problem}; rename it")
        elif label is None and self.classes is not None:
            hint = self.classes.near(folder.name)[1]
            text = f"train has no folder '{wsol.shown(folder.name)}'; classes are the folders of train{hint}"
            self._leave_out_folder(folder, "unknown class", text)
        elif label is not None:
            images = self._images(folder)
            self.found.names += images
            self.found.labels += [label] * len(images)

    def _images(self, folder: Entry) -> list[str]:
        try:
            entries = folder_entries(folder.path)
        except wsol.DataError as error:
            self.found.reported.add(folder.name)
            self.report("unreadable folder", str(error))
            return []
        names = []
        for entry in entries:
            name = f"{folder.name}/{entry.name}"
            if entry.is_folder:
                text = "a folder inside a class; images belong directly in the class folder"
                self._leave_out_folder(entry, "folder in a class", text)
            elif self._is_image(entry, name):
                names.append(name)
        return names

    def _is_image(self, entry: Entry, name: str) -> bool:
        """Whether a file is an image that can be listed; others are reported, or collected under ``name``."""
        if entry.problem:
            self._leave_out(entry, "unreadable file", entry.problem)
            return False
        try:
            kind = wsol.image_kind(str(entry.path))
        except OSError as error:
            self._leave_out(entry, "unreadable file", f"cannot be read: {error.strerror or error}")
            return False
        problem = wsol.name_problem(name)
        if kind == "other":
            self.others.names.append(name)
        elif kind == "unsupported":
            text = "an image of a kind that is not read; convert it, for example to PNG"
            self._leave_out(entry, "unsupported image", text)
        elif problem:
            self._leave_out(entry, "bad name", f"its name {problem}; rename it")
        return kind == "image" and not problem

    def _leave_out(self, entry: Entry, kind: str, text: str, *, note: bool = False) -> None:
        self.found.reported.add(str(PurePosixPath(entry.path.relative_to(self.split))).strip())
        self.report(kind, f"{wsol.shown(str(entry.path))}: {text}", note=note)

    def _leave_out_folder(self, folder: Entry, kind: str, text: str) -> None:
        """Report a folder that is not read; without an image in it, that is a note."""
        count = count_images(folder.path)
        holds = f" ({count} {'image' if count == 1 else 'images'} in it)" if count else " (no image in it)"
        self._leave_out(folder, kind, f"{text}{holds}", note=not count)

    def _report_classes(self) -> None:
        if self.classes is None:
            return
        self.classes.note_other_forms(str(self.split), self.report)
        images = set(self.found.labels)
        empty = [name for label, name in enumerate(self.classes.names) if label not in images]
        if self.split.name == "train":
            for name in empty:
                self.report("empty class", f"{self.split / name}: no image in it")
        elif empty and images:
            text = f"{len(empty)} of {len(self.classes.names)} classes have no image: {', '.join(empty[:10])}"
            self.report("class without images", f"{self.split}: {text}{' …' if len(empty) > 10 else ''}", note=True)

    def _compare_names(self, names: Sequence[str]) -> None:
        """Report classes whose names differ only in upper and lower case, spaces or Unicode form."""
        first: dict[str, str] = {}
        for name in names:
            other = first.setdefault(wsol.comparable_name(name), name)
            if other != name:
                text = f"'{other}' and '{name}' differ only in upper and lower case, spaces or Unicode form"
                self.report("similar classes", f"{wsol.shown(f'{self.split}: {text}')}; rename or merge them")


def _name_problem(folder: Entry) -> str:
    return wsol.name_problem(f"{folder.name}/-")  # as a part of ids, a name may end with a space


def _without_ending(name: str) -> str:
    return os.path.splitext(name)[0]
