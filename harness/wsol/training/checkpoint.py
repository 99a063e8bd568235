"""Checkpoints: everything a run needs to resume as if it had never stopped."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from wsol.errors import DataError
from wsol.files import write_atomic
from wsol.records import EpochLog

StateDict = dict[str, Any]
"""What ``state_dict()`` of a module or an optimizer returns."""


@dataclass
class TrainState:
    """How far training is, and the state of everything that learns.

    Attributes:
        key: Identifies the run.
        phase: Index of the current phase.
        epoch: Number of epochs of the current phase that are done.
        method: State of the method; None until the first checkpoint.
        optimizer: State of the current phase's optimizer; None between phases.
        scaler: State of the current phase's loss scaler; None between phases.
        best: State of the method at the epoch with the largest score so far, for phases with a score.
        best_score: That score.
        history: Logs of all epochs that are done, in order.
        done: Whether all phases have ended.
    """

    key: str
    phase: int = 0
    epoch: int = 0
    method: StateDict | None = None
    optimizer: StateDict | None = None
    scaler: StateDict | None = None
    best: StateDict | None = None
    best_score: float | None = None
    history: list[EpochLog] = field(default_factory=list)
    done: bool = False

    def end_phase(self, index: int) -> None:
        """Move on to the start of the phase after ``index``."""
        self.phase, self.epoch, self.optimizer, self.scaler = index + 1, 0, None, None
        self.best, self.best_score = None, None


def save(state: TrainState, path: Path) -> None:
    """Write the state of a training atomically.

    Args:
        state: The state.
        path: File to write.

    Raises:
        DataError: The file cannot be written.
    """
    write_tensors(path, dict(vars(state), history=[log.model_dump() for log in state.history]), "the checkpoint")


def write_tensors(path: Path, content: StateDict, what: str) -> None:
    """Save an object with ``torch.save``, atomically.

    Args:
        path: File to write.
        content: The tensors and other values to save, by name.
        what: What the file is, for the error.

    Raises:
        DataError: The file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(path, buffer.getvalue(), what)


def load(path: Path, key: str) -> TrainState:
    """Read a checkpoint.

    Args:
        path: The file; without it training starts anew.
        key: Identifies the run.

    Returns:
        The state in the file, or a fresh one.

    Raises:
        DataError: The file cannot be read, or it is the checkpoint of another run.
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
