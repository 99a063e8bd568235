"""Observations stored next to a record: writing and reading give the same values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.evaluation_samples import Hits, Known, MinMax, boxes_in, bumps, make_store
from wsol.errors import DataError
from wsol.evaluation.evaluate import Scores, evaluate, summarise
from wsol.evaluation.observation_file import observations_path, read_observations, write_observations
from wsol.protocols import get_protocol

V2 = get_protocol("wsoleval-v2").at(36, 32)
METRICS = [Hits(), Known()]


@pytest.fixture
def scores(tmp_path: Path) -> list[Scores]:
    store = make_store(tmp_path / "maps", bumps(6), logits=np.eye(3)[[0, 1, 2, 2, 2, 2]])
    return evaluate(store, boxes_in(6), V2, [(MinMax(), None), (MinMax(), None)], METRICS, bootstrap=10)


def test_scores_can_be_recomputed_from_the_file(tmp_path: Path, scores: list[Scores]) -> None:
    path = tmp_path / "run.observations.npz"
    write_observations(path, [s.observations for s in scores])
    back = read_observations(path)
    assert len(back) == 2
    for before, after in zip(scores, back, strict=True):
        assert (after.ids, after.notes, after.balanced) == (before.observations.ids, (), False)
        assert summarise(after, METRICS, bootstrap=10)[0].metrics == before.metrics


def test_shared_observations_are_stored_once(tmp_path: Path, scores: list[Scores]) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    write_observations(one, [scores[0].observations])
    write_observations(two, [s.observations for s in scores])
    assert two.stat().st_size < one.stat().st_size + 300


def test_the_file_is_next_to_the_record() -> None:
    assert observations_path(Path("runs/a-t003.record.json")) == Path("runs/a-t003.observations.npz")
    assert observations_path(Path("runs/other.json")) == Path("runs/other.json.observations.npz")


def test_missing_other_and_truncated_files_are_errors(tmp_path: Path, scores: list[Scores]) -> None:
    path = tmp_path / "x.observations.npz"
    with pytest.raises(DataError, match="cannot be read"):
        read_observations(path)
    write_observations(path, [scores[0].observations])
    whole = path.read_bytes()
    for content in (b"", b"no zip", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"x\.observations\.npz: not the observations of a record"):
            read_observations(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(DataError, match="not the observations of a record"):
        read_observations(path)
