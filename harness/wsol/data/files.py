"""Files of a split, many at once: whether they exist, what identifies them, images and masks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from wsol.arrays import ByteArray, IntArray
from wsol.data.benchmark import ImageList, Masks, Report
from wsol.data.decoding.settings import DEFAULT_DECODING, MAX_PIXELS, Decoding
from wsol.data.images import decode_grey, decode_image, image_size
from wsol.data.missing import report_missing
from wsol.errors import DataError

T = TypeVar("T")
CHUNK = 256
"""Items that a thread takes at a time: handing over single items costs more than a file's status."""


def in_threads(work: Callable[[int], T], count: int, chunk: int = CHUNK) -> Iterator[T]:
    """Compute ``work(0)`` to ``work(count - 1)`` in threads, one for each usable CPU.

    Args:
        work: Takes an index.
        count: Number of items.
        chunk: Items that a thread takes at a time.

    Yields:
        The results in order. The first error is raised, and cancels items that were not begun.

    Example:
        >>> from wsol.data.files import in_threads
        >>> list(in_threads(lambda i: i * i, 4))
        [0, 1, 4, 9]
    """
    starts = range(0, count, chunk)
    pool = ThreadPoolExecutor(usable_cpus())
    try:
        for results in pool.map(lambda start: [work(i) for i in range(start, min(start + chunk, count))], starts):
            yield from results
    finally:
        pool.shutdown(cancel_futures=True)


def usable_cpus() -> int:
    """The number of CPUs that this process may run on, which a cluster may limit to a part of the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest(*parts: str | bytes) -> str:
    """A hash of ``parts`` in 16 hexadecimal digits, each part with its length."""
    joined = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        joined.update(len(data).to_bytes(8, "little") + data)
    return joined.hexdigest()[:16]


def file_states(paths: Sequence[str]) -> IntArray:
    """Sizes in bytes and modification times in nanoseconds, int64 [N, 2]; -1 for a missing file."""
    return np.array(list(in_threads(lambda i: _state(paths[i]), len(paths))), dtype=np.int64).reshape(-1, 2)


def _state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL character in the name
        return -1, -1
    return found.st_size, found.st_mtime_ns


class ImageFiles:
    """Decodes images of a list of files.

    Args:
        paths: The files.
        decoding: How they are decoded, see :attr:`wsol.Benchmark.decoding`.
    """

    def __init__(self, paths: Sequence[str], decoding: Decoding = DEFAULT_DECODING) -> None:
        self.paths = paths
        self.decoding = decoding

    def __call__(self, index: int) -> ByteArray:
        """Decode image ``index``: uint8 [H, W, 3], RGB; raises DataError that names a broken file."""
        return decode_image(Path(self.paths[index]), self.decoding)

    def sizes(self, report: Report) -> IntArray:
        """Widths and heights from the headers, int64 [N, 2]; a file that cannot be read is reported and has size 0."""
        missing = report_missing(self.paths, "unreadable image", "images", report)

        def size(index: int) -> tuple[int, int]:
            if self.paths[index] in missing:
                return 0, 0
            try:
                return image_size(Path(self.paths[index]), self.decoding.max_pixels)
            except DataError as error:
                report("unreadable image", str(error))
                return 0, 0

        return np.array(list(in_threads(size, len(self.paths))), dtype=np.int64).reshape(-1, 2)

    def identity(self) -> tuple[bytes, str]:
        """What identifies the files on any machine (sizes), and what identifies them on this one (paths, times).

        Raises:
            DataError: A file is missing.
        """
        states = file_states(self.paths)
        missing = np.flatnonzero(states[:, 0] < 0)
        if len(missing):
            more = f" (and {len(missing) - 1} more of {len(self.paths)})" if len(missing) > 1 else ""
            raise DataError(f"{self.paths[missing[0]]}: no such image{more}; 'wsol data check' lists all")
        return states[:, 0].tobytes(), digest("\n".join(self.paths), states[:, 1].tobytes())


def image_list(
    name: str,
    ids: Sequence[str],
    labels: Sequence[int] | IntArray,
    paths: Sequence[str] | Sequence[Path],
    decoding: Decoding,
) -> ImageList:
    """Make the :class:`wsol.ImageList` of images in files.

    Args:
        name: Start of the fingerprint; a hash of ids, classes and sizes of the files follows.
        ids: Image ids.
        labels: Classes, int64 [N].
        paths: The files, in the same order.
        decoding: How they are decoded: ``self.decoding`` of the benchmark, which follows from its options. One that
            changes pixels changes the fingerprint.

    Returns:
        The list; images are decoded when they are loaded.

    Raises:
        DataError: A file is missing.
    """
    files, classes = [os.fspath(path) for path in paths], np.asarray(labels)
    load = ImageFiles(files, decoding)
    content, stamp = load.identity()
    changed = [decoding.identity()] if decoding.identity() else []
    identity = digest("\n".join(ids), classes.tobytes(), content, *changed)
    return ImageList(ids, classes, load, f"{name}-{identity}", stamp, files)


class MaskFiles:
    """Reads masks from image files.

    Args:
        instances: Mask files of the instances in each image.
        ignore: File with the pixels to ignore of each image, or None.
        above: A pixel belongs to a mask where it is brighter than this, of 255.
        sizes: Widths and heights of the images, int64 [N, 2]; by default the size of an image's first mask.
        max_pixels: Masks with more pixels are refused.
    """

    def __init__(
        self,
        instances: Sequence[Sequence[str]],
        ignore: Sequence[str | None] | None = None,
        *,
        above: int = 0,
        sizes: IntArray | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.instances = instances
        self.ignore = [None] * len(instances) if ignore is None else ignore
        self.above = above
        self.given = sizes
        self.max_pixels = max_pixels

    def __call__(self, index: int) -> Masks:
        """Read the masks of image ``index``: the foreground and the pixels to ignore.

        The foreground is the union of the instances, bool [H, W], where all masks have the image's size; otherwise it
        is a list of masks with sizes of their own. Raises DataError that names a missing or broken file.
        """
        return self._masks(index, self._greys(index))

    def read(self, index: int) -> tuple[Masks, list[int]]:
        """Read the masks of image ``index`` as a call does, with the grey values that its files contain, sorted."""
        greys = self._greys(index)
        counts = sum(np.bincount(grey.ravel(), minlength=256) for grey in greys)
        return self._masks(index, greys), np.flatnonzero(counts).tolist()

    def _greys(self, index: int) -> list[ByteArray]:
        """The brightness of the masks of an image, and of its pixels to ignore where it has them."""
        return [decode_grey(Path(path), self.max_pixels) for path in self._files(index)]

    def _masks(self, index: int, greys: Sequence[ByteArray]) -> Masks:
        decoded = [grey > self.above for grey in greys]
        count = len(self.instances[index])
        masks, ignore = decoded[:count], decoded[count] if count < len(decoded) else None
        shape = masks[0].shape if self.given is None else tuple(self.given[index].tolist())[::-1]
        if all(mask.shape == shape for mask in decoded):
            return np.logical_or.reduce(masks), ignore
        return masks, ignore

    def sizes(self, report: Report) -> IntArray:
        """Width and height of the first mask of each image, int64 [N, 2].

        An image whose first mask cannot be read, or that lacks another one, is reported and has size 0.
        """
        files = [path for index in range(len(self.instances)) for path in self._files(index)]
        missing = report_missing(list(dict.fromkeys(files)), "unreadable mask", "masks", report)
        found = list(in_threads(lambda i: self._size(i, missing, report), len(self.instances)))
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def _files(self, index: int) -> list[str]:
        """The masks of an image, and that of its pixels to ignore where it has one."""
        ignore = self.ignore[index]
        return [*self.instances[index], *([ignore] if ignore else [])]

    def _size(self, index: int, missing: Container[str], report: Report) -> tuple[int, int]:
        """The size of the first mask of an image; (0, 0) if a mask is ``missing``, or is reported here."""
        files = self._files(index)
        absent = [path for path in files if path not in missing and not os.path.exists(path)]
        for path in absent:
            report("unreadable mask", f"{path}: no such image")
        if absent or not self.instances[index] or any(path in missing for path in files):
            return 0, 0
        try:
            return image_size(Path(files[0]), self.max_pixels)
        except DataError as error:
            report("unreadable mask", str(error))
            return 0, 0
