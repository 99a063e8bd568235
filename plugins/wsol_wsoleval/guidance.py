"""What SPG's branches learn from: regions of a map that are certain, and the loss on them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORED = 255.0
"""Marks pixels that the loss ignores."""
SHARE_OF_PEAK = 0.7
"""Threshold, as a share of a map's largest value, for maps with too few pixels above the high threshold."""


def regions(maps: Tensor, low: float, high: float, enough: int) -> Tensor:
    """Divide maps into object, background and ignored regions, without gradient.

    Args:
        maps: Maps, float [B, H, W].
        low: Pixels below it are background.
        high: Pixels above it are object; this has precedence over background.
        enough: An image with fewer object pixels uses 0.7 times its largest value instead of ``high``. (The original
            implementation then also uses that threshold for later images of the batch.)

    Returns:
        1 for object, 0 for background and 255 for pixels to ignore, float [B, H, W].
    """
    above = maps > high
    few = above.sum((1, 2), keepdim=True) < enough
    above = torch.where(few, maps > SHARE_OF_PEAK * maps.amax((1, 2), keepdim=True), above)
    return torch.full_like(maps, IGNORED).masked_fill(maps < low, 0.0).masked_fill(above, 1.0)


def region_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy: the mean over all pixels of the batch that are not ignored.

    Args:
        logits: float [B, H, W].
        target: 1 for object, 0 for background and 255 for pixels to ignore, float [B, H, W]; see :func:`regions`.

    Returns:
        A scalar >= 0; 0 when all pixels are ignored.
    """
    counted = target != IGNORED
    losses = F.binary_cross_entropy_with_logits(logits, target.masked_fill(~counted, 0.0), reduction="none")
    return (losses * counted).sum() / counted.sum().clamp(min=1)
