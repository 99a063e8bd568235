"""No annotation of val or test reaches a training or a prediction: not in a run, not between runs of one worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import wsol
from tests.support.paths import TOY

SPY = TOY.with_name("spy_plugin.py")
PLACES = 10
STUDY: dict[str, Any] = {
    "name": "s",
    "benchmark": "toy",
    "recipes": [{"method": "spy", "normalizer": "minmax"}],
    "metrics": ["spy"],
    "schedule": {"epochs": 1},
    "trials": 2,
    "seeds": 2,
    "bootstrap": 0,
}


@pytest.mark.parametrize("runner", ["serial", "ray"])
def test_what_a_metric_keeps_reaches_no_training_and_no_prediction(
    runner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report"
    monkeypatch.setenv("SPY_REPORT", str(report))
    session = wsol.open_session(STUDY, out=tmp_path / "out", plugins=[SPY], cache=tmp_path / "cache")
    runs = wsol.SerialRunner() if runner == "serial" else session.ray_runner(concurrency=1)
    trials = session.search(runs)
    session.seal()
    assert [record.reason for record in (*trials, *session.final(runs))] == [""] * 4
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line for line in lines if line["stage"] != "score" and line["found"]] == []
    assert {len(line["found"]) for line in lines if line["stage"] == "score"} == {PLACES}  # the metric did hide them
    processes = {
        stage: {line["pid"] for line in lines if line["stage"] == stage} for stage in ("train", "predict", "score")
    }
    assert {stage: len(pids) for stage, pids in processes.items()} == {"train": 4, "predict": 6, "score": 6}
    assert len(set.union(*processes.values())) == 16
