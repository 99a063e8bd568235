"""The base class of metrics, and what a metric observes: one image with its prediction and its ground truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wsol.arrays import Array, BoolArray, FloatArray
from wsol.components import Component
from wsol.evaluation.boxes import best_ious, estimated_boxes
from wsol.evaluation.figures import PlottedResult, draw_curves
from wsol.evaluation.geometry import box_iou
from wsol.isolation import SharedArrays
from wsol.protocols import EvalProtocol
from wsol.records import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Calibration = Any
"""What a metric chooses on val and carries to test, as a JSON value; None: nothing."""


@dataclass(frozen=True)
class ScoredImage:
    """A prediction and its ground truth in the evaluation frame of H x W pixels.

    What several metrics need is computed once and shared. Fields cannot be set, and the arrays that the harness hands
    out are read-only.

    Attributes:
        image_id: The image.
        label: Its ground-truth class.
        protocol: The protocol it is scored by.
        score_map: The normalised map, float64 [H, W] in [0, 1]; None for a method that outputs boxes.
        raw_map: The upsampled map before normalisation, float64 [H, W]; None where it was NaN, infinite or constant,
            and ``score_map`` is zeros then.
        boxes: Predicted boxes (x0, y0, x1, y1), [N, 4], from the method or a box rule; None: from thresholds.
        gt_boxes: True boxes, int64 [G, 4]; float64 for a protocol that scores boxes only.
        foreground: Pixels of any object, bool [H, W].
        ignore: Pixels that are left out of the score, bool [H, W].
        logits: Logits of the classifier, float [C].
    """

    image_id: str
    label: int
    protocol: EvalProtocol
    score_map: FloatArray | None = None
    raw_map: FloatArray | None = None
    boxes: Array | None = None
    gt_boxes: Array | None = None
    foreground: BoolArray | None = None
    ignore: BoolArray | None = None
    logits: Array | None = None
    _shared: SharedArrays = field(default_factory=SharedArrays, repr=False, compare=False)
    _ious: dict[str, FloatArray] = field(default_factory=dict, repr=False, init=False)

    def hits(self, delta: float, contours: str | None = None) -> BoolArray:
        """Whether the best IoU at each threshold of the protocol is a hit, bool [T].

        Args:
            delta: The IoU that a hit needs, in [0, 1].
            contours: ``all`` or ``largest``; None: those of the protocol.
        """
        return self.protocol.hits(self.best_ious(contours), delta)

    def best_ious(self, contours: str | None = None) -> FloatArray:
        """The best IoU at every threshold of the protocol, float64 [T], read-only.

        Boxes from the method or a box rule are the same at every threshold.

        Args:
            contours: ``all`` or ``largest``; None: those of the protocol.
        """
        rule = contours or self.protocol.contours
        if rule not in self._ious:
            self._ious[rule] = self._shared.share(self._best_ious(rule))
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
        """The best IoU of any of ``boxes``, [N, 4], with any true box, as the protocol counts it."""
        assert self.gt_boxes is not None
        return float(box_iou(boxes, self.gt_boxes, inclusive=self.protocol.inclusive).max())

    def boxes_at(self, tau: float, contours: str | None = None) -> Array:
        """The predicted boxes at one threshold, [N, 4], or those from the method or a box rule.

        Args:
            tau: The threshold, as a share of the map's maximum.
            contours: ``all`` or ``largest``; None: those of the protocol.
        """
        if self.boxes is not None:
            return self.boxes
        assert self.score_map is not None
        return estimated_boxes(self.score_map, tau, contours=contours or self.protocol.contours)

    @cached_property
    def rank_of_label(self) -> int:
        """The number of classes ranked before the ground-truth class.

        Classes with equal logits are ranked by their indices, as by argmax. With NaN among the logits it is the number
        of classes.
        """
        assert self.logits is not None
        own = self.logits[self.label]
        if np.isnan(self.logits).any():
            return len(self.logits)
        return int(np.count_nonzero(self.logits > own) + np.count_nonzero(self.logits[: self.label] == own))


class Metric(Component, ABC):
    """A score that is a function of the sum of per-image observations.

    Because of this form, shards of a split merge to the identical score, and a bootstrap over images is a product of
    resampling weights with the matrix of observations. :meth:`observe` must be pure: it runs in several threads.

    Example:
        >>> import numpy as np
        >>> class TopOne(Metric):
        ...     '''Share of images whose class has the highest logit.'''
        ...     name = "top_one"
        ...     needs = frozenset({"logits"})
        ...     def observe(self, image):
        ...         return np.array([image.rank_of_label == 0])
        ...     def value(self, total, weight, calibration=None):
        ...         return 100 * total[..., 0] / weight
        >>> float(TopOne().value(np.array([3.0]), np.array(4.0)))
        75.0
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    """What an image must have: any of ``"boxes"``, ``"masks"``, ``"logits"``, ``"map"``."""
    higher_is_better: ClassVar[bool] = True
    """The direction in which results are ranked."""

    @abstractmethod
    def observe(self, image: ScoredImage) -> Array:
        """Observe one image: an array whose shape and dtype are the same for all images.

        A compact dtype saves memory; bool and integers are summed exactly.
        """

    @abstractmethod
    def value(self, total: Array, weight: Array, calibration: Calibration = None) -> Array:
        """Compute the score in percent.

        Args:
            total: Weighted sum of observations, [..., *shape of an observation].
            weight: Sum of the weights, [...].
            calibration: What :meth:`calibrate` returned on the validation split; None on that split itself.

        Returns:
            float64 [...]: one score for each leading index, which are resamples of a bootstrap.
        """

    def calibrate(self, total: Array, weight: Array) -> Calibration:
        """Choose on the validation split what the metric carries to test, for example a threshold.

        Args:
            total: Weighted sum of observations, [*shape of an observation].
            weight: Sum of the weights, a scalar.

        Returns:
            The choice, a JSON value; None for a metric that chooses nothing.
        """
        return None

    def parts(self, total: Array, weight: Array, calibration: Calibration = None) -> dict[str, float]:
        """Named parts of the score, for example the accuracy at each IoU.

        Args:
            total: Weighted sum of observations, [*shape of an observation].
            weight: Sum of the weights, a scalar.
            calibration: What :meth:`calibrate` returned on the validation split; None on that split itself.
        """
        return {}

    def curves(self, total: Array, weight: Array) -> Sequence[Curve]:
        """Curves for the record and for ``wsol plot``.

        Args:
            total: Weighted sum of observations, [*shape of an observation].
            weight: Sum of the weights, a scalar.
        """
        return ()

    def best_threshold(self, total: Array, weight: Array) -> float | None:
        """The threshold at which single boxes are drawn, as a share of the map's maximum; None without one.

        ``wsol localize`` and ``wsol pseudo-boxes`` use that of the first metric that has one on val.

        Args:
            total: Weighted sum of observations, [*shape of an observation].
            weight: Sum of the weights, a scalar.
        """
        return None

    def draw(self, results: Sequence[PlottedResult]) -> Sequence[Figure]:
        """Figures of this metric for ``wsol plot``; by default its curves, see :func:`draw_curves`.

        Args:
            results: Results of one split and protocol that have this metric.
        """
        return draw_curves(self.name, results)
