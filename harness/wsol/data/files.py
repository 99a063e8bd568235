"""Many files at once: are they there, what identifies them, and the masks among them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from wsol.arrays import Array, IntArray
from wsol.data.benchmark import ImageList, Masks, Report
from wsol.data.images import decode_image, decode_mask, image_size
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

    def sizes(self, report: Report) -> IntArray:
        """Widths and heights from the headers, int64 [N, 2]; 0 for a file that cannot be read, told to ``report``."""

        def size(index: int) -> tuple[int, int]:
            try:
                return image_size(Path(self.paths[index]))
            except DataError as error:
                report("unreadable image", str(error))
                return 0, 0

        return np.array(list(in_threads(size, len(self.paths))), dtype=np.int64).reshape(-1, 2)

    def identity(self) -> tuple[bytes, str]:
        """What identifies the files anywhere, and what identifies them here; raises DataError when any is missing."""
        states = file_states(self.paths)
        missing = np.flatnonzero(states[:, 0] < 0)
        if len(missing):
            more = f" (and {len(missing) - 1} more of {len(self.paths)})" if len(missing) > 1 else ""
            raise DataError(f"{self.paths[missing[0]]}: no such image{more}; 'wsol data check' lists all")
        return states[:, 0].tobytes(), digest("\n".join(self.paths), states[:, 1].tobytes())


def image_list(name: str, ids: Sequence[str], labels: IntArray, paths: Sequence[str]) -> ImageList:
    """The images of a split at ``paths``, in the order of ``ids`` and ``labels`` (int64 [N]).

    The fingerprint is ``name`` and a hash of ids, classes and sizes of the files. Raises DataError for a missing file.
    """
    load = ImageFiles(paths)
    content, stamp = load.identity()
    identity = digest("\n".join(ids), labels.tobytes(), content)
    return ImageList(ids, labels, load, f"{name}-{identity}", stamp)


class MaskFiles:
    """Reads the masks of image i: of its instances, and of what is to be ignored.

    A pixel belongs to a mask where it is brighter than ``above``. ``sizes``, int64 [N, 2] (width, height), are the
    images'; without them the size of an image's first mask is taken for its own.
    """

    def __init__(
        self,
        instances: Sequence[Sequence[str]],
        ignore: Sequence[str | None] | None = None,
        *,
        above: int = 0,
        sizes: IntArray | None = None,
    ) -> None:
        self.instances = instances
        self.ignore = [None] * len(instances) if ignore is None else ignore
        self.above = above
        self.given = sizes

    def __call__(self, index: int) -> Masks:
        """(bool [H, W], bool [H, W] or None) of the image's size, or masks each of its own where any has another.

        Raises DataError naming the file.
        """
        masks = [decode_mask(Path(path), self.above) for path in self.instances[index]]
        name = self.ignore[index]
        ignore = None if name is None else decode_mask(Path(name), self.above)
        shape = masks[0].shape if self.given is None else tuple(self.given[index].tolist())[::-1]
        if all(mask.shape == shape for mask in [*masks, *([] if ignore is None else [ignore])]):
            return np.logical_or.reduce(masks), ignore
        return list(masks), ignore

    def sizes(self, report: Report) -> IntArray:
        """(width, height) of the first instance's mask of every image, int64 [N, 2].

        0 for an image whose first mask cannot be read or that lacks another one, which is told to ``report``.
        """
        return np.array(list(in_threads(lambda i: self._size(i, report), len(self.instances))), dtype=np.int64)

    def _size(self, index: int, report: Report) -> tuple[int, int]:
        ignore = self.ignore[index]
        for path in [*self.instances[index][1:], *([ignore] if ignore else [])]:
            if not os.path.exists(path):
                report("unreadable mask", f"{path}: no such image")
                return 0, 0
        try:
            return image_size(Path(self.instances[index][0])) if self.instances[index] else (0, 0)
        except DataError as error:
            report("unreadable mask", str(error))
            return 0, 0
