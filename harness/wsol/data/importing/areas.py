"""The pixels and the area that several objects of an image cover together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wsol.arrays import BoolArray
from wsol.data.importing.entry import Edges, SourceImage, SourceObject
from wsol.errors import DataError


def covered_area(image: SourceImage, objects: Sequence[SourceObject]) -> float:
    """The area that objects cover, in pixels: of their boxes, or of the masks of those without a box.

    What several objects cover counts once.
    """
    masks = [item for item in objects if item.box is None and item.mask is not None]
    boxes = [item.box for item in objects if item.box is not None]
    return boxes_area(boxes) + (np.count_nonzero(covered_pixels(image, masks)) if masks else 0)


def boxes_area(boxes: Sequence[Edges]) -> float:
    """The area of the union of boxes, in square pixels.

    Example:
        >>> boxes_area([(0, 0, 2, 2), (1, 1, 3, 3), (0, 0, 2, 2)])
        7.0
    """
    if not boxes:
        return 0.0
    edges = np.array(boxes, dtype=np.float64)
    columns, rows = np.unique(edges[:, ::2]), np.unique(edges[:, 1::2])
    covered = np.zeros((len(rows) - 1, len(columns) - 1), dtype=np.bool_)
    starts_x, ends_x = np.searchsorted(columns, edges[:, ::2]).T
    starts_y, ends_y = np.searchsorted(rows, edges[:, 1::2]).T
    for x0, y0, x1, y1 in zip(starts_x, starts_y, ends_x, ends_y, strict=True):
        covered[y0:y1, x0:x1] = True
    return float(np.diff(rows) @ covered @ np.diff(columns))


def covered_pixels(image: SourceImage, objects: Sequence[SourceObject]) -> BoolArray:
    """The union of the masks of objects, bool [H, W].

    Raises:
        DataError: A mask cannot be read, or has another size than the image.
    """
    width, height = image.size
    covered = np.zeros((height, width), dtype=np.bool_)
    for item in objects:
        if item.mask is not None:
            covered |= sized(item.mask(), image)
    return covered


def sized(mask: BoolArray, image: SourceImage) -> BoolArray:
    """A mask of an image; raises DataError for one of another size."""
    width, height = image.size
    if mask.shape != (height, width):
        found = f"{mask.shape[1]} x {mask.shape[0]}"
        raise DataError(f"{image.name}: a mask of {found} pixels for an image of {width} x {height}")
    return mask
