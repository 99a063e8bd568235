"""The crop that PSOL's regressor is trained on."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

import wsol

TRIES = 30
"""Crops that are drawn for an image before the whole image is taken."""


class BoxCrop(wsol.Augmentation):
    """A random part of an image, enlarged to ``size``, that shows at least a piece of the box.

    Its area is a uniform share of the image's in ``SCALE``, the logarithm of its width over its height uniform in
    ``RATIO``; a crop that is larger than the image or misses the box is drawn again. After 30 draws the whole image is
    taken (training images are square, so that it is the largest central crop). Boxes are clipped to the crop.
    """

    name = "box_crop"
    SCALE = (0.2, 1.0)
    RATIO = (3 / 4, 4 / 3)

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """images float [B, 3, S, S] → [B, 3, size, size]; without boxes the first crop that fits is taken."""
        count = len(batch.images)
        boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(count, 1) if batch.boxes is None else batch.boxes
        windows = self.draw(boxes.cpu(), generator).to(batch.images.device)
        moved = None if batch.boxes is None else inside(boxes, windows)
        return batch.replace(images=resample(batch.images, windows, self.size), boxes=moved)

    def draw(self, boxes: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one window for each image that overlaps its box; the whole image if none of 30 draws does.

        Args:
            boxes: Corners as shares of the sides, float [B, 4] on the CPU.
            generator: Source of the random numbers, on the CPU.

        Returns:
            Corners of the windows as shares of the sides, float [B, 4] on the CPU.
        """
        scale, ratio, x, y = torch.rand(4, len(boxes), TRIES, generator=generator)
        area = self.SCALE[0] + scale * (self.SCALE[1] - self.SCALE[0])
        low, high = map(math.log, self.RATIO)
        shape = (low + ratio * (high - low)).exp()
        width, height = (area * shape).sqrt(), (area / shape).sqrt()
        left, top = x * (1 - width), y * (1 - height)
        windows = torch.stack([left, top, left + width, top + height], dim=2)
        good = (width <= 1) & (height <= 1) & overlaps(windows, boxes[:, None])
        chosen = windows[torch.arange(len(boxes)), good.int().argmax(dim=1)]
        return torch.where(good.any(dim=1)[:, None], chosen, chosen.new_tensor([0.0, 0.0, 1.0, 1.0]))


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Whether boxes share an area; boxes with only an edge in common do not.

    Args:
        a: Corners, float [..., 4].
        b: Corners, float [..., 4], of a shape that broadcasts with that of ``a``.

    Returns:
        bool [...].
    """
    shared = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    return (shared > 0).all(dim=-1)


def inside(boxes: Tensor, windows: Tensor) -> Tensor:
    """Convert boxes of images to boxes of the windows cut out of them, clipped to the windows.

    Args:
        boxes: Corners as shares of the image sides, float [B, 4].
        windows: Corners as shares of the image sides, float [B, 4], each with an area above 0.

    Returns:
        Corners as shares of the window sides in [0, 1], float [B, 4].
    """
    origin = windows[:, :2].repeat(1, 2)
    sides = (windows[:, 2:] - windows[:, :2]).repeat(1, 2)
    return ((boxes - origin) / sides).clamp(0, 1)


def resample(images: Tensor, windows: Tensor, size: int) -> Tensor:
    """Cut windows out of images and bring them to one size with bilinear sampling.

    Args:
        images: float [B, C, H, W].
        windows: Corners as shares of the image sides, float [B, 4].
        size: Height and width of the result in pixels.

    Returns:
        float [B, C, size, size].
    """
    x0, y0, x1, y1 = windows.to(images).unbind(1)
    zero = torch.zeros_like(x0)
    rows = [x1 - x0, zero, x0 + x1 - 1, zero, y1 - y0, y0 + y1 - 1]
    theta = torch.stack(rows, dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(theta, [len(images), images.shape[1], size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
