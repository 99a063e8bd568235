"""A training batch, and the part of the training split that a method can access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """A batch of training images.

    Attributes:
        images: Normalised images, float32 [B, 3, H, W]: 0 is the mean colour. Geometric augmentations may see them
            before they are normalised, as uint8.
        labels: Classes, int64 [B].
        targets: Target probabilities, float32 [B, C]: one-hot, unless an augmentation mixed labels.
        index: Rows of the training split, int64 [B], on the CPU.
        boxes: The phase's pseudo boxes, float32 [B, 4] (x0, y0, x1, y1 as shares of the image sides in [0, 1]),
            transformed by the augmentations together with the images; None for a phase without.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor
    index: Tensor
    boxes: Tensor | None = None

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, tensor) of every field that is not None."""
        return ((field.name, tensor) for field in fields(self) if (tensor := getattr(self, field.name)) is not None)

    def replace(self, **changes: Any) -> Batch:
        """A copy with some fields changed, given by name."""
        return replace(self, **changes)


class TrainView(Protocol):
    """The part of the training split that a method can access: images, their ids and labels."""

    @property
    def ids(self) -> Sequence[str]:
        """Image ids, to look up what was computed for the images elsewhere (pseudo boxes in a file)."""
        ...

    @property
    def num_classes(self) -> int:
        """Number of classes, C."""
        ...

    @property
    def labels(self) -> Tensor:
        """Class indices, int64 [N], on the CPU."""
        ...

    def __len__(self) -> int: ...

    def batches(self, index: Sequence[int] | None = None, batch_size: int = 32) -> Iterator[Batch]:
        """Read images in order, squashed to the network's input and not augmented.

        Args:
            index: Rows of the training split; None reads all.
            batch_size: Images in a batch; the last batch may be smaller.

        Returns:
            Batches on the device, with images float32 [B, 3, S, S].
        """
        ...
