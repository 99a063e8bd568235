"""One image with everything that metrics look at, each piece computed once and shared by all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from wsol.components import Array, FloatArray, IntArray
from wsol.evaluation.boxes import best_ious, estimated_boxes
from wsol.evaluation.geometry import box_iou
from wsol.evaluation.protocols import Protocol


@dataclass
class ScoredImage:
    """A prediction and its ground truth in the protocol's evaluation frame.

    ``score_map``: float64 [H, W] in [0, 1], None for a method that outputs boxes only. ``boxes``: int64 or float64
    [N, 4], the predicted boxes when a method or a box rule gave them. ``gt_boxes``: int64 [G, 4] (float64 where the
    protocol only knows boxes). ``foreground`` and ``ignore``: bool [H, W]. ``logits``: float [C]. ``raw_map``: the
    upsampled map before normalisation, None where it was NaN, infinite or constant (``score_map`` is zeros then).
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
    _ious: dict[str, FloatArray] = field(default_factory=dict, repr=False)

    def hits(self, delta: float, contours: str | None = None) -> Array:
        """Whether the best IoU at each threshold of the protocol is a hit at ``delta``, bool [T]."""
        return self.protocol.hits(self.best_ious(contours), delta)

    def best_ious(self, contours: str | None = None) -> FloatArray:
        """Best IoU at every threshold of the protocol, float64 [T]; ``contours`` defaults to the protocol's.

        Boxes given by the method or a box rule are the same at every threshold.
        """
        rule = contours or self.protocol.contours
        if rule not in self._ious:
            self._ious[rule] = self._best_ious(rule)
        return self._ious[rule]

    def _best_ious(self, contours: str) -> FloatArray:
        assert self.gt_boxes is not None
        taus = self.protocol.taus
        if self.boxes is not None:
            return np.full(len(taus), self.iou(self.boxes))
        assert self.score_map is not None
        inclusive = self.protocol.inclusive
        return best_ious(self.score_map, self.gt_boxes, thresholds=taus, contours=contours, inclusive=inclusive)

    def iou(self, boxes: Array) -> float:
        """The best IoU of any of ``boxes`` [N, 4] with any true box, as the protocol counts it."""
        assert self.gt_boxes is not None
        return float(box_iou(boxes, self.gt_boxes, inclusive=self.protocol.inclusive).max())

    def boxes_at(self, tau: float, contours: str | None = None) -> Array:
        """Predicted boxes [N, 4] at one threshold (share of the map's maximum), or the given ones."""
        if self.boxes is not None:
            return self.boxes
        assert self.score_map is not None
        return estimated_boxes(self.score_map, tau, contours=contours or self.protocol.contours)

    @cached_property
    def rank_of_label(self) -> int:
        """How many classes come before the ground-truth class (0: it is the first).

        Classes with equal logits come in the order of their indices, as argmax has it; NaN logits put it last.
        """
        assert self.logits is not None
        own = self.logits[self.label]
        if np.isnan(self.logits).any():
            return len(self.logits)
        return int(np.count_nonzero(self.logits > own) + np.count_nonzero(self.logits[: self.label] == own))
