"""The normalised class map and the two regularizations that it is moved by."""

from __future__ import annotations

import torch
from torch import Tensor


def localization_map(features: Tensor, weights: Tensor) -> Tensor:
    """H (Eqs. 1, 2): features float [B, K, h, w], a row of weights an image [B, K] → float32 [B, h, w] in [0, 1].

    Min-max normalised image by image at feature resolution, the gradient through minimum and maximum included, without
    an epsilon. A constant map becomes 0 instead of 0/0, with a finite gradient.
    """
    with torch.autocast(features.device.type, enabled=False):
        raw = torch.einsum("bkhw,bk->bhw", _full(features), _full(weights))
    low, high = raw.amin((1, 2), keepdim=True), raw.amax((1, 2), keepdim=True)
    spread = high - low
    return (raw - low) / torch.where(spread > 0, spread, torch.ones_like(spread))


def common_region(vectors: Tensor) -> Tensor:
    """CRR (Eq. 3), the mean of it over classes: vectors float [N classes, S >= 2 images, K] → scalar >= 0.

    1 / (S (S - 1)) times the sum of ||f_i - f_j||^2 over ordered pairs, which is 2 / (S - 1) times the sum of
    ||f_i - mean||^2.
    """
    deviations = vectors - vectors.mean(dim=1, keepdim=True)
    return 2 / (vectors.shape[1] - 1) * deviations.square().sum(dim=(1, 2)).mean()


def full_region(vectors: Tensor, originals: Tensor) -> Tensor:
    """FRR (Eq. 4), the mean of it over classes: 1 / S times the sum of ||f_i - fo_i||^2; both float [N, S, K]."""
    return (vectors - originals).square().sum(dim=2).mean()


def _full(x: Tensor) -> Tensor:
    """At least float32: in half precision a map would have a few hundred levels."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
