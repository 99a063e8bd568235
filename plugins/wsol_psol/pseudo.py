"""Boxes of the training images, made by a finished run of any method."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import wsol
from wsol_psol.boxes import WHOLE, positive_boxes


def training_boxes(localizer: wsol.Localizer, theta: float | None = None) -> Iterator[tuple[str, list[float]]]:
    """Yield one box for each training image of the run's benchmark, for the image's label.

    Args:
        localizer: The finished run.
        theta: Threshold of maps, as a share of their maximum; None: the run's box rule, or else its best threshold on
            val.

    Yields:
        The image id, and the corners (x0, y0, x1, y1) as shares of the image sides.
    """
    images = localizer.benchmark.images("train")
    for batch in localizer.batches(images):
        located = localizer.localize(batch)
        if localizer.method.outputs == "boxes":
            boxes = located.clamp(0, 1)
        else:
            boxes = torch.stack([_map_box(localizer, raw.double().numpy(), theta) for raw in located])
        yield from zip((images.ids[i] for i in batch.rows), boxes.tolist(), strict=True)


def _map_box(localizer: wsol.Localizer, raw: wsol.FloatArray, theta: float | None) -> Tensor:
    """The box of a raw map; the whole image for a map that is NaN, infinite or constant."""
    side = localizer.benchmark.crop
    found = localizer.read_map(raw, side, localizer.box_rule if theta is None else None)
    if found.problem:
        return torch.tensor(WHOLE)
    if found.boxes is not None:
        return torch.as_tensor(found.boxes[0] / side, dtype=torch.float32)
    threshold = localizer.threshold if theta is None else theta
    return positive_boxes(torch.as_tensor(found.scores - threshold * found.scores.max())[None])[0]
