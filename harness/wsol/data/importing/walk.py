"""Files below a folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from wsol.errors import DataError


def files_below(folder: Path, *endings: str, skipped: Collection[str] = ()) -> list[Path]:
    """All files below a folder, sorted; hidden files and folders, and what macOS adds to archives, are left out.

    Links to folders are followed, each folder once.

    Args:
        folder: The folder.
        *endings: Endings of the files, in lower case, with the dot; none: all files.
        skipped: Names of folders, in lower case, that are left out.

    Raises:
        DataError: A folder cannot be read.
    """
    found = []
    for parent, files in _folders(folder, skipped):
        found += [Path(parent, name) for name in files if name[0] != "." and name.lower().endswith(endings or ("",))]
    return sorted(found)


def _folders(folder: Path, skipped: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    seen: set[tuple[int, int]] = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_stop):
        state = os.stat(parent)
        if (state.st_dev, state.st_ino) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if _visible(name) and name.lower() not in skipped)
        yield parent, files


def _visible(folder: str) -> bool:
    return not folder.startswith(".") and folder != "__MACOSX"


def _stop(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be read: {error.strerror}")
