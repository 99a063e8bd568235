"""ImageNetV2's files under their old and new names.

The ids of the benchmark's first years are ``val2/0/0.jpeg`` … ``val2/999/9.jpeg``; since the end of 2020 the archive
contains ``0/a31041fd31109279f69ba5827fe508eee00abd75.jpeg``. Names and order do not tell which file is which, so it is
read from ``mapping.txt`` beside the ids (``0/0.jpeg, 0/a310….jpeg``), in either direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import wsol

MAPPING = "mapping.txt"


def read_mapping(path: Path) -> dict[str, str]:
    """Read the mapping between old and new names.

    Args:
        path: The file, one pair of names on each line.

    Returns:
        The new name of each old one and the old name of each new one, below ``val2``; empty without the file.

    Raises:
        DataError: A line is not a pair, or a name is repeated.
    """
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(wsol.read_lines(path), start=1):
        pair = [name.strip().removeprefix("val2/") for name in line.split(",")]
        if len(pair) != 2 or not all(pair):
            raise wsol.DataError.at(path, number, f"needs an old and a new name separated by a comma, not '{line}'")
        for name in pair:
            if name in found:
                raise wsol.DataError.at(path, number, f"'{name}' was on another line already")
        found |= {pair[0]: pair[1], pair[1]: pair[0]}
    return found


def find_renamed(folder: Path, names: Sequence[str], mapping: Path) -> list[str]:
    """Find images under their old or new names.

    Args:
        folder: Folder of the images.
        names: Names of the images below it.
        mapping: File that maps old and new names.

    Returns:
        A path for each image; under its own name where neither exists.

    Raises:
        DataError: An image is missing, and its folder contains another one that belongs to no id.
    """
    other = read_mapping(mapping)
    known = {*names, *(other[name] for name in names if name in other)}
    paths = []
    for name in names:
        places = [folder / name, folder / other.get(name, name)]
        path = next((place for place in places if place.is_file()), None)
        unknown = None if path else _unknown_file(folder / name, known)
        if unknown:
            raise wsol.DataError(_explain(folder / name, unknown, mapping))
        paths.append(str(path or places[0]))
    return paths


def _unknown_file(missing: Path, known: set[str]) -> str | None:
    """A file in the folder of a missing one that belongs to no id."""
    place = missing.parent
    files = sorted(place.glob("*.jpeg")) if place.is_dir() else []
    return next((file.name for file in files if f"{place.name}/{file.name}" not in known), None)


def _explain(path: Path, unknown: str, mapping: Path) -> str:
    return (
        f"{path}: no such image, but its folder contains '{unknown}': ImageNetV2's files were renamed in 2020, and the "
        f"text files do not match them. Get the current metadata/ILSVRC/val of the public metadata, or only its "
        f"{MAPPING}, as {mapping}"
    )
