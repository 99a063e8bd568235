"""A training in mixed precision learns as one in single precision; on the CPU every precision is single precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wsol.records import RunRecord
from wsol.study.job import SerialRunner
from wsol.study.run import open_session

EPOCHS = 10
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA, as the engine casts only there")


def trained(folder: Path, precision: str) -> RunRecord:
    recipe = {
        "method": {"name": "cam", "lr": 0.1, "new_lr_multiplier": 1},
        "backbone": {"name": "tiny", "stride": 8},
        "normalizer": "minmax",
    }
    content = {
        "name": precision,
        "benchmark": "sprites",
        "recipes": [recipe],
        "trials": 1,
        "bootstrap": 0,
        "precision": precision,
        "schedule": {"epochs": EPOCHS, "decay_every": 7},
    }
    session = open_session(content, out=folder, cache=folder / "cache")
    (record,) = session.search(SerialRunner())
    assert (record.status, len(record.history)) == ("complete", EPOCHS), record.reason
    return record


def losses(record: RunRecord) -> list[float]:
    return [sum(log.losses.values()) for log in record.history]


def scores(record: RunRecord) -> dict[str, float]:
    return {name: metric.value for name, metric in record.results[0].metrics.items()}


@cuda
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns_as_single_precision(precision: str, tmp_path: Path) -> None:
    single, mixed = trained(tmp_path, "fp32"), trained(tmp_path, precision)
    assert losses(mixed) != losses(single), "nothing was cast"
    assert losses(mixed)[-1] < losses(mixed)[0]
    assert losses(mixed)[-1] == pytest.approx(losses(single)[-1], rel=0.3, abs=0.1)
    assert scores(mixed) == pytest.approx(scores(single), abs=10)


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp16"])
def test_every_precision_is_single_precision_on_the_cpu(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    single, other = trained(tmp_path, "fp32"), trained(tmp_path, precision)
    assert losses(other) == losses(single)
    assert scores(other) == scores(single)
    assert losses(single)[-1] < losses(single)[0]
