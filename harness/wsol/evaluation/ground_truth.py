"""Ground truth of one image in the protocol's frame, checked before anything is scored against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from wsol.arrays import Array, IntArray
from wsol.data.benchmark import Annotations
from wsol.errors import DataError
from wsol.evaluation.geometry import frame_boxes, frame_mask
from wsol.protocols import EvalProtocol

Size = tuple[int, int]
"""(width, height) in pixels of an original image."""


@dataclass(frozen=True)
class GroundTruth:
    """``boxes`` int64 [G, 4] and ``foreground``, ``ignore`` bool [H, W], in the frame; None where not asked for."""

    boxes: IntArray | None = None
    foreground: Array | None = None
    ignore: Array | None = None


class GroundTruthReader:
    """Reads, checks and frames the annotations of a split, image by image; safe to use from several threads."""

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
        """(width, height) of the original image; raises DataError where it is not positive."""
        width, height = (int(side) for side in self.annotations.sizes[i])
        if width < 1 or height < 1:
            raise DataError(f"image '{self.ids[i]}': its annotation says {width} x {height} pixels")
        return width, height

    def read(self, i: int) -> GroundTruth:
        """The ground truth of image i; raises DataError naming the image when it is missing or impossible."""
        size = self.size(i)
        boxes = self._boxes(i, size) if self.boxes else None
        foreground, ignore = self._masks(i, size) if self.masks else (None, None)
        return GroundTruth(boxes, foreground, ignore)

    def _boxes(self, i: int, size: Size) -> IntArray:
        assert self.annotations.boxes is not None
        boxes = np.asarray(self.annotations.boxes[i])
        check_boxes(boxes, size, f"image '{self.ids[i]}'")
        return frame_boxes(self.protocol, boxes, size)

    def _masks(self, i: int, size: Size) -> tuple[Array, Array | None]:
        assert self.annotations.masks is not None
        given, ignore = self.annotations.masks(i)
        instances = given if isinstance(given, list) else [given]
        for name, mask in () if isinstance(given, list) else (("mask", given), ("ignore mask", ignore)):
            if mask is not None and mask.shape != size[::-1]:
                raise DataError(f"image '{self.ids[i]}': {name} of {mask.shape[::-1]}, but the image is {size} pixels")
        if not instances:
            raise DataError(f"image '{self.ids[i]}': no mask")
        foreground = np.logical_or.reduce([frame_mask(self.protocol, mask, size) for mask in instances])
        ignored = None if ignore is None else cast(Array, frame_mask(self.protocol, ignore, size) & ~foreground)
        return foreground, ignored


def check_boxes(boxes: Array, size: Size, where: str) -> None:
    """Raise DataError unless ``boxes`` is [G, 4] with G >= 1 and every box lies in an image of ``size``.

    x1 may equal the width and y1 the height: data sets that count to the outer edge write it so.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
        raise DataError(f"{where}: no box, or boxes of shape {list(boxes.shape)} instead of [G, 4]")
    for box in boxes[~np.isfinite(boxes).all(axis=1)]:
        raise DataError(f"{where}: box {tuple(box.tolist())} is not of numbers")
    x0, y0, x1, y1 = boxes.T
    for box in boxes[(x1 < x0) | (y1 < y0)]:
        raise DataError(f"{where}: box {tuple(box.tolist())} ends before it starts")
    for box in boxes[(x0 < 0) | (y0 < 0) | (x1 > size[0]) | (y1 > size[1])]:
        raise DataError(f"{where}: box {tuple(box.tolist())} is not inside the image of {size[0]} x {size[1]} pixels")
