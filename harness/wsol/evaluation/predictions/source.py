"""The interface that evaluation reads predictions through: a store, or third-party maps or boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from wsol.arrays import Array, IntArray

PredictionKind = Literal["maps", "boxes"]


class Predictions(Protocol):
    """Predictions for N images: one map or one box for each."""

    @property
    def kind(self) -> PredictionKind:
        """Maps or boxes."""

    @property
    def ids(self) -> Sequence[str]:
        """Image ids, in the order of the split."""

    @property
    def labels(self) -> IntArray:
        """Ground-truth classes, int64 [N]."""

    @property
    def logits(self) -> Array | None:
        """Logits, float [N, C]; None without a classifier."""

    @property
    def boxes(self) -> Array | None:
        """(x0, y0, x1, y1) as shares of the sides of the test images, float [N, 4]; None for maps."""

    def __len__(self) -> int: ...

    def map(self, i: int) -> Array:
        """The raw map of image i, real numbers [h, w]; raises DataError for boxes."""
        ...
