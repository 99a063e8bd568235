"""The ground truth of single images in the evaluation frame, checked before anything is scored against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wsol.arrays import Array, BoolArray, IntArray
from wsol.data.benchmark import Annotations
from wsol.errors import DataError
from wsol.evaluation.geometry import Size, frame_boxes, frame_mask
from wsol.evaluation.pixel_ap import combine_masks
from wsol.protocols import EvalProtocol


@dataclass(frozen=True)
class GroundTruth:
    """The ground truth of one image in the evaluation frame; None for what was not asked for.

    Attributes:
        boxes: (x0, y0, x1, y1) in pixels, int64 [G, 4]; float64 for a protocol that scores boxes only.
        foreground: Pixels of any object, bool [H, W].
        ignore: Pixels that are left out of the score, bool [H, W].
        mask_boxes: The box of each mask, int64 [G, 4], where masks were read and boxes were not.
    """

    boxes: Array | None = None
    foreground: BoolArray | None = None
    ignore: BoolArray | None = None
    mask_boxes: IntArray | None = None


class GroundTruthReader:
    """Read and check the annotations of single images of a split; safe to use from several threads.

    Args:
        annotations: The annotations of the split.
        ids: Ids of its images, for messages.
        protocol: Defines the evaluation frame.
        boxes: Whether to read boxes.
        masks: Whether to read masks.

    Raises:
        DataError: The number of annotations is not the number of images.
    """

    def __init__(
        self, annotations: Annotations, ids: Sequence[str], protocol: EvalProtocol, *, boxes: bool, masks: bool
    ):
        if len(annotations.sizes) != len(ids):
            raise DataError(f"{len(ids)} images have scores, but {len(annotations.sizes)} have annotations")
        self.annotations = annotations
        self.ids = ids
        self.protocol = protocol
        self.boxes = boxes
        self.masks = masks

    def size(self, i: int) -> Size:
        """The size of original image i; raises DataError if it is not positive."""
        width, height = (int(side) for side in self.annotations.sizes[i])
        if width < 1 or height < 1:
            raise DataError(f"image '{self.ids[i]}': its annotation states a size of {width} x {height} pixels")
        return width, height

    def read(self, i: int) -> GroundTruth:
        """The ground truth of image i; raises DataError naming the image if it is missing or impossible."""
        size = self.size(i)
        boxes = self._boxes(i, size) if self.boxes else None
        return replace(self._masks(i, size), boxes=boxes) if self.masks else GroundTruth(boxes)

    def _boxes(self, i: int, size: Size) -> Array:
        assert self.annotations.boxes is not None
        boxes = np.asarray(self.annotations.boxes[i])
        check_boxes(boxes, size, f"image '{self.ids[i]}'")
        return frame_boxes(self.protocol, boxes, size)

    def _masks(self, i: int, size: Size) -> GroundTruth:
        assert self.annotations.masks is not None
        given, ignore = self.annotations.masks(i)
        instances = given if isinstance(given, list) else [given]
        for name, mask in () if isinstance(given, list) else (("mask", given), ("ignore mask", ignore)):
            if mask is not None and mask.shape != size[::-1]:
                raise DataError(f"image '{self.ids[i]}': {name} of {mask.shape[::-1]}, but the image is {size} pixels")
        if not instances:
            raise DataError(f"image '{self.ids[i]}': no mask")
        framed = [frame_mask(self.protocol, mask, size) for mask in instances]
        combined = combine_masks(framed, None if ignore is None else frame_mask(self.protocol, ignore, size))
        return GroundTruth(None, *combined, None if self.boxes else mask_boxes(framed, self.protocol.inclusive))


def mask_boxes(masks: Sequence[BoolArray], inclusive: bool) -> IntArray:
    """The smallest box around each mask.

    Args:
        masks: bool [H, W] each; those without a pixel have no box.
        inclusive: x1 and y1 are the last pixels inside the box; else those after them.

    Returns:
        (x0, y0, x1, y1) in pixels, int64 [G, 4].

    Example:
        >>> mask_boxes([np.eye(4, dtype=bool)[:2]], inclusive=True)
        array([[0, 0, 1, 1]])
    """
    edge = 0 if inclusive else 1
    found = [[np.flatnonzero(mask.any(axis=axis)) for axis in (0, 1)] for mask in masks]
    boxes = [(x[0], y[0], x[-1] + edge, y[-1] + edge) for x, y in found if len(x)]
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)


def check_boxes(boxes: Array, size: Size, where: str) -> None:
    """Check that there is a box and that all boxes are inside the image.

    Args:
        boxes: (x0, y0, x1, y1) in pixels, [G, 4]. x1 may equal the width and y1 the height, as in data sets that count
            to the outer edge of the last pixel.
        size: The size of the image.
        where: Names the image in messages.

    Raises:
        DataError: There is no box, or a box is not finite, ends before it starts or is not inside the image.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
        raise DataError(f"{where}: no box, or boxes of shape {list(boxes.shape)} instead of [G, 4]")
    for box in boxes[~np.isfinite(boxes).all(axis=1)]:
        raise DataError(f"{where}: box {tuple(box.tolist())} is not finite")
    x0, y0, x1, y1 = boxes.T
    for box in boxes[(x1 < x0) | (y1 < y0)]:
        raise DataError(f"{where}: box {tuple(box.tolist())} ends before it starts")
    for box in boxes[(x0 < 0) | (y0 < 0) | (x1 > size[0]) | (y1 > size[1])]:
        raise DataError(f"{where}: box {tuple(box.tolist())} is not inside the image of {size[0]} x {size[1]} pixels")
