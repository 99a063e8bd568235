"""Thirty epochs of a small network, stopped and resumed several times, equal thirty uninterrupted epochs exactly."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from wsol.records import WEIGHTS, EpochLog, RunRecord
from wsol.study.job import Job, RunProgress, SerialRunner, execute
from wsol.study.passes import Runner
from wsol.study.run import open_session
from wsol.study.session import Session

EPOCHS = 30
METHODS: dict[str, dict[str, Any]] = {
    "cam": {"name": "cam", "lr": 0.1, "new_lr_multiplier": 1},
    "cutmix": {"name": "cutmix", "lr": 0.1},
}


class Stopped(BaseException):
    """Like KeyboardInterrupt, it is not handled as a failure of the run."""


class StoppingRunner(SerialRunner):
    """Stops each job after every one of ``epochs``, and starts it again."""

    def __init__(self, *epochs: int) -> None:
        self.epochs = epochs

    def run(self, jobs: Sequence[Job], progress: RunProgress) -> None:
        for job in jobs:
            for last in self.epochs:
                with pytest.raises(Stopped):
                    execute(job, on_epoch=partial(stop, last))
                assert not job.record_path.exists()
        super().run(jobs, progress)


def stop(last: int, log: EpochLog, done: int) -> None:
    if done == last:
        raise Stopped


def session(folder: Path, method: dict[str, Any]) -> Session:
    recipe = {"method": method, "backbone": {"name": "tiny", "stride": 8}, "normalizer": "minmax"}
    content = {
        "name": "long",
        "benchmark": "sprites",
        "recipes": [recipe],
        "trials": 1,
        "seeds": 1,
        "bootstrap": 0,
        "schedule": {"epochs": EPOCHS, "decay_every": 12},
    }
    return open_session(content, out=folder, cache=folder.parent / "cache")


def final(of: Session, runner: Runner) -> tuple[RunRecord, dict[str, Any]]:
    """The record of the final run, and its weights."""
    (record,) = of.final(runner)
    return record, torch.load(of.runs / record.run_id / WEIGHTS, weights_only=True)


def numbers(record: RunRecord) -> Any:
    history = [log.model_dump(exclude={"seconds"}) for log in record.history]
    return record.status, history, [result.model_dump(mode="json") for result in record.results]


@pytest.mark.parametrize("name", METHODS)
def test_a_resumed_training_equals_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    searched = session(tmp_path / "whole", METHODS[name])
    searched.search(SerialRunner())
    searched.seal()
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    record, weights = final(searched, SerialRunner())
    assert (record.status, len(record.history)) == ("complete", EPOCHS), record.reason
    resumed, same = final(session(tmp_path / "stopped", METHODS[name]), StoppingRunner(1, EPOCHS // 2, EPOCHS - 1))
    assert numbers(resumed) == numbers(record)
    assert weights.keys() == same.keys()
    assert all(torch.equal(same[key], value) for key, value in weights.items())
    losses = [sum(log.losses.values()) for log in record.history]
    assert losses[-1] < losses[0]
