"""Many files at once: are they there, what identifies them, and the masks among them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from wsol.components import Array, IntArray
from wsol.data.images import decode_image, decode_mask, image_size
from wsol.data.splits import Report
from wsol.errors import DataError

T = TypeVar("T")
CHUNK = 256
"""Items a thread takes at a time: handing them over one by one costs more than looking at a file."""


def in_threads(work: Callable[[int], T], count: int, chunk: int = CHUNK) -> Iterator[T]:
    """``work(0)``, ``work(1)``, … ``work(count - 1)`` in order, computed in threads, one an allowed CPU.

    The first error is raised and cancels what has not begun.
    """
    starts = range(0, count, chunk)
    pool = ThreadPoolExecutor(usable_cpus())
    try:
        for results in pool.map(lambda start: [work(i) for i in range(start, min(start + chunk, count))], starts):
            yield from results
    finally:
        pool.shutdown(cancel_futures=True)


def usable_cpus() -> int:
    """CPUs that this process may run on: a cluster's share, not the node's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest(*parts: str | bytes) -> str:
    """16 hex digits that stand for ``parts``."""
    joined = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        joined.update(len(data).to_bytes(8, "little") + data)
    return joined.hexdigest()[:16]


def file_states(paths: Sequence[str]) -> IntArray:
    """Sizes in bytes and times of change in nanoseconds, int64 [N, 2]; -1 for a file that is not there."""
    return np.array(list(in_threads(lambda i: _state(paths[i]), len(paths))), dtype=np.int64).reshape(-1, 2)


def _state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


class ImageFiles:
    """Decodes image i of a list of files."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths

    def __call__(self, index: int) -> Array:
        """uint8 [H, W, 3], RGB; raises DataError naming the file."""
        return decode_image(Path(self.paths[index]))

    def identity(self) -> tuple[bytes, str]:
        """What identifies the files anywhere, and what identifies them here; raises DataError when any is missing."""
        states = file_states(self.paths)
        missing = np.flatnonzero(states[:, 0] < 0)
        if len(missing):
            more = f" (and {len(missing) - 1} more of {len(self.paths)})" if len(missing) > 1 else ""
            raise DataError(f"{self.paths[missing[0]]}: no such image{more}; 'wsol data check' lists all")
        return states[:, 0].tobytes(), digest("\n".join(self.paths), states[:, 1].tobytes())


class MaskFiles:
    """Reads the masks of image i: of its instances, joined, and of what is to be ignored."""

    def __init__(self, instances: Sequence[Sequence[str]], ignore: Sequence[str | None]) -> None:
        self.instances = instances
        self.ignore = ignore

    def __call__(self, index: int) -> tuple[Array, Array | None]:
        """(bool [H, W], bool [H, W] or None), at the size of the first instance's mask; raises DataError."""
        first, *others = (decode_mask(Path(path)) for path in self.instances[index])
        for other in others:
            first = first | _fitted(other, first)
        ignore = self.ignore[index]
        return first, None if ignore is None else _fitted(decode_mask(Path(ignore)), first)

    def sizes(self, report: Report) -> IntArray:
        """(width, height) of the first instance's mask of every image, int64 [N, 2]; 0 for one that cannot be read."""
        return np.array(list(in_threads(lambda i: self._size(i, report), len(self.instances))), dtype=np.int64)

    def _size(self, index: int, report: Report) -> tuple[int, int]:
        try:
            return image_size(Path(self.instances[index][0])) if self.instances[index] else (0, 0)
        except DataError as error:
            report("unreadable mask", str(error))
            return 0, 0


def _fitted(mask: npt.NDArray[np.bool_], like: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """``mask`` at the size of ``like``: public masks of one image differ in size now and then."""
    if mask.shape == like.shape:
        return mask
    return np.asarray(cv2.resize(mask.view(np.uint8), like.shape[::-1], interpolation=cv2.INTER_NEAREST)) > 0
