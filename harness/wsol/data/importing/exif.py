"""The EXIF orientation of images, which annotation tools may have applied."""

from __future__ import annotations

from pathlib import Path

from wsol.data.images import exif_orientation
from wsol.errors import DataError


def stored_orientation(path: Path) -> int:
    """The orientation that an image file states, 1 to 8; 1 where it states none or cannot be read."""
    try:
        return exif_orientation(path)
    except DataError:  # broken files are reported where they are decoded
        return 1
