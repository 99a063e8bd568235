"""PxAP: average precision of pixels over a whole split (Choe et al., CVPR 2020, section 4.2).

The scores of all background and foreground pixels are counted in two histograms, which are summed over images.
Precision, recall and average precision follow from the sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wsol.arrays import Array, BoolArray, FloatArray, IntArray
from wsol.compilation import kernel
from wsol.errors import DataError
from wsol.isolation import plain

BIN_EDGES: FloatArray = np.append(np.arange(1000) * 0.001, [1.0, 2.0, 3.0])
"""float64 [1003]: 0, .001, ..., .999, 1, 2, 3. Bins include their left edge; a score of 1 falls into the bin [1, 2)."""
BINS = len(BIN_EDGES) - 1


def combine_masks(masks: Sequence[Array] | Array, ignore: Array | None) -> tuple[BoolArray, BoolArray]:
    """Combine the masks of an image: foreground is what any instance covers, and foreground is never ignored.

    Args:
        masks: One mask for each instance, bool [K, H, W].
        ignore: Pixels to leave out, bool [H, W]; None: no pixel.

    Returns:
        (foreground, ignore), bool [H, W] each.

    Raises:
        DataError: The masks have another shape.
    """
    stacked = np.asarray(masks, dtype=bool)
    if stacked.ndim != 3:
        raise DataError(f"instance masks must be [K, H, W], these are {stacked.shape}")
    foreground: BoolArray = np.logical_or.reduce(stacked, axis=0)
    ignored = np.zeros_like(foreground) if ignore is None else np.asarray(ignore, dtype=bool) & ~foreground
    return foreground, ignored


def pixel_histograms(score_map: FloatArray, foreground: BoolArray, ignore: BoolArray | None = None) -> IntArray:
    """Count the scores of background and foreground pixels in the bins of :data:`BIN_EDGES`.

    Args:
        score_map: The normalised map, float64 [H, W] in [0, 1].
        foreground: bool [H, W].
        ignore: Pixels that are left out, bool [H, W]; None: no pixel.

    Returns:
        int64 [2, BINS]: background in row 0, foreground in row 1.

    Raises:
        DataError: Shapes differ, or scores are not in [0, 1].
    """
    scores = np.ascontiguousarray(score_map, dtype=np.float64)
    ignore = np.zeros(scores.shape, dtype=bool) if ignore is None else ignore
    if not scores.shape == foreground.shape == ignore.shape:
        raise DataError(f"score map {scores.shape}, mask {foreground.shape} and ignore {ignore.shape} differ in shape")
    if not (scores.size and scores.min() >= 0 and scores.max() <= 1):
        raise DataError("a score map must hold scores in [0, 1]; normalise it first")
    return _count(plain(scores).ravel(), *(plain(np.ascontiguousarray(mask)).ravel() for mask in (foreground, ignore)))


@kernel
def _count(scores: FloatArray, foreground: BoolArray, ignore: BoolArray) -> IntArray:
    counts = np.zeros((2, BINS), dtype=np.int64)
    for i in range(scores.size):
        if not ignore[i]:
            place = int(scores[i] * 1000.0)
            # Just below an edge the product may round up to it; at an edge it never rounds down.
            if scores[i] < BIN_EDGES[place]:
                place -= 1
            counts[1 if foreground[i] else 0, place] += 1
    return counts


def precision_recall(histograms: Array) -> tuple[FloatArray, FloatArray]:
    """Precision and recall of "score >= edge", from the highest edge to the lowest.

    Args:
        histograms: Of background and foreground, [..., 2, BINS].

    Returns:
        Two float64 [..., BINS] in [0, 1]. The precision is 1 where no score is as high as the edge.

    Raises:
        DataError: No pixel is foreground.
    """
    found = np.cumsum(np.asarray(histograms)[..., ::-1], axis=-1)
    true, total = found[..., 1, :], found.sum(axis=-2)
    positives = true[..., -1:]
    if not (positives > 0).all():
        raise DataError("no pixel of the split is foreground, so PxAP is undefined; check its masks")
    precision = np.divide(true, total, out=np.ones(total.shape), where=total > 0)
    return precision, true / positives


def average_precision(histograms: Array) -> FloatArray:
    """PxAP in percent: the sum over the bins of precision times the increase of recall.

    Args:
        histograms: Of background and foreground, summed over images, [..., 2, BINS].

    Returns:
        float64 [...] in [0, 100]; leading dimensions are resamples of a bootstrap.

    Raises:
        DataError: No pixel is foreground.
    """
    precision, recall = precision_recall(histograms)
    area = (precision[..., 1:] * np.diff(recall, axis=-1)).sum(axis=-1)
    return np.asarray(area * 100 + precision[..., 0] * recall[..., 0] * 100)
