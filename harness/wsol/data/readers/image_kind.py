"""Which files are images: by their ending, or else by their first bytes."""

from __future__ import annotations

import os
from functools import cache
from typing import Literal

ImageKind = Literal["image", "unsupported", "other"]
"""``image``: a file that Pillow reads. ``unsupported``: an image that it does not read. ``other``: no image."""

_STUBS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
"""Formats that Pillow recognizes but does not decode by itself."""
_NOT_READ = frozenset(
    {
        *(".ai", ".avif", ".emf", ".eps", ".exr", ".hdr", ".heic", ".heif", ".hif", ".jxl", ".jxr", ".ps", ".svg"),
        *(".svgz", ".wmf", ".xcf", ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mrw", ".nef"),
        *(".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw", ".x3f"),
    }
)
"""Endings of images that Pillow does not read, unless it has registered them."""
_MAGIC = (
    (0, b"\xff\xd8\xff"),
    (0, b"\x89PNG\r\n\x1a\n"),
    (0, b"GIF87a"),
    (0, b"GIF89a"),
    (0, b"II*\0"),
    (0, b"MM\0*"),
    (8, b"WEBP"),
    (4, b"jP  \r\n\x87\n"),
    (0, b"8BPS\0\1"),
    (0, b"qoif"),
)
"""Position and content of the bytes that formats which Pillow reads begin with."""
_NOT_READ_MAGIC = ((4, b"ftypheic"), (4, b"ftypheix"), (4, b"ftypmif1"), (4, b"ftypavif"), (4, b"JXL \r\n\x87\n"))


def image_kind(path: str) -> ImageKind:
    """Say whether a file is an image, without decoding it.

    The ending counts, in any case; a file with an ending that is not one of an image, or without one, is an image if
    its first bytes are those of a common format.

    Args:
        path: The file; it is opened if its ending does not say that it is an image.

    Raises:
        OSError: The file cannot be read.
    """
    by_ending = kind_by_ending(path)
    if by_ending != "other":
        return by_ending
    with open(path, "rb") as file:
        start = file.read(16)
    if _begins(start, _MAGIC) or (start[:2] == b"BM" and start[6:10] == bytes(4)):
        return "image"
    return "unsupported" if _begins(start, _NOT_READ_MAGIC) else "other"


def kind_by_ending(path: str) -> ImageKind:
    """Say what a file is by the ending of its name alone."""
    ending = os.path.splitext(path)[1].lower()
    if ending in image_endings():
        return "image"
    return "unsupported" if ending in _NOT_READ else "other"


@cache
def image_endings() -> frozenset[str]:
    """Endings of the formats that Pillow decodes, such as ``.jpg``, in lower case."""
    from PIL import Image

    Image.init()
    registered = Image.registered_extensions().items()
    return frozenset(ending for ending, name in registered if name in Image.OPEN and name not in _STUBS)


def _begins(start: bytes, table: tuple[tuple[int, bytes], ...]) -> bool:
    return any(start[place : place + len(magic)] == magic for place, magic in table)
