"""Sizes and boxes, compared with the decoded images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wsol.arrays import ByteArray
from wsol.data.benchmark import Annotations
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.report import Problem
from wsol.data.checking.shares import ObjectShares, summarize
from wsol.data.readers.problems import box_problem


class Sizes(Inspection):
    """Reports images whose size differs from that in the metadata."""

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterator[Problem]:
        """See :class:`Inspection`."""
        annotations = split.annotations
        # Without boxes the sizes are those of the masks, which differ from the images' sizes in public data.
        if annotations is None or (annotations.boxes is None and annotations.masks is not None):
            return
        size = annotations.sizes[index]
        if size.all() and tuple(size) != image.shape[1::-1]:  # a size of 0 was reported when the sizes were read
            width, height = size.tolist()
            actual = f"{image.shape[1]} x {image.shape[0]}"
            where = f"'{split.images.ids[index]}'"
            swapped = "; the order is width, height, and EXIF rotation is not applied"
            hint = swapped if tuple(size) == image.shape[:2] else ""
            yield Problem("wrong size", f"{where}: {width} x {height} by the metadata, {actual} in the file{hint}")


class Boxes(Inspection):
    """Counts and measures boxes, and reports those that end before they start or are not inside their image."""

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        if split.annotations is not None and split.annotations.boxes is not None:
            split.report.boxes = sum(len(boxes) for boxes in split.annotations.boxes)
            split.report.box_shares = box_shares(split.images.ids, split.annotations)

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterator[Problem]:
        """See :class:`Inspection`."""
        annotations = split.annotations
        if annotations is None or annotations.boxes is None or not annotations.sizes[index].all():
            return
        for box in annotations.boxes[index]:
            wrong = box_problem(box.tolist(), annotations.sizes[index])
            if wrong:
                yield Problem("bad box", f"'{split.images.ids[index]}': box {tuple(box.tolist())} {wrong}")


def box_shares(ids: Sequence[str], annotations: Annotations) -> ObjectShares | None:
    """Measure boxes.

    Args:
        ids: The images.
        annotations: Sizes and boxes, in the same order.

    Returns:
        The shares of the boxes in their images, each clipped to 1; None without a box in an image of known size.
    """
    boxes = annotations.boxes or ()
    owners = np.repeat(np.arange(len(boxes)), [len(found) for found in boxes])
    if not len(owners):
        return None
    x0, y0, x1, y1 = np.concatenate([found.reshape(-1, 4) for found in boxes]).astype(np.float64).T
    pixels = np.maximum(x1 - x0 + 1, 0) * np.maximum(y1 - y0 + 1, 0)
    areas = annotations.sizes[owners].prod(axis=1).astype(np.float64)
    shares = np.full(len(owners), np.nan)
    np.divide(pixels, areas, out=shares, where=areas > 0)
    return summarize(np.minimum(shares, 1), [ids[owner] for owner in owners.tolist()])
