"""A validation split for data sets without one: a fixed, class-balanced part of train."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from wsol.arrays import BoolArray, IntArray
from wsol.errors import DataError


def hold_out(ids: Sequence[str], labels: Sequence[int] | IntArray, per_class: int) -> BoolArray:
    """Choose the images to hold out of training: of each class, those whose ids have the smallest hashes.

    The hash is SHA-256 of the id in UTF-8. The choice depends on the ids of a class only: it is the same on every
    machine and in every version, for any order of the files and any other classes, and a larger ``per_class`` includes
    the smaller choice.

    Args:
        ids: Image ids, each once.
        labels: Classes, int [N]; images with a label below 0 (unknown) are never chosen.
        per_class: Images to hold out of each class.

    Returns:
        Whether each image is held out, bool [N].

    Raises:
        DataError: An id is repeated, or a class would have no image left to train on.

    Example:
        >>> from wsol.data.holdout import hold_out
        >>> hold_out(["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"], [0, 0, 0, 1, 1], per_class=1).tolist()
        [True, False, False, False, True]
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
