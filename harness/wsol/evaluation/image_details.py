"""What a file of observations states about each image, so that later analyses open neither annotations nor maps."""

from __future__ import annotations

from dataclasses import dataclass

from wsol.arrays import Array, Float32Array, IntArray


@dataclass(frozen=True)
class ImageDetails:
    """What is known of each image under one setting.

    Columns have N rows, in the order of the observations.

    Attributes:
        threshold: The threshold that the boxes were made with, as a share of the map's maximum; None where a box rule
            or the method made them.
        objects: Number of true boxes, or of masks where the data have no boxes, uint16 [N]. Masks that the data set
            joins count as one.
        area: Share of the evaluation frame that the objects cover, float32 [N] in [0, 1]; NaN without annotations.
        best_iou: Best IoU of any predicted box with any true box, or with the box of any mask where the data have no
            boxes, float32 [N] in [0, 1]; NaN without annotations.
        boxes: The predicted box with this IoU, without annotations the largest one, as shares of the sides of the
            evaluation frame, float32 [N, 4]: x0, y0, x1, y1. Zeros stand for no box.
    """

    threshold: float | None
    objects: Array
    area: Float32Array
    best_iou: Float32Array
    boxes: Float32Array

    def take(self, order: IntArray) -> ImageDetails:
        """The images ``order``, int64 [M], in that order."""
        columns = (column[order] for column in (self.objects, self.area, self.best_iou, self.boxes))
        return ImageDetails(self.threshold, *columns)
