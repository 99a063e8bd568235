"""Decoding, squashing and writing images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from wsol.arrays import Array
from wsol.errors import DataError
from wsol.files import write_atomic

if TYPE_CHECKING:
    from PIL.Image import Image


def decode_image(path: Path) -> Array:
    """uint8 [H, W, 3], RGB, as PIL's ``convert("RGB")`` gives it: grey and CMYK become RGB, EXIF rotation is ignored.

    Annotations of the public data sets refer to the stored pixels, not to the rotated ones. Raises DataError that
    names the file when it is missing, truncated or no image.
    """
    with _opened(path) as image:
        return np.asarray(image.convert("RGB"))


def decode_mask(path: Path, above: int = 0) -> npt.NDArray[np.bool_]:
    """bool [H, W]: where the image is brighter than ``above`` of 255. Raises DataError as :func:`decode_image`."""
    with _opened(path) as image:
        return np.asarray(image.convert("L")) > above


def decode_values(path: Path) -> Array:
    """[H, W]: pixels as stored, for label masks: indices of a palette, not its colours; grey of any depth; bool.

    Of an image with colours it is the brightest channel. Raises DataError as :func:`decode_image`.
    """
    with _opened(path) as image:
        grey = len(image.getbands()) == 1
        values: Array = np.asarray(image) if grey else np.asarray(image.convert("RGB")).max(axis=2)
        return values


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) from the file's header. Raises DataError as :func:`decode_image`."""
    with _opened(path) as image:
        return image.size


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


def resize_square(image: Array, size: int) -> Array:
    """uint8 [H, W, 3] → [size, size, 3], aspect ignored: antialiased bilinear, as torchvision's ``Resize`` on PIL."""
    from PIL import Image

    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def centre_crop(image: Array, size: int) -> Array:
    """The middle of uint8 [H, W, 3], [size, size, 3]; offsets rounded as torchvision's ``CenterCrop``."""
    top, left = (round((side - size) / 2.0) for side in image.shape[:2])
    return image[top : top + size, left : left + size]


def write_png(path: Path, image: Array) -> None:
    """Write an image, uint8 [H, W, 3] RGB; raises DataError when the file cannot be written."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    write_atomic(path, encoded.tobytes(), "the image")
