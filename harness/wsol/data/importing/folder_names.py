"""Names of classes and images in the folders of an imported data set: valid on all common file systems."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from wsol.data.importing.labelling import LabelledImage

LONGEST = 255
"""Most bytes in the name of a file or folder."""
LONGEST_CLASS = 100
"""Most bytes in the name of a class, which is also part of the names of images."""
RESERVED = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
"""Characters that some file system does not accept in a name, and halves of surrogate pairs."""
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that Windows reserves."""


def class_name_problem(name: str) -> str:
    """Say why a class cannot have its name as a folder.

    Args:
        name: Name of the class.

    Returns:
        The reason, as the end of a sentence; empty for a good name.

    Example:
        >>> class_name_problem("a/b"), class_name_problem("kangaroo")
        ("contains '/'", '')
    """
    if not name.strip():
        return "is empty"
    if found := RESERVED.search(name):
        return f"contains {found.group()!r}"
    if name[0] in ".#":
        return f"begins with {name[0]!r}"
    if name != name.strip() or name.endswith("."):
        return "begins or ends with a space, or ends with a dot"
    if DEVICES.fullmatch(name):
        return "is reserved on Windows"
    if len(name.encode()) > LONGEST_CLASS:
        return f"has more than {LONGEST_CLASS} bytes"
    return ""


def file_names(entries: Sequence[LabelledImage]) -> list[str]:
    """Name the file of each entry: ``CLASS/STEM.ext``, or ``CLASS/STEM#CLASS.ext`` for one of several of an image.

    The stem is that of the image's file. Images of a class whose stems differ at most by case get longer names, because
    masks are named by stems and some file systems ignore case: with the image's folders, ``a__1.jpg`` for ``a/1.jpg``;
    where these are equal too, with a hash of the image's whole name.

    Args:
        entries: The entries, each with a category that can be the name of a folder.

    Returns:
        Paths below the folder of a split, in the order of the entries; each stem once in its class.
    """
    level = [0] * len(entries)
    while True:
        stems = [_stem(entry, depth) for entry, depth in zip(entries, level, strict=True)]
        keys = [(entry.category, _key(stem)) for entry, stem in zip(entries, stems, strict=True)]
        counts = Counter(keys)
        longer = [place for place, key in enumerate(keys) if counts[key] > 1 and level[place] < _HASHED]
        if not longer:
            return [f"{e.category}/{stem}{_ending(e)}" for e, stem in zip(entries, stems, strict=True)]
        for place in longer:
            level[place] += 1


_HASHED = 2
"""Level of names that contain a hash."""


def _stem(entry: LabelledImage, level: int) -> str:
    path = PurePosixPath(entry.source.name)
    folders = path.parts[:-1] if level else ()
    stem = RESERVED.sub("_", "__".join([*folders, path.stem]))
    room = LONGEST - len(entry.mark.encode()) - max(len(_ending(entry).encode()), len(".png"))
    if level == _HASHED or len(stem.encode()) > room:
        digest = hashlib.sha256(entry.source.name.encode(errors="surrogatepass")).hexdigest()[:8]
        stem = stem.encode()[: room - len(digest) - 1].decode(errors="ignore") + f"~{digest}"
    return stem + entry.mark


def _ending(entry: LabelledImage) -> str:
    return RESERVED.sub("_", PurePosixPath(entry.source.name).suffix)


def _key(stem: str) -> str:
    return unicodedata.normalize("NFC", stem).casefold()
