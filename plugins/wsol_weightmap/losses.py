"""The losses of g, and the score that chooses its epoch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import wsol

TAU = 0.1
"""Share of a map's maximum below which a pixel does not count (Eq. 5)."""


def discrepancy(masked: Tensor, original: Tensor, labels: Tensor, target: str) -> Tensor:
    """Compute D of Eq. 1, the cross-entropy of f's prediction for the weighted images.

    Args:
        masked: Logits of the weighted images, float [B, C].
        original: Logits of the original images, float [B, C].
        labels: int64 [B]; they are used for the target ``label`` only.
        target: ``soft`` (the probabilities of ``original``, without gradient), ``hard`` (its largest) or ``label``.

    Returns:
        A scalar >= 0, the mean over the batch.
    """
    if target == "label":
        return F.cross_entropy(masked, labels)
    fixed = original.detach()
    return F.cross_entropy(masked, fixed.argmax(dim=1) if target == "hard" else fixed.softmax(dim=1))


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0) -> Tensor:
    """Compute the mean of max(|a - p| - |a - n| + margin, 0) with the length, not its square (Eqs. 2 to 4).

    Args:
        anchor: Vectors a, float [B, K].
        positive: Vectors p, float [B, K].
        negative: Vectors n, float [B, K].
        margin: How much further than p the vector n has to be for a loss of 0.

    Returns:
        A float32 scalar >= 0.
    """
    near = torch.linalg.vector_norm(anchor.float() - positive.float(), dim=1)
    far = torch.linalg.vector_norm(anchor.float() - negative.float(), dim=1)
    loss: Tensor = (near - far + margin).clamp(min=0).mean()
    return loss


def completeness(weights: wsol.FloatArray, whole: float = 1.0) -> float:
    """Compute the score S of Eq. 6: the share of the weights above the threshold that is inside the estimated box.

    Args:
        weights: Weight map, float64 [H, W] in [0, 1].
        whole: Factor for a map whose box is the whole image, where S would be 1 independent of the map.

    Returns:
        A share in [0, 1]; 0 for a map without a contour.
    """
    if weights.max() < 1 / 255:
        return 0.0
    kept = np.where(weights >= TAU * weights.max(), weights, 0.0)
    x0, y0, x1, y1 = wsol.estimated_boxes(weights, TAU, contours="largest")[0]
    share = min(float(kept[y0 : y1 + 1, x0 : x1 + 1].sum() / kept.sum()), 1.0)  # sums round in different orders
    return share * whole if kept[y0 : y1 + 1, x0 : x1 + 1].size == kept.size else share
