"""Boxes of the training images by a finished run, whatever its method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

import wsol
from wsol.arrays import FloatArray
from wsol.data.images import resize_square
from wsol.inference.localizer import Localizer
from wsol.training.loader import normalize_images
from wsol_psol.boxes import WHOLE, positive_boxes

BATCH = 32


def training_boxes(localizer: Localizer, theta: float | None = None) -> Iterator[tuple[str, list[float]]]:
    """(image id, corners as shares of the sides) of every training image of the run's benchmark, for its label.

    theta: threshold of maps as a share of their maximum; None: the run's box rule, or else its best on val.
    """
    device = to_device(localizer)
    images = localizer.benchmark.images("train")
    for rows in torch.split(torch.arange(len(images)), BATCH):
        inputs = _inputs(localizer, images, rows.tolist(), device)
        boxes = _boxes(localizer, inputs, torch.as_tensor(images.labels)[rows].to(device), theta)
        yield from zip((images.ids[i] for i in rows), boxes.tolist(), strict=True)


def to_device(localizer: Localizer) -> torch.device:
    """Move the method of a finished run to the GPU where there is one; returns the device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    localizer.method.to(device)
    return device


def _inputs(localizer: Localizer, images: wsol.ImageList, rows: Sequence[int], device: torch.device) -> Tensor:
    side = localizer.benchmark.crop
    pixels = np.stack([resize_square(images.load(i), side).transpose(2, 0, 1) for i in rows])
    return normalize_images(pixels, localizer.method.image_mean, localizer.method.image_std, device)


@torch.no_grad()
def _boxes(localizer: Localizer, inputs: Tensor, labels: Tensor, theta: float | None) -> Tensor:
    located = localizer.method.localize(inputs, labels, localizer.extractor).cpu()
    if localizer.method.outputs == "boxes":
        return located.clamp(0, 1)
    return torch.stack([_map_box(localizer, raw.double().numpy(), theta) for raw in located])


def _map_box(localizer: Localizer, raw: FloatArray, theta: float | None) -> Tensor:
    """The box of a raw map; the whole image for a map that is NaN, infinite or constant."""
    side = localizer.benchmark.crop
    box_rule = localizer.box_rule if theta is None else None
    found = wsol.read_map(raw, wsol.Frame(side, side), localizer.normalizer, box_rule)
    if found.problem:
        return torch.tensor(WHOLE)
    if found.boxes is not None:
        return torch.as_tensor(found.boxes[0] / side, dtype=torch.float32)
    threshold = localizer.threshold if theta is None else theta
    return positive_boxes(torch.as_tensor(found.scores - threshold * found.scores.max())[None])[0]
