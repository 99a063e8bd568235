"""Drawing one of several tests from the hash of a commit: always the same for a commit, another for the next."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def draw(cases: Sequence[T], commit: str) -> T:
    """One of ``cases``; raises ValueError if there is none."""
    if not cases:
        raise ValueError("there is no case to draw from")
    return cases[int(hashlib.sha256(commit.encode()).hexdigest(), 16) % len(cases)]
