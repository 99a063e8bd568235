"""The normalised class map, and the two regularizations of its linear layer."""

from __future__ import annotations

import torch
from torch import Tensor


def localization_map(features: Tensor, weights: Tensor) -> Tensor:
    """Compute the localization map H (Eqs. 1 and 2), min-max normalised for each image at feature resolution.

    The gradient passes through minimum and maximum, and no epsilon is added. A constant map becomes 0 instead of 0/0,
    with a finite gradient.

    Args:
        features: Feature maps, float [B, K, h, w].
        weights: Row of the linear layer for each image's label, float [B, K].

    Returns:
        Maps, float32 [B, h, w] in [0, 1].
    """
    with torch.autocast(features.device.type, enabled=False):
        raw = torch.einsum("bkhw,bk->bhw", _full(features), _full(weights))
    low, high = raw.amin((1, 2), keepdim=True), raw.amax((1, 2), keepdim=True)
    spread = high - low
    return (raw - low) / torch.where(spread > 0, spread, torch.ones_like(spread))


def common_region(vectors: Tensor) -> Tensor:
    """Compute the common region regularization CRR (Eq. 3), the mean over classes.

    For one class it is 1 / (S (S - 1)) times the sum of ||f_i - f_j||^2 over ordered pairs, which equals 2 / (S - 1)
    times the sum of ||f_i - mean||^2.

    Args:
        vectors: Pooled features of the masked images, float [N, S, K]: N classes with S >= 2 images each.

    Returns:
        A scalar >= 0.
    """
    deviations = vectors - vectors.mean(dim=1, keepdim=True)
    return 2 / (vectors.shape[1] - 1) * deviations.square().sum(dim=(1, 2)).mean()


def full_region(vectors: Tensor, originals: Tensor) -> Tensor:
    """Compute the full region regularization FRR (Eq. 4), the mean over classes.

    For one class it is 1 / S times the sum of ||f_i - fo_i||^2.

    Args:
        vectors: Pooled features f of the masked images, float [N, S, K].
        originals: Pooled features fo of the images, float [N, S, K].

    Returns:
        A scalar >= 0.
    """
    return (vectors - originals).square().sum(dim=2).mean()


def _full(x: Tensor) -> Tensor:
    """Convert half precision to float32: a map in half precision has only a few hundred levels."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
