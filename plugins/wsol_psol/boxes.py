"""Boxes of heat maps, and the two ways to write a box: corners (x0, y0, x1, y1), and corner with sides (x, y, w, h).

All boxes are shares of the image sides in [0, 1], half-open: a box that ends in the last column ends at 1.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import wsol

WHOLE = (0.0, 0.0, 1.0, 1.0)


def positive_boxes(maps: Tensor, upsample: int | None = None) -> Tensor:
    """The box around the largest component of positive cells of each map.

    Components are 8-connected, their size is their number of cells; of two of one size the higher one wins, then the
    one further left. A map without a positive cell gives the whole image. Enlarging the mask of positive cells by
    nearest neighbour, as the released code does before it takes the box, changes no share of the sides.

    This is how PSOL's released code makes the boxes that a network is trained on, for DDT, CAM and the maps of another
    run alike. ``wsol localize`` and evaluation at one threshold use :func:`wsol.estimated_boxes` instead, which is how
    the wsoleval benchmark scores a map. It quantises the map to 8 bits, takes the contour with the largest enclosed
    area (holes filled), and ends the box at W - 1 and H - 1 at most. At one threshold the two can differ by a few
    pixels, and choose another component of a map with several.

    Args:
        maps: Heat maps, float [B, h, w].
        upsample: Side in pixels that maps are brought to with bilinear interpolation first, which is the paper's order;
            None takes the components at the size of the maps.

    Returns:
        Corners as shares of the sides in [0, 1], float32 [B, 4] on the CPU.
    """
    if upsample is not None:
        maps = resize(maps[:, None], upsample)[:, 0]
    masks = (maps > 0).cpu().numpy()
    return torch.tensor(np.array([component_box(mask) for mask in masks]), dtype=torch.float32).reshape(-1, 4)


def component_box(mask: wsol.Array) -> tuple[float, float, float, float]:
    """The box around the largest 8-connected component of a mask, bool [h, w]; the whole image for an empty one."""
    height, width = mask.shape
    statistics = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)[2][1:]
    if len(statistics) == 0:
        return WHOLE
    left, top, columns, rows, _ = min(statistics.tolist(), key=lambda s: (-s[4], s[1], s[0]))
    return left / width, top / height, (left + columns) / width, (top + rows) / height


def resize(images: Tensor, side: int) -> Tensor:
    """Resize images to a square, bilinear, pixels as areas.

    Args:
        images: float [B, C, h, w].
        side: New height and width in pixels.

    Returns:
        float [B, C, side, side].
    """
    return F.interpolate(images, (side, side), mode="bilinear", align_corners=False)


def to_xywh(boxes: Tensor) -> Tensor:
    """Corners float [B, 4] → top-left corner, width and height float [B, 4]."""
    return torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)


def from_xywh(boxes: Tensor) -> Tensor:
    """Top-left corner, width and height float [B, 4] → corners float [B, 4], clipped to the image."""
    return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1).clamp(0, 1)
