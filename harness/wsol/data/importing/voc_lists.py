"""The lists of splits in folders as Pascal VOC has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from wsol.data.benchmark import Report
from wsol.data.importing.folder_roles import SPLIT_WORDS
from wsol.data.importing.walk import files_below
from wsol.errors import DataError
from wsol.files import read_lines
from wsol.split_names import Split

ListedSplits = Mapping[tuple[Path, str], Split]
"""Folder that contains ``ImageSets``, and name of an image without ending → split."""


def voc_splits(folder: Path, group: str, report: Report) -> ListedSplits:
    """Read lists such as ``ImageSets/Main/train.txt``; ``trainval.txt`` and lists of classes are left out.

    Args:
        folder: The source; ``ImageSets`` may be in a folder below it, as those of several years in ``VOCdevkit`` are.
        group: The folder in ``ImageSets``: ``Main``, or ``Segmentation`` for masks.
        report: Receives an image that is in two of the lists.
    """
    found: dict[tuple[Path, str], Split] = {}
    for path in files_below(folder, ".txt"):
        split = SPLIT_WORDS.get(path.stem.lower())
        if split is None or path.parts[-3:-1] != ("ImageSets", group):
            continue
        try:
            lines = read_lines(path)
        except DataError as error:
            report("unreadable list", str(error))
            continue
        for number, line in enumerate(lines, start=1):
            image = re.sub(r"\s+-?[01]$", "", line.strip()).strip('"')
            known = found.setdefault((path.parents[2], image), split) if image else split
            if known != split:
                report("image in two splits", str(DataError.at(path, number, f"'{image}' is in {known} too")))
    return found


def listed_split(splits: ListedSplits, path: Path) -> Split | None:
    """The split of an annotation file, by the lists of the innermost folder that has it."""
    return next((split for parent in path.parents if (split := splits.get((parent, path.stem)))), None)
