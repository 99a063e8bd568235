"""Files below a folder."""

from __future__ import annotations

import os
from pathlib import Path


def files_below(folder: Path, *endings: str) -> list[Path]:
    """All files with one of some endings, in any case, below a folder, sorted; hidden files and folders are left out.

    Args:
        folder: The folder.
        *endings: In lower case, with the dot; none: all files.
    """
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        found += [Path(parent, name) for name in files if name[0] != "." and name.lower().endswith(endings or ("",))]
    return sorted(found)
