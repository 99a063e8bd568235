"""The content of masks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wsol.arrays import ByteArray
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.report import Problem
from wsol.errors import DataError


class MaskContent(Inspection):
    """Counts images with masks, and reports masks that cannot be read or have no positive pixel."""

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        annotations = split.annotations
        if annotations is not None and annotations.masks is not None:
            split.report.masked = int(np.count_nonzero(annotations.sizes[:, 0]))

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterator[Problem]:
        """See :class:`Inspection`."""
        annotations = split.annotations
        if annotations is None or annotations.masks is None or not annotations.sizes[index].all():
            return  # a size of 0 was reported when the sizes were read
        try:
            foreground, ignore = annotations.masks(index)
        except DataError as error:
            yield Problem("unreadable mask", str(error))
            return
        positive = any(mask.any() for mask in foreground)
        if not positive and not (ignore is not None and ignore.all()):  # the benchmark ignores the whole image
            yield Problem("empty mask", f"'{split.images.ids[index]}': its mask has no positive pixel")
