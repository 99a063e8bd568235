"""From cached bytes to training batches on the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from wsol.data.stages import TrainData
from wsol.networks import Augmentation
from wsol.training.batch import Batch


def to_float(
    images: npt.NDArray[np.uint8], mean: Sequence[float], std: Sequence[float], device: torch.device
) -> Tensor:
    """uint8 [B, 3, H, W] → float32 on ``device``, (x / 255 - mean) / std for each channel."""
    pixels = torch.from_numpy(images)
    if device.type == "cuda":
        pixels = pixels.pin_memory().to(device, non_blocking=True)
    scale = torch.tensor([255.0 * s for s in std], device=device)[:, None, None]
    shift = torch.tensor([m / s for m, s in zip(mean, std, strict=True)], device=device)[:, None, None]
    return pixels.float().div_(scale).sub_(shift)


class TrainLoader:
    """Batches of the training split: augmented ones for the engine, plain ones for a method's own computations.

    This, and nothing behind it, is what a method is handed.
    """

    def __init__(self, data: TrainData, mean: Sequence[float], std: Sequence[float], device: torch.device) -> None:
        self._data = data
        self._mean, self._std, self._device = tuple(mean), tuple(std), device
        self.ids: Sequence[str] = tuple(data.ids)
        self.num_classes = data.num_classes
        self.labels = torch.as_tensor(data.labels, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, index: Sequence[int] | None = None, batch_size: int = 32) -> Iterator[Batch]:
        """The images of the rows ``index`` (default: all) in order, squashed to the network's input, not augmented."""
        rows = torch.arange(len(self)) if index is None else torch.as_tensor(index, dtype=torch.int64)
        for chunk in rows.split(batch_size):  # type: ignore[no-untyped-call]
            batch = self._gather(chunk, None)
            side = self._data.crop
            images = F.interpolate(batch.images, (side, side), mode="bilinear", align_corners=False, antialias=True)
            yield batch.replace(images=images)

    def training_batches(
        self,
        index_batches: Iterable[Tensor],
        augmentations: Sequence[Augmentation],
        generator: torch.Generator,
        boxes: Tensor | None = None,
    ) -> Iterator[Batch]:
        """Augmented batches. ``boxes``: float [N, 4] pseudo boxes as shares of the image sides."""
        for rows in index_batches:
            batch = self._gather(rows, boxes)
            for augmentation in augmentations:
                batch = augmentation(batch, generator)
            yield batch

    def _gather(self, rows: Tensor, boxes: Tensor | None) -> Batch:
        images = to_float(self._data.images[rows.numpy()], self._mean, self._std, self._device)
        labels = self.labels[rows].to(self._device)
        return Batch(
            images=images,
            labels=labels,
            targets=F.one_hot(labels, self.num_classes).float(),
            index=rows,
            boxes=None if boxes is None else boxes.detach()[rows.to(boxes.device)].float().to(self._device),
        )
