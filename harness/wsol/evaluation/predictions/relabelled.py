"""Where the object is by one method, and what it is by another: localization with anybody's classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsol.arrays import Array, IntArray
from wsol.evaluation.predictions.source import PredictionKind, Predictions


@dataclass(frozen=True)
class WithLogits:
    """``located`` with other ``logits``, float [N, C] in its order: the boxes stay, the ranks of classes change.

    For a method that localizes a given class, this is its Top-1 and Top-5 localization with the other classifier,
    because its maps are those of the true class, and a hit needs the true class among the first k.
    """

    located: Predictions
    logits: Array

    def __len__(self) -> int:
        return len(self.located)

    @property
    def kind(self) -> PredictionKind:
        """Maps or boxes."""
        return self.located.kind

    @property
    def ids(self) -> Sequence[str]:
        """Image ids, in the order of the split."""
        return self.located.ids

    @property
    def labels(self) -> IntArray:
        """int64 [N]."""
        return self.located.labels

    @property
    def boxes(self) -> Array | None:
        """float [N, 4] as shares of the image sides, or None for maps."""
        return self.located.boxes

    def map(self, i: int) -> Array:
        """The raw map of image i."""
        return self.located.map(i)
