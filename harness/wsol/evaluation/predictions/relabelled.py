"""Predictions whose maps or boxes come from one method and whose logits come from another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsol.arrays import Array, IntArray
from wsol.evaluation.predictions.source import PredictionKind, Predictions


@dataclass(frozen=True)
class WithLogits:
    """The maps or boxes of ``located`` with other ``logits``, float [N, C] in the same order.

    The maps of a method that localizes a given class are those of the true class, and a Top-k localization hit needs
    the true class among the first k. The scores are therefore the Top-k localization of the method with the classifier
    that gave the logits.
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
        """Ground-truth classes, int64 [N]."""
        return self.located.labels

    @property
    def boxes(self) -> Array | None:
        """As of ``located``, float [N, 4]; None for maps."""
        return self.located.boxes

    def map(self, i: int) -> Array:
        """The raw map of image i."""
        return self.located.map(i)
