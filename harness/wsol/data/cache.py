"""Decoded images on disk: one memory-mapped file for each split and transform, shared by all runs on a machine."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsol.arrays import ByteArray, IntArray
from wsol.data.benchmark import ImageList
from wsol.data.digests import ContentDigest
from wsol.data.files import digest, in_threads
from wsol.data.images import centre_crop, resize_square
from wsol.errors import DataError
from wsol.files import AtomicFile, bytes_on_disk, check_space, lock, make_folder, write_atomic

CACHE = "the image cache"
"""What the files are called in messages."""
FORMAT = 2
"""Increased when the same source and transform give other bytes."""
DIGEST = ".digest"
"""Suffix of the file with the hash of the decoded images."""
LARGE = 2**29
"""Size in bytes from which a file is announced before it is written."""
OnDecoded = Callable[[int, int], None]
"""Called after each decoded image with the number of images done and the number of all images."""


@dataclass(frozen=True)
class Transform:
    """Resizes an image to a square, ignoring its aspect ratio, and crops the centre.

    Attributes:
        resize: Side in pixels that the image is resized to.
        crop: Side in pixels of the centre crop; None keeps the whole image.

    Example:
        >>> import numpy as np
        >>> from wsol.data.cache import Transform
        >>> transform = Transform(resize=256, crop=224)
        >>> transform(np.zeros((300, 400, 3), dtype=np.uint8)).shape, transform.label
        ((3, 224, 224), 'crop-256-224')
    """

    resize: int
    crop: int | None = None

    @property
    def side(self) -> int:
        """Side of the result in pixels."""
        return self.crop or self.resize

    @property
    def label(self) -> str:
        """``squash-256``, or ``crop-256-224``."""
        return f"squash-{self.resize}" if self.crop is None else f"crop-{self.resize}-{self.crop}"

    def __call__(self, image: ByteArray) -> ByteArray:
        """Transform an RGB image, uint8 [H, W, 3] → uint8 [3, side, side]."""
        squashed = resize_square(image, self.resize)
        cropped = squashed if self.crop is None else centre_crop(squashed, self.crop)
        return np.ascontiguousarray(cropped.transpose(2, 0, 1))


Shape = tuple[int, int, int, int]
"""Numbers of images and channels, height and width: N, 3, S, S."""


class CachedImages:
    """Images of one size in a memory-mapped file.

    Args:
        path: The file.
        shape: Shape of the images in it, (N, 3, S, S); they are uint8.
        pixels: Hash of the images, see :meth:`wsol.data.decoded.DecodedImages.digest`; empty where it is unknown.
    """

    def __init__(self, path: Path, shape: Shape, pixels: str = "") -> None:
        self.path = path
        self.shape = shape
        self.pixels = pixels
        self._pixels: ByteArray = np.memmap(path, dtype=np.uint8, mode="r", shape=shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Sequence[int] | IntArray) -> ByteArray:
        """A copy of the images of ``rows``, uint8 [B, 3, S, S]."""
        picked: ByteArray = self._pixels[np.asarray(rows)]
        return picked

    def digest(self) -> str:
        """The hash that was computed when the images were decoded."""
        return self.pixels

    def __reduce__(self) -> tuple[type[CachedImages], tuple[Path, Shape, str]]:
        # A pickle maps the file again instead of copying its content.
        return CachedImages, (self.path, self.shape, self.pixels)


def default_cache() -> Path:
    """``WSOL_CACHE``, or ``~/.cache/wsol``."""
    return Path(os.environ.get("WSOL_CACHE", Path.home() / ".cache" / "wsol"))


def cached_images(
    images: ImageList, transform: Transform, folder: Path | None = None, progress: OnDecoded | None = None
) -> CachedImages:
    """Open the decoded images of a split, decoding them first unless they are in the cache.

    The name of the file contains a hash of source and transform, so that a changed source makes a new file. A JSON file
    beside it lists the ids in order, and a third file has the hash of the images. Of processes that need the same file
    at once, one decodes and the others wait.

    Args:
        images: The images to decode.
        transform: Resizing and cropping of every image.
        folder: Folder of the cache; None is :func:`default_cache`.
        progress: Called after each decoded image; None prints to standard error now and then.

    Returns:
        The decoded images.

    Raises:
        DataError: An image is broken, the split is empty, or the disk is too small (before anything is decoded).
    """
    if len(images) == 0:
        raise DataError(f"{images.fingerprint}: the split is empty; there is nothing to decode")
    path, shape = _place(images, transform, default_cache() if folder is None else folder)
    if not _is_whole(path, shape):
        make_folder(path.parent, CACHE)
        with lock(path.with_suffix(".lock")) as alone:
            if alone:  # then these files were left by a process that was killed
                for rest in _unfinished(path):
                    rest.unlink(missing_ok=True)
            if not _is_whole(path, shape):
                _build(images, transform, path, shape, progress or slow_progress(path.name))
    return CachedImages(path, shape, _stored_digest(images, path, shape))


def _stored_digest(images: ImageList, path: Path, shape: Shape) -> str:
    """The hash of the images in a cache file.

    It is stored with the file's modification time. Where that differs, or nothing is stored, the hash is computed from
    the file.
    """
    with contextlib.suppress(OSError, ValueError):
        found, modified = path.with_suffix(DIGEST).read_text().split()
        if modified == str(path.stat().st_mtime_ns):
            return found
    computed, decoded = ContentDigest(images.ids), CachedImages(path, shape)
    for _ in in_threads(lambda index: computed.add(index, decoded[[index]].tobytes()), len(images), chunk=8):
        pass
    _store_digest(path, computed.value())
    return computed.value()


def _store_digest(path: Path, found: str) -> None:
    with contextlib.suppress(DataError, OSError):  # a cache that others share may be read-only
        write_atomic(path.with_suffix(DIGEST), f"{found} {path.stat().st_mtime_ns}\n", CACHE)


def missing_bytes(images: ImageList, transform: Transform, folder: Path) -> int:
    """Count the bytes that :func:`cached_images` still has to write.

    Bytes of an unfinished file are not counted: it will be deleted if a killed process left it, or used if another
    process is writing it.

    Args:
        images: The images to decode.
        transform: Resizing and cropping of every image.
        folder: Folder of the cache.

    Returns:
        The number of bytes, 0 where the file exists.
    """
    path, shape = _place(images, transform, folder)
    if _is_whole(path, shape):
        return 0
    return max(0, math.prod(shape) - sum(bytes_on_disk(rest) for rest in _unfinished(path)))


def reserve(folder: Path, size: int) -> None:
    """Make the cache's folder, and check that there is space in it.

    Args:
        folder: Folder of the cache.
        size: Bytes that will be written.

    Raises:
        DataError: The folder cannot be made, or ``size`` bytes do not fit into it.
    """
    make_folder(folder, CACHE)
    check_space(folder, size, "decoded images need", "give another folder with --cache or WSOL_CACHE")


def slow_progress(name: str, seconds: float = 10.0) -> OnDecoded:
    """Make a progress function that prints to standard error now and then.

    Args:
        name: Name of the cache file, for the message.
        seconds: Least time between two messages, in seconds; shorter builds print nothing.

    Returns:
        The function; it is called with the number of decoded images and the number of all.
    """
    last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > seconds:
            last = time.monotonic()
            print(f"image cache {name}: {done} of {total} images decoded", file=sys.stderr, flush=True)

    return advance


def _place(images: ImageList, transform: Transform, folder: Path) -> tuple[Path, Shape]:
    key = digest(images.fingerprint, images.stamp, repr(transform), str(FORMAT))
    name = f"{re.sub(r'[^A-Za-z0-9-]+', '-', images.fingerprint)[:40]}-{transform.label}-{key}.u8"
    return folder / name, (len(images), 3, transform.side, transform.side)


def _unfinished(path: Path) -> list[Path]:
    return list(path.parent.glob(f".{path.name}.*"))


def _is_whole(path: Path, shape: Shape) -> bool:
    return path.exists() and path.stat().st_size == math.prod(shape)


def _build(images: ImageList, transform: Transform, path: Path, shape: Shape, progress: OnDecoded) -> None:
    size = math.prod(shape)
    reserve(path.parent, size)
    if size >= LARGE:
        print(f"image cache {path}: {size / 2**20:,.0f} MiB for {len(images)} images", file=sys.stderr, flush=True)
    with AtomicFile(path, CACHE) as file:
        computed = ContentDigest(images.ids)

        def decode(index: int) -> None:
            pixels = transform(images.load(index)).tobytes()
            computed.add(index, pixels)
            file.write_at(pixels, index * len(pixels))

        for done, _ in enumerate(in_threads(decode, len(images), chunk=8), start=1):
            progress(done, len(images))
        _write_index(images, transform, path, shape)
    _store_digest(path, computed.value())


def _write_index(images: ImageList, transform: Transform, path: Path, shape: Shape) -> None:
    """List the images of the file in order, for users and other programs; the harness does not read it."""
    index = {"source": images.fingerprint, "transform": transform.label, "shape": shape, "ids": list(images.ids)}
    write_atomic(path.with_suffix(".json"), json.dumps(index), CACHE)
