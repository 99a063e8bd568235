"""Names for test data: results on different data are never in one ranking."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import combinations

import wsol

DIGITS = 12
"""Hexadecimal digits of a name."""
HASHES = ("labels", "boxes", "masks", "pixels")


def name_test_data(splits: Iterable[wsol.SplitData]) -> dict[wsol.SplitData, str]:
    """Name test data so that equal names mean data that may be compared.

    A hash that a record lacks is not compared (:meth:`wsol.SplitData.difference`), so one split may fit several that
    differ from each other. Then it is not known which of them it is, and splits have one name only where all their
    hashes are equal.

    Args:
        splits: Data of the split ``test`` of some records.

    Returns:
        Each split → 12 hexadecimal digits.

    Example:
        >>> known = wsol.SplitData(fingerprint="birds", labels="a", boxes="b", pixels="c")
        >>> unread = known.model_copy(update={"pixels": ""})
        >>> edited = known.model_copy(update={"boxes": "d"})
        >>> names = name_test_data([known, unread, edited])
        >>> names[known] == names[unread], names[known] == names[edited]
        (True, False)
    """
    names: dict[wsol.SplitData, str] = {}
    for group in _fitting(sorted(set(splits), key=_hashes)):
        alike = not any(a.difference(b) for a, b in combinations(group, 2))
        shared = _name([max(found) for found in zip(*map(_hashes, group), strict=True)])
        names |= {split: shared if alike else _name(_hashes(split)) for split in group}
    return names


def _fitting(splits: list[wsol.SplitData]) -> list[list[wsol.SplitData]]:
    """Groups of splits that are linked by pairs without a difference."""
    groups: list[list[wsol.SplitData]] = []
    for split in splits:
        linked = [group for group in groups if any(not split.difference(other) for other in group)]
        groups = [group for group in groups if group not in linked]
        groups.append([*(other for group in linked for other in group), split])
    return groups


def _hashes(split: wsol.SplitData) -> list[str]:
    """The hashes of a split; the name that its benchmark gives it counts where the labels have no hash."""
    hashes = [str(getattr(split, name)) for name in HASHES]
    return [*hashes, "" if split.labels else split.fingerprint]


def _name(hashes: list[str]) -> str:
    if hashes[0]:  # labels: the benchmark's name for the split adds nothing
        hashes = [*hashes[:-1], ""]
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:DIGITS]
