"""One image with everything that metrics look at, each piece computed once and shared by all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wsol.arrays import Array, FloatArray, IntArray
from wsol.components import Component
from wsol.evaluation.boxes import best_ious, estimated_boxes
from wsol.evaluation.figures import PlottedResult, draw_curves
from wsol.evaluation.geometry import box_iou
from wsol.protocols import EvalProtocol
from wsol.records import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    protocol: EvalProtocol
    score_map: FloatArray | None = None
    raw_map: FloatArray | None = None
    boxes: Array | None = None
    gt_boxes: IntArray | None = None
    foreground: Array | None = None
    ignore: Array | None = None
    logits: Array | None = None
    _ious: dict[str, FloatArray] = field(default_factory=dict, repr=False, init=False)

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


class Metric(Component, ABC):
    """A score that is a function of a sum of per-image observations.

    That form is what makes everything else general: shards merge by joining observations, and a bootstrap is a
    product of resampling weights with the matrix of observations. :meth:`observe` is pure and runs in threads.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    """What an image must have: any of ``"boxes"``, ``"masks"``, ``"logits"``, ``"map"``."""
    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def observe(self, image: ScoredImage) -> Array:
        """One image → array of a fixed shape and a compact dtype (bool and integers are summed exactly)."""

    @abstractmethod
    def value(self, total: Array, weight: Array, calibration: Any = None) -> Array:
        """The score in percent. ``total`` [..., *shape]: weighted sum of observations; ``weight`` [...]: of ones.

        ``calibration`` is what :meth:`calibrate` returned on the validation split, for metrics that carry a choice
        (a threshold) from there. Vectorised over the leading dimensions.
        """

    def calibrate(self, total: Array, weight: Array) -> Any:
        """What this metric carries from the validation split to test, as a JSON value (None: nothing)."""
        return None

    def parts(self, total: Array, weight: Array, calibration: Any = None) -> dict[str, float]:
        """Named parts of the score, in percent (for example one accuracy an IoU threshold). Arguments as :meth:`value`,
        without leading dimensions."""
        return {}

    def curves(self, total: Array, weight: Array) -> Sequence[Curve]:
        """Curves for the record and for ``wsol plot``; arguments as for :meth:`value`, without leading dimensions."""
        return ()

    def best_threshold(self, total: Array, weight: Array) -> float | None:
        """The threshold at which single boxes are drawn, as a share of the map's maximum; None without one.

        ``wsol localize`` and ``wsol pseudo-boxes`` use that of the first metric that has one on val. Arguments as for
        :meth:`value`, without leading dimensions.
        """
        return None

    def draw(self, results: Sequence[PlottedResult]) -> Sequence[Figure]:
        """Figures of this metric for ``wsol plot``; by default its curves, see :func:`draw_curves`.

        Args:
            results: Results of one split and protocol that have this metric.
        """
        return draw_curves(self.name, results)
