"""Localization rates of the older papers: one box per image, and its class."""

from typing import ClassVar

import numpy as np

import wsol
from wsol_metrics.rates import share


class GtKnown(wsol.Metric):
    """GT-known localization: share of images whose box for the true class has IoU >= 0.5.

    1/N sum_i [IoU(b_i, B_i) >= 0.5], b_i the largest contour's box. If the protocol sweeps thresholds, all images share
    the threshold with the highest rate on the evaluated split, so that the score equals MaxBoxAcc. Protocol ``legacy``
    has one fixed threshold; boxes from a method or a box rule need none. Protocol ``psol`` averages over classes and
    requires IoU > 0.5. Observation: bool [2, T], hits, and hits whose class is among the first k.
    """

    name = "gt_known"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"
    needs = frozenset({"boxes"})

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        """bool [2, T]."""
        hits = image.hits(0.5, "largest")
        return np.stack([hits, hits & self.known(image)])

    def known(self, image: wsol.ScoredImage) -> bool:
        """Whether the class counts as known."""
        return True

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> wsol.Array:
        """The second row's rate at the threshold where the first row's is highest, in percent: [..., 2, T] → [...]."""
        rates = share(total, weight)
        best = rates[..., 0, :].argmax(axis=-1)
        return np.take_along_axis(rates[..., 1, :], best[..., None], axis=-1)[..., 0]


class Top1Loc(GtKnown):
    """Top-1 localization: GT-known, and the class has the highest logit.

    1/N sum_i [IoU(b_i, B_i) >= 0.5 and rank of y_i < k], k = 1. The boxes are those of GT-known, at its threshold, so
    that Top-1 <= Top-5 <= GT-known.
    """

    name = "top1_loc"
    paper = "Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015"
    needs = frozenset({"boxes", "logits"})
    k: ClassVar[int] = 1

    def known(self, image: wsol.ScoredImage) -> bool:
        """Whether the class is among the first k."""
        return image.rank_of_label < self.k


class Top5Loc(Top1Loc):
    """Top-5 localization: GT-known, and the class is among the five highest logits."""

    name = "top5_loc"
    k = 5
