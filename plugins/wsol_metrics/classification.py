"""Classification rates."""

from typing import ClassVar

import numpy as np

import wsol
from wsol_metrics.rates import share


class Top1Cls(wsol.Metric):
    """Top-1 classification accuracy: share of images whose class has the highest logit.

    1/N sum_i [rank of y_i in the logits < k], k = 1. Equal logits are ranked by class index, so that a classifier with
    constant logits is not counted as right for every image. Observation: bool [1].
    """

    name = "top1_cls"
    paper = "Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015"
    needs = frozenset({"logits"})
    k: ClassVar[int] = 1

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        """bool [1]: whether the class is among the first k."""
        return np.array([image.rank_of_label < self.k])

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: wsol.Calibration = None) -> wsol.Array:
        """The share of hits, in percent: [..., 1] → [...]."""
        return share(total, weight)[..., 0]


class Top5Cls(Top1Cls):
    """Top-5 classification accuracy: share of images whose class is among the five highest logits."""

    name = "top5_cls"
    k = 5
