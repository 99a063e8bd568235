"""Files that lie in two splits: what is trained on must not be what is scored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence


def copies(paths: Sequence[str], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each of ``paths`` that has the bytes of one of ``others``, and that one. Files that cannot be read have none.

    Only files of equal size are read.
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
    """In bytes; 0 for a file that is not there or empty, which is no copy of anything."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _digest(path: str) -> str:
    """Of the content; the path's own, which no content has, where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return path
