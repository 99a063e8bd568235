"""Marks in the folder of a data set that say which archives were unpacked there, and whether completely."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsol.data.benchmark import Archive
from wsol.errors import DataError
from wsol.files import lock, make_folder, read_json, write_atomic, writing

MARKS = ".wsol"
"""Folder below a data set's root for the marks."""
WHAT = "the mark of an unpacked archive"
"""What a mark is called in messages."""


def refuse_unfinished(root: Path) -> None:
    """Raise DataError when the unpacking of an archive below ``root`` was begun and not finished."""
    begun = sorted(mark.stem for mark in (root / MARKS).glob("*.begun"))
    if begun:
        raise DataError(
            f"{root}: {', '.join(begun)} is not completely unpacked (in progress, or interrupted); "
            "run 'wsol data prepare' again to resume it"
        )


def is_begun(root: Path, archive: Archive) -> bool:
    """Whether the unpacking of an archive was begun and not finished.

    Args:
        root: Folder below which it is unpacked.
        archive: The archive.
    """
    return (root / MARKS / f"{archive.name}.begun").exists()


def is_unpacked(root: Path, archive: Archive, found: Path | None) -> bool:
    """Whether an archive was completely unpacked.

    Args:
        root: Folder below which it is unpacked.
        archive: The archive.
        found: File whose size the unpacked archive must have had; None accepts any size.
    """
    try:
        mark = read_json(root / MARKS / f"{archive.name}.done")
        size = mark["size"] if isinstance(mark, dict) else None
    except (DataError, KeyError):
        return False
    whole = (root / archive.gives).exists() and not is_begun(root, archive)
    return whole and (found is None or size == found.stat().st_size)


@contextmanager
def unpacking(root: Path, archive: Archive, found: Path) -> Iterator[Path]:
    """Mark ``root`` as incomplete while the block unpacks an archive, and after a crash in it.

    Args:
        root: Folder of the data set.
        archive: The archive to unpack.
        found: Its file.

    Yields:
        A path on the same disk for temporary files.

    Raises:
        DataError: Another process is unpacking the archive, or the marks cannot be written.
    """
    folder = root / MARKS
    begun, part = folder / f"{archive.name}.begun", folder / f"{archive.name}.part"
    make_folder(folder, WHAT)
    with writing(begun, WHAT):
        begun.open("a").close()
    with lock(begun, busy=f"{root}: another process is unpacking {archive.name} here; wait for it"):
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
        if hasattr(os, "sync"):
            os.sync()  # after a power cut there must be no mark without its files
        content = json.dumps({"archive": archive.name, "size": found.stat().st_size})
        write_atomic(folder / f"{archive.name}.done", content, WHAT)
        with writing(begun, WHAT):
            begun.unlink(missing_ok=True)  # a second process that began at once shares the mark
