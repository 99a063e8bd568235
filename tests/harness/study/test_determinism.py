"""The numbers of a run do not depend on the number of threads, except for the rounding of a training."""

from __future__ import annotations

from pathlib import Path

import pytest

import wsol
from tests.support.paths import TOY
from tests.support.studies import DETERMINISM

STUDY = {**DETERMINISM, "resources": {"cpus": 1}}


def test_threads_move_a_training_by_rounding_only(tmp_path: Path) -> None:
    records = []
    for threads in (1, 2):
        content = {**STUDY, "trials": 1, "resources": {"cpus": threads}}
        session = wsol.open_session(content, out=tmp_path / str(threads), cache=tmp_path / "cache")
        (record,) = session.search(wsol.SerialRunner())
        assert (record.status, record.hardware["threads"]) == ("complete", threads)
        records.append(record)
    losses = [record.history[0].losses["loss"] for record in records]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_threads_do_not_change_the_scores_of_equal_maps(tmp_path: Path) -> None:
    found = []
    for threads in (1, 2):
        content = {
            **STUDY,
            "benchmark": "toy",
            "recipes": [{"method": "center", "normalizer": "minmax"}],
            "metrics": ["maxboxaccv2"],
            "resources": {"cpus": threads},
        }
        session = wsol.open_session(content, out=tmp_path / str(threads), plugins=[TOY], cache=tmp_path / "cache")
        (record,) = session.search(wsol.SerialRunner())
        assert record.status == "complete"
        found.append([result.model_dump(mode="json") for result in record.results])
    assert found[0] == found[1]
