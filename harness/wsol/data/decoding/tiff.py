"""What TIFF files may contain and Pillow passes over, or applies although it is not wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION = 254, 258, 259, 262, 274
_SAMPLES, _PLANAR, _FORMAT, _SUBSAMPLING = 277, 284, 339, 530
_REDUCED, _TRANSPARENCY_MASK = 1, 4
"""Bits of the tag ``NewSubfileType``."""
_TURNED = (5, 6, 7, 8)
"""Orientations that exchange width and height."""


def tag(image: Image, number: int, default: int) -> int:
    """The first value of a TIFF tag; ``default`` where there is none, and for other formats."""
    return _values(image, number, default)[0]


def pages(image: Image) -> int:
    """Count the frames of an image of any format; smaller copies and transparency masks of a TIFF file do not count."""
    frames = int(getattr(image, "n_frames", 1))
    if frames == 1 or image.format != "TIFF":
        return frames
    counted = 1
    for frame in range(1, frames):
        image.seek(frame)
        counted += not tag(image, _SUBFILE, 0) & (_REDUCED | _TRANSPARENCY_MASK)
    image.seek(0)
    return counted


def check_samples(image: Image, deep: bool) -> None:
    """Check that Pillow's pixels are those of the file.

    Args:
        image: An image of any format, not decoded yet.
        deep: Whether it has several channels of 16 bits.

    Raises:
        DataError: It is a TIFF file of a kind that would lose channels, signs or order.
    """
    if image.format != "TIFF":
        return
    samples, bands = tag(image, _SAMPLES, 1), len(image.getbands())
    if samples > bands:
        raise DataError(f"{samples} channels, of which only {bands} would be read; save those that are meant, as RGB")
    bits, separate = tag(image, _BITS, 1), tag(image, _PLANAR, 1) == 2
    if samples > 1 and bits > 8 and separate:
        raise DataError(
            "a TIFF file with 16 bits and separate planes of colour, which is not supported; save it as PNG"
        )
    if bits == 8 and tag(image, _FORMAT, 1) == 2:
        raise DataError("a TIFF file of signed 8-bit values; save it with values from 0 to 255")
    if image.mode == "YCbCr" and tag(image, _COMPRESSION, 1) == 1 and set(_values(image, _SUBSAMPLING, 2, 2)) != {1}:
        raise DataError("a TIFF file of subsampled YCbCr without compression, which is not supported; save it as PNG")
    if deep and orientation(image) != 1:
        raise DataError("a TIFF file with 16 bits a colour and an orientation, which is not supported; save it as PNG")


def orientation(image: Image) -> int:
    """The tag ``Orientation`` of a TIFF image that is not decoded yet; 1 for none and for other formats."""
    return tag(image, _ORIENTATION, 1)


def white_is_zero(image: Image) -> bool:
    """Whether a TIFF image stores white as 0, which Pillow inverts for up to 8 bits only."""
    return tag(image, _PHOTOMETRIC, 1) == 0


def stored_size(image: Image) -> tuple[int, int]:
    """Width and height as stored, in pixels: Pillow's size follows a TIFF orientation."""
    width, height = image.size
    return (height, width) if orientation(image) in _TURNED else (width, height)


def load_as_stored(image: Image) -> Image:
    """Decode an image without the orientation that Pillow applies to TIFF files.

    Args:
        image: An image of any format, not decoded yet.

    Returns:
        The image in the order of the file.
    """
    from PIL.Image import Transpose

    undo = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_90,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_270,
    }.get(orientation(image))  # decoding removes the tag
    image.load()
    return image if undo is None else image.transpose(undo)


def _values(image: Image, number: int, *default: int) -> tuple[int, ...]:
    """The values of a TIFF tag; the default where there is none, and for other formats."""
    from PIL.TiffImagePlugin import TiffImageFile

    found = image.tag_v2.get(number, default) if isinstance(image, TiffImageFile) else default
    return tuple(map(int, found)) if isinstance(found, tuple) else (int(found),)
