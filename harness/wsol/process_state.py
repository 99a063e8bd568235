"""State of the process that all components share: torch's switches, OpenCV's threads, random generators."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import torch

_SMALLEST = float(np.finfo(np.float64).tiny)
"""The smallest normal number; half of it is 0 where denormal numbers are flushed to zero."""


def process_state() -> dict[str, Hashable]:
    """Read the state that a component could change for others; the random generators are left out.

    Returns:
        What it is, for messages → a value that can be compared.

    Example:
        >>> process_state()["denormal numbers"]
        True
    """
    return {
        **_torch_state(),
        "NumPy's error handling": tuple(sorted(np.geterr().items())),
        "OpenCV's number of threads": cv2.getNumThreads(),
        "OpenCV's optimized code": cv2.useOptimized(),
        "denormal numbers": _SMALLEST / 2 > 0,
        "the current folder": os.getcwd(),
    }


def _torch_state() -> dict[str, Hashable]:
    """The state of torch; empty where it is not loaded, because scoring works without it."""
    if "torch" not in sys.modules:
        return {}
    import torch

    return {
        "torch's default dtype": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's inference mode": torch.is_inference_mode_enabled(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "torch's precision of matrix products": torch.get_float32_matmul_precision(),
        "torch's default device": torch.get_default_device(),
        "torch's use of oneDNN": torch.backends.mkldnn.enabled,
        "torch's anomaly detection": torch.is_anomaly_enabled(),
        "torch's mixed precision": (torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")),
        "cuDNN's settings": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
    }


def random_state() -> dict[str, Hashable]:
    """Read the global random generators of Python, NumPy and torch's CPU, for :func:`difference`."""
    kind, keys, position, *rest = np.random.get_state(legacy=True)
    numpy = kind, np.asarray(keys).tobytes(), position, *rest
    found: dict[str, Hashable] = {"Python's generator": random.getstate(), "NumPy's generator": numpy}
    if "torch" in sys.modules:
        import torch

        found["torch's generator"] = torch.get_rng_state().numpy().tobytes()
    return found


def difference(before: dict[str, Hashable], now: dict[str, Hashable]) -> str | None:
    """Describe the first difference between two states in what both have.

    Args:
        before: An earlier state.
        now: A later state.

    Returns:
        ``WHAT (VALUE, before VALUE)``, or None if they are equal.

    Example:
        >>> difference({"OpenCV's number of threads": 1}, {"OpenCV's number of threads": 4})
        "OpenCV's number of threads (4, before 1)"
    """
    changed = (what for what, old in before.items() if now.get(what, old) != old)
    return next((f"{what} ({now[what]}, before {before[what]})" for what in changed), None)


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Start the global random generators at a seed, and give them back as they were.

    What happens in the block depends on no draw before it, and changes no draw after it.

    Args:
        seed: The seed of the block.
        device: The device that the block uses beside the CPU; its generator is given back too.
    """
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
