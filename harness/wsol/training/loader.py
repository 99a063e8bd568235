"""Training batches on the device, from decoded images."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wsol.arrays import ByteArray
from wsol.data.decoded import DecodedImages, ImagesOnDemand
from wsol.data.views import TrainData
from wsol.errors import RunError
from wsol.training.augment import Augmentation, augment
from wsol.training.batch import Batch

T = TypeVar("T")
AHEAD = 2
"""Batches that are read ahead for a GPU, or decoded ahead."""


def normalize_images(images: ByteArray, mean: Sequence[float], std: Sequence[float], device: torch.device) -> Tensor:
    """Normalise images for a network: (x / 255 - mean) / std for each channel.

    Args:
        images: RGB images, uint8 [B, 3, H, W].
        mean: Mean of each channel, in [0, 1].
        std: Standard deviation of each channel.
        device: Where the result is needed.

    Returns:
        Images, float32 [B, 3, H, W], on ``device``.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from wsol.training.loader import normalize_images
        >>> white = np.full((1, 3, 1, 1), 255, dtype=np.uint8)
        >>> normalize_images(white, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), torch.device("cpu")).flatten()
        tensor([1., 1., 1.])
    """
    return normalised(to_device(torch.from_numpy(images), device), mean, std)


def to_device(pixels: Tensor, device: torch.device) -> Tensor:
    """Copy images to a device; to a GPU without waiting for the copy to end.

    Args:
        pixels: Images on the CPU, of any shape and dtype.
        device: Where they are needed.

    Returns:
        The images on ``device``; ``pixels`` itself if that is the CPU.
    """
    return pixels.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else pixels


def normalised(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Normalise images on their device: (x / 255 - mean) / std for each channel.

    Args:
        pixels: RGB images, uint8 [B, 3, H, W].
        mean: Mean of each channel, in [0, 1].
        std: Standard deviation of each channel, on the same scale.

    Returns:
        Images, float32 [B, 3, H, W], on the device of ``pixels``.
    """
    scale = torch.tensor([1 / (255.0 * s) for s in std], device=pixels.device)[:, None, None]
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=pixels.device)[:, None, None]
    return pixels.float().mul_(scale).add_(shift)


def batches_ahead(images: DecodedImages, device: torch.device) -> int:
    """How many batches to read ahead of a device.

    A CPU computes with the cores that reading would use, so that reading ahead pays for decoding only.

    Args:
        images: The images to read.
        device: The device that computes.

    Returns:
        The number of batches; 0 to read without a thread.
    """
    return AHEAD if device.type == "cuda" or isinstance(images, ImagesOnDemand) else 0


def read_ahead(
    read: Callable[[Tensor], T], index_batches: Iterable[Tensor], ahead: int = AHEAD
) -> Iterator[tuple[Tensor, T]]:
    """Read batches in order, in a thread that runs ahead of their use.

    Args:
        read: Reads the batch of some rows.
        index_batches: Rows of each batch, int64 [b].
        ahead: Number of batches to read ahead; 0 reads without a thread.

    Yields:
        The rows and the batch that was read.
    """
    if ahead == 0:
        yield from ((rows, read(rows)) for rows in index_batches)
        return
    with ThreadPoolExecutor(1) as reader:
        waiting: deque[tuple[Tensor, Future[T]]] = deque()
        for rows in index_batches:
            waiting.append((rows, reader.submit(read, rows)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        for last, future in waiting:
            yield last, future.result()


class TrainLoader:
    """Batches of the training split: augmented ones for the engine, plain ones for a method's own computations.

    Methods get this object as their :class:`wsol.TrainView`; it holds no other split and no annotation.

    Args:
        data: The training split.
        mean: Mean of each channel for the normalisation, in [0, 1].
        std: Standard deviation of each channel.
        device: Where batches are needed.
    """

    def __init__(self, data: TrainData, mean: Sequence[float], std: Sequence[float], device: torch.device) -> None:
        self._data = data
        self._mean, self._std, self._device = tuple(mean), tuple(std), device
        self.ids: Sequence[str] = tuple(data.ids)
        self.num_classes = data.num_classes
        self.labels = torch.from_numpy(np.array(data.labels, dtype=np.int64))
        self._ahead = batches_ahead(data.images, device)
        self._resident: Tensor | None = None
        if data.on_device:
            self._resident = torch.from_numpy(data.images[range(len(data.images))]).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, index: Sequence[int] | None = None, batch_size: int = 32) -> Iterator[Batch]:
        """See :meth:`wsol.TrainView.batches`."""
        rows = torch.arange(len(self)) if index is None else torch.as_tensor(index, dtype=torch.int64)
        side = self._data.crop
        for chunk, pixels in read_ahead(self._read, torch.split(rows, batch_size), self._ahead):
            batch = self._normalised(self._batch(chunk, pixels, None))
            images = F.interpolate(batch.images, (side, side), mode="bilinear", align_corners=False, antialias=True)
            yield batch.replace(images=images)

    def training_batches(
        self,
        index_batches: Iterable[Tensor],
        augmentations: Sequence[Augmentation],
        generator: torch.Generator,
        boxes: Tensor | None = None,
    ) -> Iterator[Batch]:
        """Read augmented batches.

        Geometric augmentations run on uint8 images until the first other one, so that a quarter of the memory is moved.
        All of it may run ahead in one thread, which keeps the order of draws from the generator.

        Args:
            index_batches: Rows of each batch, int64 [b].
            augmentations: Applied in this order.
            generator: Source of the augmentations' randomness.
            boxes: Pseudo boxes of all images, float [N, 4] as shares of the image sides, for ``Batch.boxes``.

        Yields:
            Batches with normalised images, on the device.
        """
        # One batch of an epoch is enough to notice a draw from another generator. A thread that reads ahead cannot
        # know whose draws it sees.
        strict = self._ahead == 0

        def prepare(rows: Tensor) -> Batch:
            nonlocal strict
            batch = self._batch(rows, self._read(rows), boxes)
            for augmentation in augmentations:
                given = batch if augmentation.geometric else self._normalised(batch)
                batch = augment(augmentation, given, generator, strict)
            strict = False
            return self._normalised(batch)

        for _, batch in read_ahead(prepare, index_batches, self._ahead):
            yield batch

    def check_labels(self, component: str) -> None:
        """Check that nothing wrote to :attr:`labels`, which all phases share.

        Args:
            component: Kind and name of the component that could write to them, for the error.

        Raises:
            RunError: They are not those of the training split.
        """
        if not np.array_equal(self.labels.numpy(), self._data.labels):
            raise RunError(f"{component} changes the labels of the training split; it must work on a copy")

    def _read(self, rows: Tensor) -> Tensor:
        """Images uint8 [B, 3, S, S], on the device if they are kept there."""
        if self._resident is not None:
            return self._resident[rows.to(self._resident.device)]
        return torch.from_numpy(self._data.images[rows.numpy()])

    def _normalised(self, batch: Batch) -> Batch:
        if batch.images.dtype != torch.uint8:
            return batch
        return batch.replace(images=normalised(batch.images, self._mean, self._std))

    def _batch(self, rows: Tensor, pixels: Tensor, boxes: Tensor | None) -> Batch:
        labels = self.labels[rows].to(self._device)
        return Batch(
            images=pixels if self._resident is not None else to_device(pixels, self._device),
            labels=labels,
            targets=F.one_hot(labels, self.num_classes).float(),
            index=rows,
            boxes=None if boxes is None else boxes.detach()[rows.to(boxes.device)].float().to(self._device),
        )
