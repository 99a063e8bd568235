"""Perceptual hashes, which are nearly equal for images that look the same, and the files that keep them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image, ImageOps

from wsol.arrays import ByteArray
from wsol.data.cache import default_cache
from wsol.data.files import digest, in_threads
from wsol.errors import DataError, WsolError
from wsol.files import write_atomic

RULE = 1
"""Increased when an image gets another hash."""
BITS = 256
"""Bits of a hash."""
BYTES = BITS // 4
"""Bytes that are kept of an image: its hash and that of its mirror image."""
SIDE = 64
"""Side in pixels of the grey image that is hashed."""
PATTERN = 1.0
"""Least pattern of an image that is hashed, see :func:`hash_image`, in grey levels of 255."""
CHECKSUM = 32
"""Bytes of the checksum at the start of a file with hashes."""
OnHashed = Callable[[int, int], None]
"""Called after each image with the number of images done and the number of all images."""


def hash_image(image: ByteArray) -> ByteArray:
    """Hash an image and its mirror image.

    The hash is ImageHash's ``phash`` with 256 bits: which of the 16 x 16 lowest frequencies of the grey image, resized
    to 64 x 64 pixels, are above their median. In an image without a pattern they are rounding errors: a constant image,
    stripes along a side, a linear gradient. Such an image gets no hash. The pattern is what remains of the grey image
    when the means of its rows and columns are subtracted, and its size is the standard deviation.

    Args:
        image: Pixels, uint8 [H, W, 3], RGB.

    Returns:
        The two hashes, uint8 [64]; zeros for an image without a pattern.
    """
    grey = Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(grey, dtype=np.float64)
    pattern = pixels - pixels.mean(axis=0) - pixels.mean(axis=1, keepdims=True) + pixels.mean()
    if pattern.std() < PATTERN:
        return np.zeros(BYTES, dtype=np.uint8)
    both = [imagehash.phash(version, hash_size=16).hash for version in (grey, ImageOps.mirror(grey))]
    return np.packbits(np.concatenate(both))


def hash_images(load: Callable[[int], ByteArray], count: int, progress: OnHashed | None = None) -> ByteArray:
    """Hash many images, each on one of all CPUs.

    Args:
        load: Decodes an image by its position.
        count: Number of images.
        progress: Called after each image.

    Returns:
        Their hashes, uint8 [N, 64]; zeros for images without a pattern and for those that cannot be decoded.
    """

    def hash_one(index: int) -> ByteArray:
        try:
            return hash_image(load(index))
        except DataError:  # reported by whoever needs the image
            return np.zeros(BYTES, dtype=np.uint8)

    hashes = np.zeros((count, BYTES), dtype=np.uint8)
    for index, found in enumerate(in_threads(hash_one, count, chunk=16)):
        hashes[index] = found
        if progress is not None:
            progress(index + 1, count)
    return hashes


def kept_hashes(key: str, count: int) -> ByteArray:
    """The hashes that an earlier check kept.

    Args:
        key: What identifies the images.
        count: Number of images.

    Returns:
        Their hashes, uint8 [N, 64]; zeros if none were kept, or the file is broken.
    """
    try:
        content = _hash_file(key).read_bytes()
    except OSError:
        content = b""
    data = content[CHECKSUM:]
    if len(data) != count * BYTES or hashlib.sha256(data).digest() != content[:CHECKSUM]:
        data = bytes(count * BYTES)
    return np.frombuffer(data, dtype=np.uint8).reshape(count, BYTES)


def keep_hashes(key: str, hashes: ByteArray) -> str:
    """Keep hashes in the cache folder.

    Args:
        key: What identifies the images.
        hashes: Their hashes, uint8 [N, 64].

    Returns:
        Why they cannot be kept; empty where they are.
    """
    data = hashes.tobytes()
    try:
        write_atomic(_hash_file(key), hashlib.sha256(data).digest() + data, "the file of perceptual hashes")
    except WsolError as error:
        return str(error)
    return ""


def _hash_file(key: str) -> Path:
    return default_cache() / "near-copies" / f"{digest(key, f'{RULE} {imagehash.__version__}')}.bin"
