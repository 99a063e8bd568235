"""A validation split for data sets without one: a fixed, class-balanced part of train."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wsol.arrays import IntArray
from wsol.errors import DataError


def hold_out(ids: Sequence[str], labels: Sequence[int] | IntArray, per_class: int) -> npt.NDArray[np.bool_]:
    """Which images to keep out of training, bool [N]: of each class the ``per_class`` with the smallest hashes.

    The hash is SHA-256 of the image id in UTF-8. So the choice depends on nothing but the ids of a class: it is the
    same on every machine and in every version, whatever the order of the files and whatever the other classes are, and
    a larger ``per_class`` keeps the smaller choice. Labels below 0 (unknown) are never chosen.

    Raises DataError for a repeated id, and for a class that would have no image left to train on.
    """
    if len(set(ids)) < len(ids):
        raise DataError("images cannot be held out: an image id is repeated; 'wsol data check' names it")
    classes = np.asarray(labels, dtype=np.int64)
    chosen = np.zeros(len(ids), dtype=bool)
    for label in np.unique(classes[classes >= 0]).tolist():
        rows = np.flatnonzero(classes == label).tolist()
        if len(rows) <= per_class:
            raise DataError(
                f"class {label} has {len(rows)} images; {per_class} cannot be held out of them with one left to train "
                "on: give the benchmark a smaller 'holdout'"
            )
        chosen[sorted(rows, key=lambda row: hashlib.sha256(ids[row].encode()).digest())[:per_class]] = True
    return chosen
