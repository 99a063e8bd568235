"""From a raw score map to a normalised map and its boxes: sanitise, upsample, normalise, apply a box rule.

Evaluation, heat maps and ``wsol pseudo-boxes`` read maps with this module, so that they normalise a map alike and agree
on which maps locate nothing. At one threshold they can find different boxes: evaluation and heat maps quantise the map
to 8 bits (:mod:`wsol.evaluation.boxes`), ``wsol pseudo-boxes`` does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wsol.arrays import Array, FloatArray
from wsol.components import BoxRule, Normalizer
from wsol.errors import RunError
from wsol.evaluation.boxes import estimated_boxes
from wsol.evaluation.geometry import BoxProblem, Frame, MapProblem, resize_map, sanitize_boxes, sanitize_map
from wsol.isolation import SharedArrays


@dataclass(frozen=True)
class NormalizedMap:
    """A score map as metrics and pictures use it.

    Attributes:
        raw: The upsampled map before normalisation, float64 [H, W]; all zeros when there is a problem.
        scores: The normalised map, float64 [H, W] in [0, 1]; all zeros when there is a problem.
        problem: What is wrong with the raw map, ``""`` when nothing is.
        boxes: Boxes (x0, y0, x1, y1) in pixels of the map, [N, 4] with N >= 1; None without a box rule or threshold.
        box_problem: What is wrong with the boxes of the box rule, see :func:`sanitize_boxes`.
    """

    raw: FloatArray
    scores: FloatArray
    problem: MapProblem
    boxes: Array | None
    box_problem: BoxProblem = ""


@dataclass(frozen=True)
class FramedMap:
    """A raw map in the frame, not normalised.

    Attributes:
        values: The upsampled map, float64 [H, W], read-only; all zeros when there is a problem.
        problem: What is wrong with the raw map, ``""`` when nothing is.
        shared: Lends the arrays to normalizers and box rules.
    """

    values: FloatArray
    problem: MapProblem
    shared: SharedArrays

    def normalize(
        self,
        normalizer: Normalizer,
        box_rule: BoxRule | None = None,
        threshold: float | None = None,
        where: str = "score map",
    ) -> NormalizedMap:
        """Normalise the map and find its boxes; arguments, result and errors as in :func:`read_map`."""
        scores = self.values if self.problem else self._scores(normalizer, where)
        boxes: Array | None = None
        box_problem: BoxProblem = ""
        if box_rule is not None:
            height, width = scores.shape
            boxes, box_problem = sanitize_boxes(self._boxes(box_rule, scores, where), (width, height))
            boxes = self.shared.share(boxes)
        elif threshold is not None:
            boxes = estimated_boxes(scores, threshold, contours="largest")
        return NormalizedMap(self.values, scores, self.problem, boxes, box_problem)

    def _scores(self, normalizer: Normalizer, where: str) -> FloatArray:
        with self.shared.lent_to(f"normalizer '{normalizer.name}'", where):
            scores = np.asarray(normalizer(self.values), dtype=np.float64)
        if scores.shape != self.values.shape or not (scores.min() >= 0 and scores.max() <= 1):
            span = f"shape {list(scores.shape)}, values {scores.min():g} to {scores.max():g}"
            raise RunError(
                f"{where}: normalizer '{normalizer.name}' returned {span}; "
                f"it must return shape {list(self.values.shape)} with values in [0, 1]"
            )
        return self.shared.share(scores)

    def _boxes(self, box_rule: BoxRule, scores: FloatArray, where: str) -> Array:
        with self.shared.lent_to(f"box rule '{box_rule.name}'", where):
            boxes = np.asarray(box_rule(scores))
        if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes) or boxes.dtype.kind not in "iuf":
            raise RunError(
                f"{where}: box rule '{box_rule.name}' returned shape {list(boxes.shape)} of {boxes.dtype}; "
                "it must return numbers [N, 4], N >= 1"
            )
        return boxes


def frame_raw_map(raw_map: Array, frame: Frame, shared: SharedArrays | None = None) -> FramedMap:
    """Upsample a raw map, checking it before and after.

    The check before catches maps whose problem resizing would hide: cubic interpolation of a constant leaves rounding
    noise, and NaN spreads. The check after catches large maps that become constant when they are reduced.

    Args:
        raw_map: Real numbers [h, w] of any resolution.
        frame: Size and interpolation of the result.
        shared: Lends the map to components; None: compares it after each call.

    Raises:
        DataError: The map has another shape.
    """
    shared = SharedArrays(strict=True) if shared is None else shared
    clean, problem = sanitize_map(raw_map)
    if not problem:
        clean, problem = sanitize_map(resize_map(clean, (frame.height, frame.width), frame.interpolation))
    return FramedMap(shared.share(np.zeros((frame.height, frame.width)) if problem else clean), problem, shared)


def read_map(
    raw_map: Array,
    frame: Frame,
    normalizer: Normalizer,
    box_rule: BoxRule | None = None,
    threshold: float | None = None,
    where: str = "score map",
) -> NormalizedMap:
    """Upsample and normalise one raw score map, and find its boxes.

    A map that is NaN, infinite or constant gives all zeros and is not normalised. Boxes are computed of the zeros
    too: what they mean then depends on the box rule, so callers look at ``problem`` first.

    Args:
        raw_map: Real numbers [h, w] of any resolution.
        frame: The size that the map is upsampled to, and the interpolation.
        normalizer: Called with the upsampled map, float64 [H, W].
        box_rule: Finds the boxes in the normalised map.
        threshold: Without a box rule, the box of the largest contour above this share of the map's maximum.
        where: Names the map in error messages.

    Returns:
        The map before and after normalisation, with its boxes; read-only arrays.

    Raises:
        DataError: The map has another shape.
        RunError: The normalizer or the box rule returned values that its contract forbids, or changed the map that it
            was given.

    Example:
        >>> import numpy as np
        >>> import wsol
        >>> class MinMax(wsol.Normalizer):
        ...     '''Min-max normalisation.'''
        ...     def __call__(self, score_map):
        ...         return (score_map - score_map.min()) / (score_map.max() - score_map.min())
        >>> raw = np.zeros((4, 4))
        >>> raw[1:3, 2:4] = 5.0
        >>> found = wsol.read_map(raw, wsol.Frame(8, 8, "bilinear"), MinMax(), threshold=0.5)
        >>> found.boxes
        array([[4, 2, 7, 6]])
        >>> wsol.read_map(np.full((4, 4), 0.1), wsol.Frame(8, 8), MinMax()).problem
        'constant'
    """
    return frame_raw_map(raw_map, frame).normalize(normalizer, box_rule, threshold, where)
