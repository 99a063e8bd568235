"""Finding files that are in two splits: images to train on must not be scored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence


def copies(paths: Sequence[str], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find files with equal content; only files of equal size are read.

    Args:
        paths: Files to look for.
        others: Files to compare with.

    Yields:
        Each of ``paths`` that has the content of one of ``others``, and that file. Unreadable files have no copies.
    """
    sizes = {size for path in paths if (size := _size(path))}
    known: dict[str, str] = {}
    for other in others:
        if _size(other) in sizes:
            known.setdefault(_digest(other), other)
    wanted = {_size(other) for other in known.values()}
    for path in paths:
        found = known.get(_digest(path)) if _size(path) in wanted else None
        if found:
            yield path, found


def _size(path: str) -> int:
    """The size of a file in bytes; 0 for a missing or empty file, which has no copies."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _digest(path: str) -> str:
    """A hash of the content; the path itself for a file that cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return path
