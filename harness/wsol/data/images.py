"""Decoding, resizing and writing images."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from wsol.arrays import Array, BoolArray, ByteArray
from wsol.errors import DataError
from wsol.files import write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")


def decode_image(path: Path) -> ByteArray:
    """Decode an image file.

    EXIF rotation is ignored: annotations of the public data sets refer to the stored pixels.

    Args:
        path: The file, of any format that PIL reads.

    Returns:
        The image, uint8 [H, W, 3], as PIL's ``convert("RGB")`` gives it; grey and CMYK images become RGB.

    Raises:
        DataError: The file is missing, truncated or not an image.
    """
    with _opened(path) as image:
        return np.asarray(image.convert("RGB"))


def decoder() -> str:
    """Name the library that decodes images, and the one that it reads JPEG with, with their versions."""
    from PIL import __version__, features

    turbo = features.check_feature("libjpeg_turbo")
    jpeg = f"libjpeg-turbo {features.version('libjpeg_turbo')}" if turbo else f"libjpeg {features.version('jpg')}"
    return f"Pillow {__version__}, {jpeg}"


def decode_mask(path: Path, above: int = 0) -> BoolArray:
    """Decode a mask: where an image is brighter than a threshold.

    Args:
        path: The image file.
        above: Grey value that mask pixels exceed, 0 to 255.

    Returns:
        The mask, bool [H, W].

    Raises:
        DataError: As in :func:`decode_image`.
    """
    with _opened(path) as image:
        return np.asarray(image.convert("L")) > above


def decode_values(path: Path) -> Array:
    """Decode an image file that stores labels.

    Args:
        path: The file.

    Returns:
        Pixel values as stored, [H, W]: indices of a palette rather than its colours, grey of any depth, or bool; of an
        image with several channels the largest one.

    Raises:
        DataError: The file is missing, truncated or not an image.
    """
    with _opened(path) as image:
        grey = len(image.getbands()) == 1
        values: Array = np.asarray(image) if grey else np.asarray(image.convert("RGB")).max(axis=2)
        return values


def image_size(path: Path) -> tuple[int, int]:
    """Width and height from the header of an image file; raises DataError like :func:`decode_image`."""
    with _opened(path) as image:
        return image.size


def use_image(path: Path, use: Callable[[Image], T]) -> T:
    """Open an image file, and compute something from it while it is open.

    Args:
        path: The file.
        use: Takes the image, whose pixels are not decoded yet; an error that it raises means a broken file.

    Returns:
        What ``use`` returns.

    Raises:
        DataError: The file is missing, truncated or not an image.
    """
    with _opened(path) as image:
        return use(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except FileNotFoundError:
        raise DataError(f"{path}: no such image") from None
    except Exception as error:  # PIL raises many types for broken files
        raise DataError(f"{path}: not a readable image ({error})") from None


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
