"""The stages of a run in this process: for speed, and for tests that change tables of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsol.recipes import JsonObject
from wsol.records import EpochLog
from wsol.study import data_gate, job, stages
from wsol.study.processes import OnMessage, StageError
from wsol.study.stage_process import describe_failure
from wsol.study.wire import Message


class LocalLink:
    """Hands the messages of a stage over in the same process."""

    def __init__(self, on_message: OnMessage) -> None:
        self.on_message = on_message

    def epoch(self, log: EpochLog, epochs_done: int) -> None:
        self.on_message(Message(epoch=log, epochs_done=epochs_done))

    def checked(self, split: str, done: int, total: int) -> None:
        self.on_message(Message(checked=(split, done, total)))

    def checkpoint(self, written: Path) -> None:
        self.on_message(Message(checkpoint=str(written)))


def run_stage_here(label: str, task: JsonObject, on_message: OnMessage) -> JsonObject:
    """As :func:`wsol.study.processes.run_stage`, without a process."""
    try:
        return stages.run(task, LocalLink(on_message)).model_dump(mode="json")
    except Exception as error:
        raise StageError(describe_failure(error)) from error


def stay_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs execute their stages here."""
    monkeypatch.setattr(job, "run_stage", run_stage_here)
    monkeypatch.setattr(data_gate, "run_stage", run_stage_here)
