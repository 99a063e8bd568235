"""Thirty epochs of a small network, stopped and resumed several times, equal thirty epochs in one go, to the bit."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.studies import run_here
from wsol.inference.build import WEIGHTS
from wsol.plugins import load_plugins
from wsol.records import EpochLog, RunRecord
from wsol.study.config import validate_study
from wsol.study.job import Job, execute
from wsol.study.plan import make_plan
from wsol.study.session import Runner, Session

EPOCHS = 30
METHODS: dict[str, dict[str, Any]] = {
    "cam": {"name": "cam", "lr": 0.1, "new_lr_multiplier": 1},
    "cutmix": {"name": "cutmix", "lr": 0.1},
}


class Stopped(BaseException):
    """As KeyboardInterrupt: no handler of errors takes it for a failure of the run."""


def stopped_at(*epochs: int) -> Runner:
    """Runs jobs here, each of which is stopped after every one of ``epochs`` and then called again."""

    def run(jobs: Sequence[Job]) -> None:
        for job in jobs:
            for last in epochs:

                def stop(log: EpochLog, done: int, last: int = last) -> None:
                    if done == last:
                        raise Stopped

                with pytest.raises(Stopped):
                    execute(job, on_epoch=stop)
                assert not job.record_path.exists()
            execute(job)

    return run


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
    plugins = load_plugins()
    return Session(make_plan(validate_study(content, "long"), plugins), plugins, folder, cache=folder.parent / "cache")


def final(of: Session, run: Runner) -> tuple[RunRecord, dict[str, Any]]:
    """The record of the final run, and its weights."""
    (record,) = of.final(run)
    return record, torch.load(of.runs / record.run_id / WEIGHTS, weights_only=True)


def numbers(record: RunRecord) -> Any:
    history = [log.model_dump(exclude={"seconds"}) for log in record.history]
    return record.status, history, [result.model_dump(mode="json") for result in record.results]


@pytest.mark.parametrize("name", METHODS)
def test_a_resumed_training_equals_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    searched = session(tmp_path / "whole", METHODS[name])
    searched.open()
    searched.search(run_here)
    searched.seal()
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    record, weights = final(searched, run_here)
    assert (record.status, len(record.history)) == ("complete", EPOCHS), record.reason
    resumed, same = final(session(tmp_path / "stopped", METHODS[name]), stopped_at(1, EPOCHS // 2, EPOCHS - 1))
    assert numbers(resumed) == numbers(record)
    assert weights.keys() == same.keys()
    assert all(torch.equal(same[key], value) for key, value in weights.items())
    losses = [sum(log.losses.values()) for log in record.history]
    assert losses[-1] < losses[0]
