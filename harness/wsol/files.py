"""The disk under the cache: room, files that appear only when they are whole, and one process at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsol.errors import DataError

MARGIN = 64 * 2**20
"""Bytes to leave free on the disk."""


def bytes_on_disk(path: Path) -> int:
    """Fewer than its size for a file with holes; 0 for one that has just gone."""
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


def make_folder(folder: Path) -> None:
    """Make the folder with its parents; raises DataError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: the image cache cannot be made: {error.strerror}") from None


def check_space(
    folder: Path,
    size: int,
    what: str = "decoded images need",
    instead: str = "give another folder with --cache or WSOL_CACHE",
) -> None:
    """Raise DataError when ``size`` bytes and :data:`MARGIN` do not fit; ``what`` and ``instead`` go into its text."""
    free = shutil.disk_usage(folder).free
    if size + MARGIN > free:
        raise DataError(
            f"{folder}: {what} {size / 2**20:.0f} MiB and {MARGIN / 2**20:.0f} to spare, "
            f"{free / 2**20:.0f} MiB are free; free some space or {instead}"
        )


@contextmanager
def temporary(path: Path) -> Iterator[int]:
    """A file open for writing that becomes ``path`` when the block ends well, and vanishes when it does not."""
    temporary = None
    try:
        file, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            yield file
            os.fchmod(file, 0o644)
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: the image cache cannot be written: {error.strerror or error}") from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Held by one process at a time, and let go by the system when that one dies.

    False where the file system or the platform has no locks: then all build, and the last one's equal file stays.
    """
    with contextlib.ExitStack() as stack:
        alone = False
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(stack.enter_context(path.open("w")), fcntl.LOCK_EX)
            alone = True
        yield alone


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that readers see all of it or none; raises DataError when the disk is full or read-only."""
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written: {error.strerror or error}; nothing was changed") from None
