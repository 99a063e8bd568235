"""The decoded images of a split, wherever they are kept: on disk, in memory, or decoded anew each time."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wsol.data.benchmark import Benchmark, CacheMode, ImageList
from wsol.data.cache import Transform, cached_images, slow_progress
from wsol.data.files import in_threads
from wsol.errors import DataError, UsageError


class DecodedImages(Protocol):
    """Images of one size, uint8 [N, 3, S, S], RGB."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The images of ``rows``, copied: uint8 [B, 3, S, S]. Raises DataError for one that cannot be read."""
        ...


class ImagesInMemory:
    """All images decoded at once, into this process's memory."""

    def __init__(self, images: ImageList, transform: Transform) -> None:
        shape = (len(images), 3, transform.side, transform.side)
        _check_memory(math.prod(shape))
        self.pixels = np.empty(shape, dtype=np.uint8)
        advance = slow_progress(f"{images.fingerprint[:40]}, {transform.label}", len(images))

        def decode(index: int) -> None:
            self.pixels[index] = transform(images.load(index))

        for _ in in_threads(decode, len(images), chunk=8):
            advance()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """See :class:`DecodedImages`."""
        picked: npt.NDArray[np.uint8] = self.pixels[np.asarray(rows)]
        return picked


class ImagesOnDemand:
    """Nothing kept: images are decoded when they are asked for, a batch at a time over ``threads`` threads.

    Raises UsageError where ``load`` is a benchmark's own method: a stage would have its annotations at hand.
    """

    def __init__(self, images: ImageList, transform: Transform, threads: int = 1) -> None:
        if isinstance(getattr(images.load, "__self__", None), Benchmark):
            raise UsageError("images that a benchmark's own method loads need the study's cache: memmap, or ram")
        self._count = len(images)
        self._load = images.load
        self._transform = transform
        self._pool = ThreadPoolExecutor(threads)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """See :class:`DecodedImages`."""
        return np.stack(list(self._pool.map(self._decode, np.asarray(rows).tolist())))

    def _decode(self, index: int) -> npt.NDArray[np.uint8]:
        decoded: npt.NDArray[np.uint8] = self._transform(self._load(index))
        return decoded


def open_images(
    images: ImageList, transform: Transform, mode: CacheMode = "memmap", folder: Path | None = None, threads: int = 1
) -> DecodedImages:
    """The images of a split as ``mode`` says. ``folder``: of the files of ``memmap`` (None: the default one).

    Raises DataError for a broken image (``none``: when it is asked for), or where disk or memory are too small.
    """
    if mode == "memmap":
        return cached_images(images, transform, folder)
    return ImagesOnDemand(images, transform, threads) if mode == "none" else ImagesInMemory(images, transform)


def _check_memory(size: int) -> None:
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > have:
        raise DataError(
            f"decoded images need {size / 2**30:.0f} GiB, this machine has {have / 2**30:.0f} GiB of memory; "
            "use the study's cache: memmap, or none"
        )
