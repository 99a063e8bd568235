"""From score maps to boxes, and to the best IoU at every threshold, as the wsoleval benchmark computes it.

Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020. A map is quantised to 8-bit
levels, ``trunc(255 * score)``. At threshold tau the foreground is every pixel above ``int(tau * highest level)``. Each
contour of the foreground, around an 8-connected component or around a hole in one, gives a box (x, y, x + w, y + h) in
pixels, the last two clipped to W - 1 and H - 1. Without foreground the box is (0, 0, 0, 0). ``contours`` states which
boxes count:

* ``all`` (MaxBoxAccV2): all of them;
* ``largest`` (MaxBoxAcc): the box of the contour with the largest area, which is that of the polygon through the
  centres of its pixels with holes filled. On a tie it is the contour whose first pixel in reading order comes last,
  which OpenCV lists first. A hole never wins: the contour around it is at least as large and is listed earlier.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from wsol.arrays import FloatArray, IntArray
from wsol.errors import DataError, UsageError
from wsol.evaluation.geometry import box_iou
from wsol.evaluation.kernels.growth import Visit, grow, settle
from wsol.evaluation.kernels.levels import Levels, fill_holes, find_rings, quantise, sort_pixels
from wsol.evaluation.kernels.rings import area_table, group_table, needed_table
from wsol.isolation import plain
from wsol.protocols import threshold_values

_CHUNK = 4
"""Maps per task of a thread."""
LARGEST_SIDE = 8000
"""Largest side of a map in pixels: a float64 must hold the area of a contour and the index of a pixel together."""


def best_ious(
    score_map: FloatArray,
    gt_boxes: IntArray,
    *,
    thresholds: int | FloatArray = 1000,
    contours: str = "all",
    inclusive: bool = True,
) -> FloatArray:
    """The best IoU of any estimated box with any ground-truth box, at each threshold, in one pass over the map.

    The result equals to the bit that of thresholding the map and searching contours with OpenCV at each threshold.

    Args:
        score_map: The normalised map, float64 [H, W] in [0, 1].
        gt_boxes: Ground-truth boxes (x0, y0, x1, y1) in pixels of the map, int64 [G, 4], G >= 1.
        thresholds: A number T, for the thresholds 0, 1/T, …, (T-1)/T, or the thresholds, float64 [T] in [0, 1).
        contours: ``all`` or ``largest``, see the module.
        inclusive: The IoU counts one more pixel on each side, see :func:`wsol.evaluation.geometry.box_iou`.

    Returns:
        float64 [T] in [0, 1].

    Raises:
        DataError: The map or the boxes have another shape, dtype or range.
        UsageError: ``contours`` is unknown.

    Example:
        >>> score_map = np.zeros((8, 8))
        >>> score_map[2:6, 2:6] = 0.4
        >>> score_map[2:4, 2:4] = 1.0
        >>> best_ious(score_map, np.array([[2, 2, 6, 6]]), thresholds=4)
        array([1.  , 1.  , 0.36, 0.36])
    """
    score_map, gt_boxes = _checked_map(score_map), _checked_boxes(gt_boxes)
    largest = _wants_largest(contours)
    taus = threshold_values(thresholds) if isinstance(thresholds, int) else np.asarray(thresholds, dtype=np.float64)
    levels = quantise(score_map)
    top = int(levels.max())
    if top == 0:
        nothing = np.zeros((1, 4), dtype=np.int64)
        return np.full(taus.size, box_iou(nothing, gt_boxes, inclusive=inclusive).max())
    by_level = _best_by_level(levels, top, gt_boxes, largest, inclusive)
    best: FloatArray = by_level[(taus * top).astype(np.int64)]
    return best


def best_ious_batch(
    maps: Sequence[FloatArray] | FloatArray,
    gt_boxes: Sequence[IntArray],
    *,
    thresholds: int | FloatArray = 1000,
    contours: str = "all",
    inclusive: bool = True,
    threads: int | None = None,
) -> FloatArray:
    """:func:`best_ious` of many maps, in several threads.

    Args:
        maps: N normalised maps, of any sizes.
        gt_boxes: The ground-truth boxes of each.
        thresholds: As for :func:`best_ious`, as are the other two.
        contours: See there.
        inclusive: See there.
        threads: Number of threads; None: one per core.

    Returns:
        float64 [N, T] in [0, 1].

    Raises:
        DataError: As :func:`best_ious`, or the numbers of maps and sets of boxes differ.
        UsageError: As :func:`best_ious`.
    """
    if len(maps) != len(gt_boxes):
        raise DataError(
            f"{len(maps)} score maps but boxes for {len(gt_boxes)} images; give one set of boxes for each map"
        )
    taus = threshold_values(thresholds) if isinstance(thresholds, int) else thresholds

    best = np.empty((len(maps), len(taus)))

    def fill(start: int) -> None:
        for i in range(start, min(start + _CHUNK, len(maps))):
            best[i] = best_ious(maps[i], gt_boxes[i], thresholds=taus, contours=contours, inclusive=inclusive)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        list(pool.map(fill, range(0, len(maps), _CHUNK)))
    return best


def estimated_boxes(score_map: FloatArray, tau: float, *, contours: str = "all") -> IntArray:
    """Estimate boxes at one threshold, as the wsoleval benchmark scores them.

    ``wsol localize`` and heat maps draw the largest of these boxes, so that a picture shows what was scored. ``wsol
    pseudo-boxes`` finds boxes in another way at the same threshold: it does not quantise the map, and takes the
    component with the most cells, as the released code of PSOL does to make boxes for training.

    Args:
        score_map: The normalised map, float64 [H, W] in [0, 1].
        tau: The threshold as a share of the map's maximum, in [0, 1).
        contours: ``all`` or ``largest``, see the module.

    Returns:
        int64 [N, 4], N >= 1: (x0, y0, x1, y1) in pixels, in the order in which OpenCV lists the contours.

    Raises:
        DataError: The map has another shape or range.
        UsageError: ``contours`` is unknown.
    """
    levels = (_checked_map(score_map) * 255).astype(np.uint8)
    height, width = levels.shape
    foreground = (levels > int(tau * int(levels.max()))).astype(np.uint8)
    found = cv2.findContours(foreground, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if _wants_largest(contours) and found:
        found = [max(found, key=cv2.contourArea)]
    if not found:
        return np.zeros((1, 4), dtype=np.int64)
    x, y, w, h = np.array([cv2.boundingRect(contour) for contour in found], dtype=np.int64).T
    return np.stack([x, y, np.minimum(x + w, width - 1), np.minimum(y + h, height - 1)], axis=1)


def _best_by_level(levels: Levels, top: int, gt_boxes: IntArray, largest: bool, inclusive: bool) -> FloatArray:
    """The best IoU when the foreground is every pixel above level i, float64 [256]; valid for i < ``top``."""
    table = Visit(False, largest, 0, gt_boxes, int(inclusive), np.full((8, 256), -1.0), np.zeros((8, 256)))
    if largest:
        levels = fill_holes(levels)  # a contour's area includes its holes, and the contours of holes never count
    rings = find_rings(levels)
    wanted = np.ones(256, dtype=np.int8) if largest else needed_table(8)
    grow(levels, sort_pixels(levels, rings, wanted, 1, 255), rings, group_table(8), area_table(), table)
    if not largest:
        order = sort_pixels(levels, rings, needed_table(4), 0, top - 1)
        grow(levels, order, rings, group_table(4), area_table(), table._replace(holes=True, last=top))
    return settle(table.ranks, table.ious)


def _wants_largest(contours: str) -> bool:
    if contours not in ("all", "largest"):
        raise UsageError(f"contours '{contours}' are unknown; choose 'all' or 'largest'")
    return contours == "largest"


def _checked_map(score_map: FloatArray) -> FloatArray:
    array = plain(np.ascontiguousarray(score_map, dtype=np.float64))
    if array.ndim != 2 or array.size == 0 or max(array.shape) > LARGEST_SIDE:
        raise DataError(f"a score map must be [H, W] with sides of 1 to {LARGEST_SIDE}, this one is {array.shape}")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):
        raise DataError(f"a score map must be in [0, 1], this one spans {low:.4g} to {high:.4g}; normalise it first")
    return array


def _checked_boxes(gt_boxes: IntArray) -> IntArray:
    array = plain(np.ascontiguousarray(gt_boxes))
    if array.ndim != 2 or array.shape[1] != 4 or len(array) == 0 or array.dtype.kind not in "iu":
        raise DataError(
            f"ground-truth boxes must be integers [G, 4] with G >= 1, these are {array.dtype} {array.shape}; "
            "bring them into the map's frame with frame_boxes"
        )
    return array.astype(np.int64, copy=False)
