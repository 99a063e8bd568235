"""One image with everything that metrics look at, each piece computed once and shared by all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from wsol.components import Array, FloatArray, IntArray
from wsol.evaluation.boxes import best_ious
from wsol.evaluation.geometry import box_iou
from wsol.evaluation.protocols import Protocol


@dataclass
class ScoredImage:
    """A prediction and its ground truth in the protocol's evaluation frame.

    ``score_map``: float64 [H, W] in [0, 1], None for a method that outputs boxes only. ``boxes``: int64 or float64
    [N, 4], the predicted boxes when a method or a box rule gave them. ``gt_boxes``: int64 [G, 4]. ``foreground`` and
    ``ignore``: bool [H, W]. ``logits``: float [C]. ``raw_map``: the map before normalisation, in the frame.
    """

    image_id: str
    label: int
    protocol: Protocol
    score_map: FloatArray | None = None
    raw_map: FloatArray | None = None
    boxes: Array | None = None
    gt_boxes: IntArray | None = None
    foreground: Array | None = None
    ignore: Array | None = None
    logits: Array | None = None
    num_classes: int = 0
    _cache: dict[str, FloatArray] = field(default_factory=dict, repr=False)

    def best_ious(self, contours: str | None = None) -> FloatArray:
        """Best IoU at every threshold of the protocol, float64 [T]; ``contours`` defaults to the protocol's.

        Boxes given by the method or a box rule are the same at every threshold.
        """
        rule = contours or self.protocol.contours
        if rule not in self._cache:
            self._cache[rule] = self._best_ious(rule)
        return self._cache[rule]

    def _best_ious(self, contours: str) -> FloatArray:
        assert self.gt_boxes is not None
        protocol = self.protocol
        if self.boxes is not None:
            best = box_iou(np.asarray(self.boxes, dtype=np.float64), self.gt_boxes, inclusive=protocol.inclusive).max()
            return np.full(protocol.thresholds, best)
        assert self.score_map is not None
        return best_ious(
            self.score_map,
            self.gt_boxes,
            thresholds=protocol.thresholds,
            contours=contours,
            inclusive=protocol.inclusive,
        )

    @cached_property
    def rank_of_label(self) -> int:
        """How many classes have a larger logit than the ground-truth class (0: it is the first)."""
        assert self.logits is not None
        return int(np.count_nonzero(self.logits > self.logits[self.label]))
