"""Describe each image of a split at the threshold that a result reports, in one more pass over the maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from wsol.arrays import Array
from wsol.data.benchmark import Annotations
from wsol.evaluation.geometry import box_iou, frame_size
from wsol.evaluation.image_details import ImageDetails
from wsol.evaluation.objects import SplitObjects
from wsol.evaluation.observations import Observations
from wsol.evaluation.observe import EvalSetting, ImageEvaluator, spread
from wsol.evaluation.predictions.source import Predictions
from wsol.isolation import SharedArrays
from wsol.protocols import EvalProtocol
from wsol.records import MetricValue

FALLBACK_THRESHOLD = 0.2
"""Share of the map's maximum for a box, where the run's metrics chose none."""
_CHUNK = 16
"""Images per task of a thread."""


def box_threshold(metrics: Mapping[str, MetricValue], protocol: EvalProtocol) -> float:
    """The threshold that single boxes of a result are made with, as a share of the map's maximum.

    Args:
        metrics: The result's scores, on any split.
        protocol: Its protocol.

    Returns:
        The protocol's where it is fixed; else that of the first metric that chose one, which is the primary metric
        where it has one; else 0.2.
    """
    if protocol.theta is not None:
        return protocol.theta
    thresholds = (metric.threshold for metric in metrics.values())
    return next((threshold for threshold in thresholds if threshold is not None), FALLBACK_THRESHOLD)


def describe(
    observations: Observations,
    store: Predictions,
    annotations: Annotations,
    objects: SplitObjects,
    protocol: EvalProtocol,
    setting: EvalSetting,
    threshold: float,
    *,
    threads: int = 1,
) -> Observations:
    """Add details of each image to observations.

    Every map is read and normalised once more, because the threshold is known only after all images were scored. No
    annotation is read again.

    Args:
        observations: Those of one setting.
        store: The predictions that they are of.
        annotations: Gives the sizes of the images.
        objects: As :func:`wsol.evaluation.observe.observe` filled it.
        protocol: The protocol.
        setting: The normalizer and the box rule.
        threshold: See :func:`box_threshold`; unused where a box rule or the method makes the boxes.
        threads: Number of threads that share the images.

    Returns:
        The observations, with :attr:`Observations.details`.
    """
    evaluator = ImageEvaluator(store, annotations, protocol, [setting], [])
    count = len(observations)
    best_iou, boxes = np.full(count, np.nan, dtype=np.float32), np.zeros((count, 4), dtype=np.float32)

    def fill(start: int) -> int:
        stop = min(start + _CHUNK, count)
        for at in range(start, stop):
            i = int(observations.rows[at])
            image, _ = next(evaluator.located(i, SharedArrays()))  # components were checked when they were scored
            box, iou = _best(image.boxes_at(threshold), objects.boxes[i], protocol.inclusive)
            best_iou[at] = np.nan if np.isnan(objects.area[i]) else iou
            boxes[at] = box / np.tile(frame_size(protocol, evaluator.truth.size(i)), 2)
        return stop - start

    for _ in spread(fill, range(0, count, _CHUNK), threads):
        pass
    details = ImageDetails(
        threshold=None if store.kind == "boxes" or setting[1] is not None else threshold,
        objects=np.array([len(objects.boxes[i]) for i in observations.rows], dtype=np.uint16),
        area=objects.area[observations.rows],
        best_iou=best_iou,
        boxes=boxes,
    )
    return replace(observations, details=details)


def _best(boxes: Array, truth: Array, inclusive: bool) -> tuple[Array, float]:
    """The predicted box with the best IoU, and this IoU; the largest box and 0 without true boxes."""
    if len(truth):
        ious = box_iou(boxes, truth, inclusive=inclusive).max(axis=1)
        return boxes[ious.argmax()], float(ious.max())
    return boxes[np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).argmax()], 0.0
