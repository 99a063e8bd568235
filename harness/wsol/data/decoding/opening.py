"""Opening image files with Pillow: one picture of an accepted size, and no warnings that name no file."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.data.decoding import libtiff, tiff
from wsol.data.decoding.settings import ANY_SIZE, MAX_PIXELS
from wsol.errors import DataError
from wsol.files import check_regular

if TYPE_CHECKING:
    from PIL.Image import Image

_REFUSED = {
    "EPS": "a drawing, which has no pixels of its own",
    "WMF": "a drawing, which has no pixels of its own",
    "FITS": "measurements, of which Pillow ignores byte order and scale",
}
"""Formats that Pillow opens although the file does not say what its pixels look like, or Pillow misreads it."""
_ONE_PICTURE = ("MPO", "PSD")
"""Formats whose first frame is the picture: others are previews or a second view (MPO), or its layers (PSD)."""


@contextmanager
def opened(path: Path, max_pixels: int | None = MAX_PIXELS) -> Iterator[Image]:
    """Open an image file; its pixels are not decoded yet.

    Args:
        path: The file.
        max_pixels: Largest number of pixels; None: the largest limit that the process has opened files with.

    Yields:
        The image.

    Raises:
        DataError: The file is missing, not an image, too large or has several frames, or the block raised any error,
            which is that of a broken file; the message names the file.
    """
    from PIL import Image, UnidentifiedImageError

    _quiet()
    limit = _allow(max_pixels)
    libtiff.watch()
    try:
        check_regular(path)  # opening a pipe would wait
        # Opened by its name, Pillow may map the file into memory, and then garbles TIFF files with an orientation.
        with path.open("rb") as file, Image.open(file) as image:
            _check(image, limit)
            yield image
            if libtiff.failed():
                raise DataError(_BROKEN)
    except FileNotFoundError:
        raise DataError(f"{path}: no such image") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise DataError(f"{path}: {_too_large(int(pixels[0]) if pixels else 0, limit)}") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: not a readable image; {_not_an_image(path)}") from None
    except Exception as error:  # Pillow raises many types for broken files
        raise DataError(f"{path}: {_reason(error)}") from None


_BROKEN = "not a readable image (broken data)"


def _reason(error: Exception) -> str:
    """Why a file cannot be decoded, in one line."""
    known = error.strerror if isinstance(error, OSError) else ""  # without the number and the path
    text = " ".join((known or str(error)).split())
    return _BROKEN if libtiff.failed() or not text else f"not a readable image ({text})"


_OTHER = (
    (b"version https://git-lfs", "it is a pointer of Git LFS; get the file itself with 'git lfs pull'"),
    (b"<", "it is a web page or other XML; download the image itself, or remove the file"),
)
"""First bytes of files that are found in place of images, and what to do."""


def _not_an_image(path: Path) -> str:
    """What a file is that Pillow does not recognize, and what to do."""
    with path.open("rb") as file:
        start = file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")
    if not start.strip(b"\0"):
        return "it is empty; get it again, or remove it"
    unknown = "Pillow does not know this format, or the file is broken; save it as PNG, or remove it"
    return next((text for magic, text in _OTHER if start.startswith(magic)), unknown)


def _quiet() -> None:
    """Silence what Pillow reports without the file's name; what matters is reported by this package.

    ``warnings.catch_warnings`` changes the state of all threads, and images are decoded in many. A filter that stays is
    safe: it is added where it is missing, and concerns Pillow's modules only.
    """
    if _FILTER not in warnings.filters:
        warnings.filterwarnings("ignore", module=_MODULES)
    logger = logging.getLogger("PIL")
    if not logger.handlers:  # without any handler, messages would go to standard error
        logger.addHandler(logging.NullHandler())


_MODULES = r"PIL\."
_FILTER = ("ignore", None, Warning, re.compile(_MODULES), 0)


def _allow(max_pixels: int | None) -> int:
    """Raise Pillow's own limit, which is of the whole process, to ``max_pixels``; never lower it. Returns the limit."""
    from PIL import Image

    if max_pixels is None:
        return ANY_SIZE
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > 2 * Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2
    return max_pixels


def _check(image: Image, max_pixels: int) -> None:
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise DataError(_too_large(pixels, max_pixels))
    if image.format in _REFUSED:
        raise DataError(f"{_REFUSED[image.format]} ({image.format}); save it as PNG")
    frames = 1 if image.format in _ONE_PICTURE else tiff.pages(image)
    if frames > 1:
        raise DataError(
            f"has {frames} frames ({image.format}), and which one is meant is not known; save one as a file"
        )


def _too_large(pixels: int, limit: int) -> str:
    return (
        f"an image of {pixels:,} pixels, above the limit of {limit:,}; if the file is what it should be, set the "
        "option 'max_pixels'"
    )
