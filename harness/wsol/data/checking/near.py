"""Near-copies: images that look the same in two splits, under two classes, or twice in one split."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import numpy as np

from wsol.arrays import BoolArray, ByteArray, IntArray
from wsol.data.checking.copies import SHOWN, CopyGroups, ImageFile, equal_files
from wsol.data.checking.inspection import CheckedSplit
from wsol.data.checking.near_hash import BITS, BYTES, OnHashed, hash_image, hash_images, keep_hashes, kept_hashes
from wsol.data.checking.near_pairs import connect, near_links
from wsol.data.checking.report import Problem
from wsol.data.files import digest, file_states


class NearCopies(CopyGroups):
    """Reports groups of images that look the same and are not all equal byte for byte.

    Near-copies in the data set of a benchmark with published numbers of images are notes. Hashes are kept in the cache
    folder: a second check computes those of changed splits only.
    """

    kind: ClassVar[str] = "near-copies"

    def __init__(self) -> None:
        super().__init__()
        self._all_hashes: list[ByteArray] = []
        self._hashes: ByteArray = np.zeros((0, BYTES), dtype=np.uint8)
        self._kept: ByteArray = self._hashes
        self._decoded: BoolArray = np.zeros(0, dtype=bool)

    def accepts(self, split: CheckedSplit) -> bool:
        """See :class:`CopyGroups`."""
        return split.benchmark.split_sizes is not None

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        super().begin(split)
        self._kept = kept_hashes(_key(split), len(split.images))
        self._hashes = self._kept.copy()
        self._decoded = np.zeros(len(split.images), dtype=bool)

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterable[Problem]:
        """See :class:`Inspection`."""
        self._decoded[index] = True
        if not self._hashes[index].any():
            self._hashes[index] = hash_image(image)
        return ()

    def end(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        self._all_hashes.append(self._hashes)
        plain = np.flatnonzero(self._decoded & ~self._hashes.any(axis=1)).tolist()
        if plain:
            names = ", ".join(f"'{split.images.ids[index]}'" for index in plain[:SHOWN])
            more = f" and {len(plain) - SHOWN} more" if len(plain) > SHOWN else ""
            message = f"not compared with others, having no pattern (of one colour, or nearly so): {names}{more}"
            split.report("images without a pattern", message, note=True)
        if not np.array_equal(self._hashes, self._kept):
            failure = keep_hashes(_key(split), self._hashes)
            if failure:
                split.report("hashes not kept", failure, note=True)

    def groups(self) -> Iterable[tuple[Sequence[ImageFile], str]]:
        """See :class:`CopyGroups`."""
        links = near_links(np.concatenate([self._hashes[:0], *self._all_hashes]))
        for group, bits in _linked(links, len(self.files)):
            files = [self.files[index] for index in group]
            if [len(equal) for equal in equal_files(files)] != [len(files)]:  # else reported as copies
                yield files, f"the same picture by their hashes (of {BITS} bits at most {bits} differ)"


def _key(split: CheckedSplit) -> str:
    """What identifies the images of a split on this machine: options, ids, and files or the generator of the images."""
    images = split.images
    files = digest(*map(os.fsencode, images.paths), file_states(images.paths).tobytes())
    options = f"{split.benchmark.name} {split.benchmark.options!r}"
    return digest(
        options, images.fingerprint, images.stamp, "\n".join(images.ids).encode(errors="surrogatepass"), files
    )


def _linked(links: IntArray, count: int) -> list[tuple[list[int], int]]:
    """The groups that links connect: positions in order, and the most bits in which linked images differ."""
    numbers = connect(count, links)
    groups: dict[int, list[int]] = {}
    most: dict[int, int] = {}
    for index in np.unique(links[:, :2]).tolist():
        groups.setdefault(int(numbers[index]), []).append(index)
    for first, bits in zip(links[:, 0].tolist(), links[:, 2].tolist(), strict=True):
        number = int(numbers[first])
        most[number] = max(bits, most.get(number, 0))
    return [(group, most[number]) for number, group in groups.items()]


def group_copies(paths: Sequence[str], load: Callable[[int], ByteArray], progress: OnHashed | None = None) -> list[int]:
    """Group the images of an import that must go to one split: files with equal bytes, and near-copies.

    Args:
        paths: The image files.
        load: Decodes an image by its position; one that raises DataError is compared by its bytes only.
        progress: Called after each image.

    Returns:
        The number of each image's group.
    """
    links = near_links(hash_images(load, len(paths), progress))[:, :2]
    files = [ImageFile(path, "train", index) for index, path in enumerate(paths)]
    equal = [(file.label, group[0].label) for group in equal_files(files) for file in group[1:]]
    numbers = connect(len(paths), np.concatenate([links, np.array(equal, dtype=np.int64).reshape(-1, 2)]))
    return [int(number) for number in numbers]
