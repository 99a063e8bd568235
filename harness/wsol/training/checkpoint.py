"""Checkpoints: everything a run needs to resume as if it had never stopped."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from wsol.errors import one_line
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
        notes: What happened to earlier checkpoints of the run, one line each.
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
    notes: list[str] = field(default_factory=list)

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
        The state in the file. A fresh one without a file, and, with a note, for a file that is broken or belongs to
        another run: the checkpoint only saves time.
    """
    if not path.exists():
        return TrainState(key)
    try:
        state = _read(path)
    except Exception as error:  # a broken file gives errors of many types
        return TrainState(key, notes=[f"{path}: not a readable checkpoint ({one_line(error)[:120]}); begun anew"])
    if state.key != key:
        return TrainState(key, notes=[f"{path}: checkpoint of another run ({state.key}, not {key}); begun anew"])
    return state


def _read(path: Path) -> TrainState:
    content = torch.load(path, map_location="cpu", weights_only=True)
    state = TrainState(**{**content, "history": [EpochLog(**log) for log in content["history"]]})
    numbers, states = (state.phase, state.epoch), (state.method, state.optimizer, state.scaler, state.best)
    if not all(type(n) is int and n >= 0 for n in numbers) or not all(s is None or isinstance(s, dict) for s in states):
        raise ValueError("its values have wrong types")
    return state
