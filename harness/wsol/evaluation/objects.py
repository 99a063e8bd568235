"""The objects of a split, collected while its images are scored, so that no mask is read twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wsol.arrays import Array, Float32Array
from wsol.evaluation.geometry import Size
from wsol.evaluation.ground_truth import GroundTruth


@dataclass(frozen=True)
class SplitObjects:
    """The objects of each image of a split, in the evaluation frame. They are annotations and never leave a process.

    Attributes:
        boxes: (x0, y0, x1, y1) of the objects in pixels, [G, 4] for each image; of their masks where the data have no
            boxes.
        area: Share of the frame that the objects cover, float32 [N] in [0, 1]; NaN without annotations.
    """

    boxes: list[Array]
    area: Float32Array

    @classmethod
    def of(cls, images: int) -> SplitObjects:
        """No objects yet.

        Args:
            images: Number of images of the split.
        """
        return cls([np.zeros((0, 4))] * images, np.full(images, np.nan, dtype=np.float32))

    def put(self, i: int, truth: GroundTruth, size: Size, inclusive: bool) -> None:
        """Set the objects of image i; without boxes and masks it has none.

        Args:
            i: Index of the image in the split.
            truth: Its ground truth.
            size: Width and height of the evaluation frame in pixels.
            inclusive: The last pixels of boxes are inside.
        """
        if truth.boxes is not None:
            self.boxes[i] = truth.boxes
            self.area[i] = min(1.0, covered(truth.boxes, inclusive) / (size[0] * size[1]))
        elif truth.mask_boxes is not None and truth.foreground is not None:
            self.boxes[i] = truth.mask_boxes
            self.area[i] = truth.foreground.mean()


def covered(boxes: Array, inclusive: bool) -> float:
    """The area that boxes cover together, in pixels.

    Args:
        boxes: (x0, y0, x1, y1), [G, 4].
        inclusive: Each box reaches one pixel further, as in :func:`wsol.evaluation.geometry.box_iou`.

    Returns:
        The area; where boxes overlap it counts once.

    Example:
        >>> covered(np.array([[0, 0, 4, 2], [2, 0, 6, 2]]), inclusive=False)
        12.0
    """
    edge = 1 if inclusive else 0
    edges = np.asarray(boxes, dtype=np.float64) + np.array([0, 0, edge, edge])
    x, y = np.unique(edges[:, [0, 2]]), np.unique(edges[:, [1, 3]])
    left, top = x[None, :-1], y[None, :-1]
    in_x = (edges[:, [0]] <= left) & (left < edges[:, [2]])
    in_y = (edges[:, [1]] <= top) & (top < edges[:, [3]])
    cells = np.any(in_y[:, :, None] & in_x[:, None, :], axis=0)
    return float((cells * np.diff(y)[:, None] * np.diff(x)).sum())
