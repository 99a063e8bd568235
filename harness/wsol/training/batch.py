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
    """What a method sees of the training split: images, their names and labels, nothing else."""

    ids: Sequence[str]
    """Names of the images, to find what was computed for them elsewhere (pseudo boxes in a file)."""
    num_classes: int
    labels: Tensor
    """int64 [N], on the CPU."""

    def __len__(self) -> int: ...

    def batches(self, index: Sequence[int] | None = None, batch_size: int = 32) -> Iterator[Batch]:
        """The images of the rows ``index`` (default: all, in order), as the test transform gives them."""
        ...
