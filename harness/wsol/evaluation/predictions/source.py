"""What evaluation reads: a store, or maps in somebody else's files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from wsol.arrays import Array, IntArray

PredictionKind = Literal["maps", "boxes"]


class Predictions(Protocol):
    """Predictions for N images: a map each, or a box each."""

    @property
    def kind(self) -> PredictionKind:
        """Maps or boxes."""

    @property
    def ids(self) -> Sequence[str]:
        """Image ids, in the order of the split."""

    @property
    def labels(self) -> IntArray:
        """int64 [N]."""

    @property
    def logits(self) -> Array | None:
        """float [N, C], or None without a classifier."""

    @property
    def boxes(self) -> Array | None:
        """float [N, 4] (x0, y0, x1, y1) as shares of the image sides, or None for a source of maps."""

    def __len__(self) -> int: ...

    def map(self, i: int) -> Array:
        """The raw map of image i, real [h, w]; raises DataError when the source has boxes."""
        ...
