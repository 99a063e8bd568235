"""Boxes as predictions: as a file states them, and in the frame of a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wsol.arrays import Array, FloatArray, IntArray
from wsol.errors import DataError
from wsol.evaluation.geometry import clip_boxes_to_crop
from wsol.evaluation.predictions.box_csv import BoxUnit
from wsol.evaluation.predictions.source import PredictionKind
from wsol.protocols import EvalProtocol


@dataclass(frozen=True)
class BoxTable:
    """One box an image: ``boxes`` float64 [N, 4], (x0, y0, x1, y1) as shares of the sides of the test image."""

    boxes: Array
    ids: Sequence[str]
    labels: IntArray
    kind: PredictionKind = "boxes"
    logits: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def map(self, i: int) -> Array:
        """Raise DataError: there are no maps."""
        raise DataError("boxes have no maps")


@dataclass(frozen=True)
class SubmittedBoxes:
    """One box an image, of the original image: ``boxes`` float64 [N, 4], (x0, y0, x1, y1) in ``unit``.

    They cannot be scored until the images' sizes are known, which are annotations: see :meth:`framed`.
    """

    boxes: FloatArray
    unit: BoxUnit
    ids: Sequence[str]
    labels: IntArray
    kind: PredictionKind = "boxes"
    logits: Array | None = None

    def outside(self, sizes: IntArray) -> list[int]:
        """Indices of the images whose box extends beyond them.

        Args:
            sizes: (width, height) of the original images in pixels, int64 [N, 2].
        """
        limits = sizes if self.unit == "pixels" else np.ones_like(sizes)
        beyond = (self.boxes[:, :2] < 0).any(axis=1) | (self.boxes[:, 2:] > limits).any(axis=1)
        return [int(i) for i in np.flatnonzero(beyond)]

    def framed(self, sizes: IntArray, protocol: EvalProtocol) -> BoxTable:
        """The boxes as shares of the protocol's test images, which may be centre crops.

        Args:
            sizes: (width, height) of the original images in pixels, int64 [N, 2].
            protocol: States how a test image is made of the original one.
        """
        extents = sizes if self.unit == "pixels" else np.ones_like(sizes)
        if not protocol.centre_crop:
            return BoxTable(self.boxes / np.tile(extents, 2), self.ids, self.labels)
        crops = [
            clip_boxes_to_crop(box[None], (int(width), int(height)), protocol.resize, protocol.crop)[0]
            for box, (width, height) in zip(self.boxes, extents, strict=True)
        ]
        return BoxTable(np.stack(crops) / protocol.crop, self.ids, self.labels)
