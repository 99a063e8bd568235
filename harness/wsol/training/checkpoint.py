"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from wsol.errors import DataError
from wsol.files import write_atomic
from wsol.records import EpochLog


@dataclass
class TrainState:
    """Where training stands: the phase, the epochs it has done, and everything that learns.

    ``best``: the method's weights at the epoch with the largest score so far, for phases that choose one.
    """

    key: str
    phase: int = 0
    epoch: int = 0
    method: dict[str, Any] | None = None
    optimizer: dict[str, Any] | None = None
    scaler: dict[str, Any] | None = None
    best: dict[str, Any] | None = None
    best_score: float | None = None
    history: list[EpochLog] = field(default_factory=list)
    done: bool = False


def save(state: TrainState, path: Path) -> None:
    """Write ``state`` atomically; raises DataError when the disk is full."""
    content = dict(vars(state), history=[log.model_dump() for log in state.history])
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(path, buffer.getvalue())


def load(path: Path, key: str) -> TrainState:
    """The state in ``path``, or a fresh one when there is no file.

    ``key`` identifies the run; a checkpoint of another one raises DataError.
    """
    if not path.exists():
        return TrainState(key)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        content["history"] = [EpochLog(**log) for log in content["history"]]
        state = TrainState(**content)
    except Exception as error:
        raise DataError(f"{path}: not a readable checkpoint ({error}); delete it to start the run anew") from None
    if state.key != key:
        raise DataError(f"{path}: checkpoint of another run ({state.key}, not {key}); delete it to start the run anew")
    return state
