"""Decoded images on disk: one memory-mapped file a split and transform, shared by all runs of a node."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wsol.components import Array
from wsol.data.images import centre_crop, resize_square
from wsol.data.splits import ImageList
from wsol.errors import DataError

FORMAT = 1
MARGIN = 64 * 2**20
"""Bytes to leave free on the disk."""


@dataclass(frozen=True)
class Transform:
    """Squash to ``resize`` x ``resize``, then crop the middle ``crop`` x ``crop`` (None: all of it)."""

    resize: int
    crop: int | None = None

    @property
    def side(self) -> int:
        """Side of the result in pixels."""
        return self.crop or self.resize

    def __call__(self, image: Array) -> Array:
        """uint8 [H, W, 3] → uint8 [3, side, side]."""
        squashed = resize_square(image, self.resize)
        cropped = squashed if self.crop is None else centre_crop(squashed, self.crop)
        return np.ascontiguousarray(cropped.transpose(2, 0, 1))


class CachedImages:
    """Images of one size, uint8 [N, 3, S, S], in a file that is mapped, not read."""

    def __init__(self, path: Path, shape: tuple[int, int, int, int]) -> None:
        self.path = path
        self.shape = shape
        self._pixels: npt.NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r", shape=shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The images of ``rows``, copied: uint8 [B, 3, S, S]."""
        picked: npt.NDArray[np.uint8] = self._pixels[np.asarray(rows)]
        return picked

    def __getstate__(self) -> tuple[Path, tuple[int, int, int, int]]:
        return self.path, self.shape

    def __setstate__(self, state: tuple[Path, tuple[int, int, int, int]]) -> None:
        self.__init__(*state)  # type: ignore[misc]


def default_cache() -> Path:
    """``WSOL_CACHE``, or ``~/.cache/wsol``."""
    return Path(os.environ.get("WSOL_CACHE", Path.home() / ".cache" / "wsol"))


def cached_images(images: ImageList, transform: Transform, folder: Path | None = None) -> CachedImages:
    """The decoded images, from the cache or built now.

    The file's name holds the fingerprint of the source and the transform, so a changed source makes a new file. It is
    written under another name and renamed when complete: a crash leaves nothing that is taken for whole, and of two
    processes that build at once the last one's identical file stays. Raises DataError for a broken image, or when the
    disk is too small, before anything is written.
    """
    folder = default_cache() if folder is None else folder
    side = transform.side
    shape = (len(images), 3, side, side)
    crop = f"-crop{transform.crop}" if transform.crop else ""
    path = folder / f"{images.fingerprint}-{transform.resize}{crop}-v{FORMAT}.u8"
    size = int(np.prod(shape))
    if not (path.exists() and path.stat().st_size == size):
        _build(images, transform, path, shape)
    return CachedImages(path, shape)


def _build(images: ImageList, transform: Transform, path: Path, shape: tuple[int, int, int, int]) -> None:
    _check_space(path.parent, int(np.prod(shape)))
    with _temporary(path) as temporary:
        pixels = np.memmap(temporary, dtype=np.uint8, mode="w+", shape=shape)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            decoded = pool.map(lambda i: (i, transform(images.load(i))), range(len(images)))
            for i, image in decoded:
                pixels[i] = image
        pixels.flush()


def _check_space(folder: Path, size: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise DataError(f"{folder}: the image cache cannot be made: {error.strerror}") from None
    if size + MARGIN > free:
        raise DataError(
            f"{folder}: decoded images need {size / 2**20:.0f} MiB, {free / 2**20:.0f} MiB are free; "
            "free some space or give another folder with --cache or WSOL_CACHE"
        )


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise DataError(f"{path}: the image cache cannot be written: {error.strerror or error}") from None
    finally:
        Path(name).unlink(missing_ok=True)
