"""The lists of splits in a Pascal VOC folder."""

from __future__ import annotations

from pathlib import Path

from wsol.data.benchmark import Report
from wsol.errors import DataError
from wsol.files import read_lines
from wsol.split_names import Split

_LISTS: dict[str, Split] = {"train.txt": "train", "val.txt": "val", "test.txt": "test"}


def voc_splits(folder: Path, report: Report) -> dict[str, Split]:
    """Read ``ImageSets/Main/train.txt``, ``val.txt`` and ``test.txt``; ``trainval.txt`` and lists of classes are not.

    Args:
        folder: The folder with ``ImageSets``.
        report: Receives an image that is in two of the lists.

    Returns:
        For each image, by its name without ending, its split; empty where there are no lists.
    """
    found: dict[str, Split] = {}
    for name, split in _LISTS.items():
        path = folder / "ImageSets" / "Main" / name
        if not path.is_file():
            continue
        try:
            lines = read_lines(path)
        except DataError as error:
            report("unreadable list", str(error))
            continue
        for number, line in enumerate(lines, start=1):
            image = line.strip().split(" ")[0]
            if found.get(image, split) != split:
                report("image in two splits", str(DataError.at(path, number, f"'{image}' is in {found[image]} too")))
            elif image:
                found[image] = split
    return found
