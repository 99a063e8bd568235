"""The EXIF orientation of images, which annotation tools may have applied."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ORIENTATION = 0x0112
"""Tag of the orientation."""


def stored_orientation(path: Path) -> int:
    """The orientation that an image file states, 1 to 8; 1 where it states none or cannot be read."""
    try:
        with Image.open(path) as image:
            value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # PIL raises many types for broken files, which are reported where they are decoded
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
