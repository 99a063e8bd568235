"""The decoded images of a split: on disk, in memory, or decoded again each time."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from wsol.arrays import ByteArray, IntArray
from wsol.data.benchmark import Benchmark, CacheMode, ImageList
from wsol.data.cache import Transform, cached_images, slow_progress
from wsol.data.digests import ContentDigest
from wsol.data.files import in_threads
from wsol.errors import DataError, UsageError


class DecodedImages(Protocol):
    """Images of one size, uint8 [N, 3, S, S], RGB."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Sequence[int] | IntArray) -> ByteArray:
        """A copy of the images of ``rows``, uint8 [B, 3, S, S]; raises DataError for one that cannot be read."""
        ...

    def digest(self) -> str:
        """Hash of ids and pixels of all images, independent of their order; empty where not every one was read."""
        ...


class ImagesInMemory:
    """Images that are all decoded at once, into the memory of this process.

    Raises:
        DataError: An image is broken, or the machine has less memory than the images need.
    """

    def __init__(self, images: ImageList, transform: Transform) -> None:
        shape = (len(images), 3, transform.side, transform.side)
        _check_memory(math.prod(shape))
        self.pixels = np.empty(shape, dtype=np.uint8)
        self._digest = ContentDigest(images.ids)
        progress = slow_progress(f"{images.fingerprint[:40]}, {transform.label}")

        def decode(index: int) -> None:
            self.pixels[index] = transform(images.load(index))
            self._digest.add(index, self.pixels[index].tobytes())

        for done, _ in enumerate(in_threads(decode, len(images), chunk=8), start=1):
            progress(done, len(images))

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: Sequence[int] | IntArray) -> ByteArray:
        """See :class:`DecodedImages`."""
        picked: ByteArray = self.pixels[np.asarray(rows)]
        return picked

    def digest(self) -> str:
        """See :class:`DecodedImages`."""
        return self._digest.value()


class ImagesOnDemand:
    """Images that are decoded whenever they are read, a batch at a time.

    Args:
        images: The images to decode.
        transform: Resizing and cropping of every image.
        threads: Threads that decode a batch.

    Raises:
        UsageError: ``images.load`` is a method of a benchmark, through which a stage could reach the annotations.
    """

    def __init__(self, images: ImageList, transform: Transform, threads: int = 1) -> None:
        if isinstance(getattr(images.load, "__self__", None), Benchmark):
            raise UsageError("images that a benchmark's own method loads need the study's cache: memmap, or ram")
        self._count = len(images)
        self._load = images.load
        self._transform = transform
        self._digest = ContentDigest(images.ids)
        self._pool = ThreadPoolExecutor(threads)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rows: Sequence[int] | IntArray) -> ByteArray:
        """See :class:`DecodedImages`."""
        return np.stack(list(self._pool.map(self._decode, np.asarray(rows).tolist())))

    def digest(self) -> str:
        """See :class:`DecodedImages`."""
        return self._digest.value()

    def _decode(self, index: int) -> ByteArray:
        pixels = self._transform(self._load(index))
        self._digest.add(index, pixels.tobytes())
        return pixels


@dataclass(frozen=True)
class ImageCache:
    """Where and how decoded images are kept.

    Attributes:
        folder: Folder of the files that mode ``memmap`` writes; None is :func:`wsol.data.cache.default_cache`.
        mode: One of :data:`wsol.data.benchmark.CacheMode`; None is the benchmark's own mode.
        threads: Threads that decode a batch in mode ``none``.

    Example:
        >>> from wsol.data.decoded import ImageCache
        >>> ImageCache(mode="ram").resolve("memmap").mode
        'ram'
        >>> ImageCache().resolve("memmap").mode
        'memmap'
    """

    folder: Path | None = None
    mode: CacheMode | None = None
    threads: int = 1

    def resolve(self, default: CacheMode) -> ImageCache:
        """The same cache with mode ``default`` where none was given."""
        return replace(self, mode=self.mode or default)

    def open(self, images: ImageList, transform: Transform) -> DecodedImages:
        """Open the images of a split, decoding them now unless the mode is ``none`` or they are in the cache.

        Args:
            images: The images to decode.
            transform: Resizing and cropping of every image.

        Returns:
            The decoded images, uint8 [N, 3, S, S]; without a mode they are kept as in ``memmap``.

        Raises:
            DataError: An image is broken (mode ``none``: raised when it is read), or disk or memory are too small.
        """
        if self.mode == "none":
            return ImagesOnDemand(images, transform, self.threads)
        if self.mode in ("ram", "device"):
            return ImagesInMemory(images, transform)
        return cached_images(images, transform, self.folder)


DEFAULT_CACHE = ImageCache()
"""The default folder, with the benchmark's own mode."""


def _check_memory(size: int) -> None:
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > have:
        raise DataError(
            f"decoded images need {size / 2**30:.0f} GiB, this machine has {have / 2**30:.0f} GiB of memory; "
            "use the study's cache: memmap, or none"
        )
