"""Decoding, resizing and writing images."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from wsol.arrays import BoolArray, ByteArray
from wsol.data.decoding.conversion import rgb_pixels
from wsol.data.decoding.depth import file_content
from wsol.data.decoding.opening import opened
from wsol.data.decoding.settings import DEFAULT_DECODING, MAX_PIXELS, Decoding
from wsol.data.decoding.tiff import load_as_stored, stored_size
from wsol.errors import DataError
from wsol.files import write_atomic


def decode_image(path: Path, decoding: Decoding = DEFAULT_DECODING) -> ByteArray:
    """Decode an image file.

    EXIF rotation is ignored, and the orientation of TIFF files too: annotations refer to the stored pixels.

    Args:
        path: The file, of any format that Pillow reads.
        decoding: Background of transparent images, bits of deep ones, and the limit of pixels.

    Returns:
        The image, uint8 [H, W, 3], RGB. Images of up to 8 bits a channel without transparent pixels are as PIL's
        ``convert("RGB")`` gives them; deeper ones are scaled to 8 bits and rounded to the nearest value.

    Raises:
        DataError: The file is missing, truncated, not an image, too large, has several frames, or has values that
            cannot be converted faithfully.
    """
    with opened(path, decoding.max_pixels) as image:
        return rgb_pixels(image, decoding)


def decoder() -> str:
    """Name the library that decodes images, and the one that it reads JPEG with, with their versions."""
    from PIL import __version__, features

    turbo = features.check_feature("libjpeg_turbo")
    jpeg = f"libjpeg-turbo {features.version('libjpeg_turbo')}" if turbo else f"libjpeg {features.version('jpg')}"
    return f"Pillow {__version__}, {jpeg}"


def decode_mask(path: Path, above: int = 0, *, max_pixels: int = MAX_PIXELS) -> BoolArray:
    """Decode a mask: where an image is brighter than a threshold.

    Args:
        path: The image file.
        above: Grey value that mask pixels exceed, 0 to 255.
        max_pixels: Masks with more pixels are refused.

    Returns:
        The mask, bool [H, W].

    Raises:
        DataError: The file is missing, truncated, not an image, too large, or has several frames or more than 8 bits.
    """
    return decode_grey(path, max_pixels) > above


def decode_grey(path: Path, max_pixels: int = MAX_PIXELS) -> ByteArray:
    """Decode a mask to its brightness, uint8 [H, W]; raises DataError like :func:`decode_mask`."""
    with opened(path, max_pixels) as image:
        if image.mode == "F" or image.mode.startswith("I"):
            raise DataError(f"a mask of more than 8 bits ({image.mode}); save it with grey values from 0 to 255")
        return np.asarray(load_as_stored(image).convert("L"))


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height as stored, from the header of an image file; raises DataError like :func:`decode_mask`."""
    with opened(path, max_pixels) as image:
        return stored_size(image)


_PNG_EXIF = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""What a PNG file contains that states an orientation."""


def exif_orientation(path: Path) -> int:
    """The orientation that a file asks viewers to apply, 1 to 8; 1 for none, and for one that is no such number.

    Args:
        path: The image file; its size is not limited further than for what was decoded before.

    Raises:
        DataError: As in :func:`decode_mask`.
    """
    from PIL.ExifTags import Base

    with opened(path, None) as image:
        if image.format == "PNG" and not any(mark in file_content(image) for mark in _PNG_EXIF):
            return 1  # otherwise Pillow would decode the image to look for EXIF data after its pixels
        try:
            found = image.getexif().get(Base.Orientation, 1)
        except Exception:  # broken EXIF data of an image that can be read
            return 1
        return int(found) if found in range(1, 9) else 1


def resize_square(image: ByteArray, size: int) -> ByteArray:
    """Resize an image to a square, ignoring its aspect ratio.

    Args:
        image: RGB image, uint8 [H, W, 3].
        size: Side of the result in pixels.

    Returns:
        The image, uint8 [size, size, 3], with antialiased bilinear interpolation, like torchvision's ``Resize`` of a
        PIL image.
    """
    from PIL import Image

    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def centre_crop(image: ByteArray, size: int) -> ByteArray:
    """Crop the centre of an image; offsets are rounded like those of torchvision's ``CenterCrop``.

    Args:
        image: The image, uint8 [H, W, 3], with sides of at least ``size``.
        size: Side of the crop, in pixels.

    Returns:
        The crop, uint8 [size, size, 3].
    """
    top, left = (round((side - size) / 2.0) for side in image.shape[:2])
    return image[top : top + size, left : left + size]


_AFTER_HEADER = 8 + 25
"""Bytes of a PNG file's signature and of its first chunk."""


def write_png(path: Path, image: ByteArray, mark: str = "wsol") -> None:
    """Write an image as a PNG file.

    Args:
        path: File to write.
        image: RGB image, uint8 [H, W, 3].
        mark: What wrote it, as its text ``Software``.

    Raises:
        DataError: The file cannot be written.
    """
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    content, text = encoded.tobytes(), b"tEXtSoftware\0" + mark.encode("latin-1")
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    write_atomic(path, content[:_AFTER_HEADER] + chunk + content[_AFTER_HEADER:], "the image")
