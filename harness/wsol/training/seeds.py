"""Seeds: every random draw comes from a named stream, so that no draw depends on the draws before it."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch


def stream(*key: int | str) -> int:
    """A 63-bit seed for the stream named by ``key``.

    Example:
        >>> from wsol.training.seeds import stream
        >>> stream(0, "order") == stream(0, "order"), stream(0, "order") == stream(1, "order")
        (True, False)
    """
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seeded_generator(*key: int | str) -> torch.Generator:
    """A random generator on the CPU, at the start of the stream named by ``key``."""
    return torch.Generator().manual_seed(stream(*key))


def seed_everything(*key: int | str) -> None:
    """Start the global generators of Python, NumPy and torch (all devices) at the stream named by ``key``."""
    seed = stream(*key)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
