"""What SPG's branches learn from: certain regions of a map, and the loss on them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORED = 255.0
"""Marks the pixels that a loss leaves out."""
SHARE_OF_PEAK = 0.7
"""Threshold, as a share of a map's largest value, where the high threshold leaves too few pixels."""


def regions(maps: Tensor, low: float, high: float, enough: int) -> Tensor:
    """Maps float [B, H, W] → float [B, H, W]: 1 above ``high``, 0 below ``low``, 255 between; no gradient.

    An image with fewer than ``enough`` pixels above ``high`` takes 0.7 of its own largest value for it (the original
    implementation lets that threshold leak to the images behind it in the batch). Where both apply, 1 wins.
    """
    above = maps > high
    few = above.sum((1, 2), keepdim=True) < enough
    above = torch.where(few, maps > SHARE_OF_PEAK * maps.amax((1, 2), keepdim=True), above)
    return torch.full_like(maps, IGNORED).masked_fill(maps < low, 0.0).masked_fill(above, 1.0)


def region_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of ``logits`` float [B, H, W], the mean over all pixels not ignored; 0 without any."""
    counted = target != IGNORED
    losses = F.binary_cross_entropy_with_logits(logits, target.masked_fill(~counted, 0.0), reduction="none")
    return (losses * counted).sum() / counted.sum().clamp(min=1)
