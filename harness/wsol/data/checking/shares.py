"""How much of their images the objects of a split cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wsol.arrays import FloatArray


@dataclass(frozen=True)
class ObjectShares:
    """ObjectShares of objects in their images, in [0, 1].

    Attributes:
        count: Number of objects: boxes, or masks.
        mean: Mean share.
        smallest: Smallest share.
        smallest_id: Image with the smallest share.
        largest: Largest share.
        largest_id: Image with the largest share.
    """

    count: int
    mean: float
    smallest: float
    smallest_id: str
    largest: float
    largest_id: str


def summarize(shares: FloatArray, ids: Sequence[str]) -> ObjectShares | None:
    """Summarize shares.

    Args:
        shares: Share of each object, NaN where it is not known, float64 [N].
        ids: Image of each object.

    Returns:
        The summary; None without a known share.

    Example:
        >>> summarize(np.array([0.25, 0.75, np.nan]), ["a", "b", "c"])
        ObjectShares(count=2, mean=0.5, smallest=0.25, smallest_id='a', largest=0.75, largest_id='b')
    """
    known = np.flatnonzero(~np.isnan(shares))
    if not len(known):
        return None
    low, high = (int(known[place]) for place in (shares[known].argmin(), shares[known].argmax()))
    mean = float(shares[known].mean())
    return ObjectShares(len(known), mean, float(shares[low]), ids[low], float(shares[high]), ids[high])
