"""Values of more than 8 bits: how many they use, and their 8-bit values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np

from wsol.arrays import Array, Float32Array, FloatArray
from wsol.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SAVE = "save it as RGB with 8 bits"
"""What always helps, for messages."""
WHITE = 2**16 - 1
"""White of 16 bits."""
_SIGNATURE = 8
"""Bytes of a PNG file before its first chunk. A chunk has 12 bytes beside its data."""
_TWELVE_BITS = 2**12 - 1
_DEEP = re.compile(r";16[LBN]$")
"""Pillow's raw modes of 16 bits a channel: ``RGB;16B``."""


def has_deep_colour(image: Image) -> bool:
    """Whether an image that is not decoded yet has several channels of more than 8 bits, of which Pillow keeps 8."""
    if image.mode.startswith("I"):
        return False
    codecs = [tile[0] for tile in getattr(image, "tile", [])]
    return any(map(_DEEP.search, raw_modes(image))) or "SGI16" in codecs or _jpeg2000_bits(image) > 8


def stated_white(image: Image) -> int | None:
    """The value that Pillow gives white of one channel, where the file says so; None: 16 bits that may not be used."""
    if "I;12" in raw_modes(image):
        return _TWELVE_BITS
    bits = _jpeg2000_bits(image)
    return (2**bits - 1) << (16 - bits) if 8 < bits <= 16 else None


def raw_modes(image: Image) -> list[str]:
    """How the pixels of an image that is not decoded yet are stored, in Pillow's words: ``RGB;16B``."""
    arguments = [tile[3] for tile in getattr(image, "tile", [])]
    given = [part for entry in arguments for part in (entry if isinstance(entry, tuple) else (entry,))]
    return [part for part in given if isinstance(part, str)]


def file_content(image: Image) -> bytes:
    """All bytes of the file of an image that is not decoded yet; empty for an image that was made in memory."""
    file = getattr(image, "fp", None)
    if file is None:
        return b""
    position = file.tell()
    file.seek(0)
    content: bytes = file.read()
    file.seek(position)
    return content


def _jpeg2000_bits(image: Image) -> int:
    """Bits of the first channel by the header of a JPEG 2000 file; 0 for other formats."""
    if image.format != "JPEG2000":
        return 0
    content = file_content(image)
    depth = content.find(b"\xff\x4f\xff\x51") + 42
    return (content[depth] & 0x7F) + 1


def read_deep_colour(content: bytes, kind: str, high: Image) -> Array:
    """Read all 16 bits of an image with several channels.

    Args:
        content: The file.
        kind: Its format.
        high: The same image, decoded by Pillow, which keeps the upper 8 bits.

    Returns:
        uint16 [H, W, 3] or [H, W, 4], with alpha.

    Raises:
        DataError: The format is not supported, or two libraries decode the file differently.
    """
    if kind not in ("PNG", "TIFF") or high.mode not in ("RGB", "RGBA"):
        raise DataError(f"more than 8 bits a channel in a {kind} file ({high.mode}), which is not supported; {SAVE}")
    needed = _without_metadata(content) if kind == "PNG" else content
    pixels = cv2.imdecode(np.frombuffer(needed, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise DataError(f"16 bits a channel that cannot be decoded; {SAVE}")
    rgb = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if not np.array_equal(rgb[..., :3] // 256, np.asarray(high.convert("RGB"))):
        raise DataError(f"16 bits a channel that two libraries decode differently; {SAVE}")
    return rgb


def _without_metadata(png: bytes) -> bytes:
    """A PNG file without what libpng prints warnings about, which name no file: profiles, gamma, text."""
    kept, at = [png[:_SIGNATURE]], _SIGNATURE
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        name = png[at + 4 : at + 8]
        if name[:1].isupper() or name == b"tRNS":  # a capital means that the chunk is needed
            kept.append(png[at:end])
        at = end
    return b"".join(kept)


def to_unit(values: Array, white: int | None, bits: int | None) -> Float32Array:
    """Map whole numbers from 0 to white to [0, 1].

    Args:
        values: Whole numbers of any type and shape.
        white: Largest value by the file; None where it is not known.
        bits: Bits that the user says are used; they count where ``white`` is None.

    Returns:
        float32 of the same shape.

    Raises:
        DataError: A value is negative or above white, or the image looks like 12 bits stored in 16.
    """
    low, high = int(values.min()), int(values.max())
    top = white or 2 ** (bits or 16) - 1
    if low < 0 or high > top:
        raise DataError(f"values from {low} to {high}; from 0 to {top} is expected, so scale them, or {SAVE}")
    if white is None and bits is None and 0 < high <= _TWELVE_BITS:
        raise DataError(
            f"16-bit values of at most {high}, as if 12 bits or fewer were stored in 16; set the option "
            "'bits' to the number that is used (12), or to 16 if the image is this dark"
        )
    unit: Float32Array = values.astype(np.float32) / np.float32(top)
    return unit


def check_unit(values: Array) -> FloatArray:
    """Check that floats are in [0, 1].

    Args:
        values: Floats of any shape.

    Returns:
        The same values, float64.

    Raises:
        DataError: A value is NaN, infinite or outside [0, 1].
    """
    if not np.isfinite(values).all():
        raise DataError(f"floats that are NaN or infinite; {SAVE}")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise DataError(f"floats from {low:.9g} to {high:.9g}; from 0 to 1 is expected, so scale them, or {SAVE}")
    unit: FloatArray = values.astype(np.float64)
    return unit
