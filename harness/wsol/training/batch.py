"""A training batch on its way from the cache through augmentations to a method's losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """images float32 [B, 3, H, W] (normalised: 0 is the mean colour), labels int64 [B], targets float32 [B, C]
    (one-hot unless an augmentation mixed labels), index int64 [B] (rows of the training split), boxes float32 [B, 4]
    (x0, y0, x1, y1 as shares of the image sides in [0, 1]; pseudo boxes a phase supplied, moved along by the
    augmentations) or None.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor
    index: Tensor
    boxes: Tensor | None = None

    def replace(self, **changes: Any) -> Batch:
        """A copy with some fields changed."""
        return replace(self, **changes)


class TrainView(Protocol):
    """What a method sees of the training split: images, their ids and labels, nothing else."""

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
