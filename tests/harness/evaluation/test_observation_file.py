"""Observations stored next to a record: writing and reading give the same values."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.evaluation_samples import Hits, Known, MinMax, boxes_in, bumps, make_store
from wsol.errors import DataError
from wsol.evaluation.evaluate import Scores, evaluate, summarise
from wsol.evaluation.image_details import ImageDetails
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


def test_details_of_images_are_kept(tmp_path: Path, scores: list[Scores]) -> None:
    details = ImageDetails(
        threshold=0.25,
        objects=np.arange(6, dtype=np.uint16),
        area=np.full(6, np.nan, dtype=np.float32),
        best_iou=np.linspace(0, 1, 6, dtype=np.float32),
        boxes=np.zeros((6, 4), dtype=np.float32),
    )
    path = tmp_path / "run.observations.npz"
    write_observations(path, [scores[0].observations, replace(scores[1].observations, details=details)])
    before, after = read_observations(path)
    assert before.details is None
    assert after.details is not None
    assert after.details.threshold == 0.25
    for name in ("objects", "area", "best_iou", "boxes"):
        column, given = getattr(after.details, name), getattr(details, name)
        assert column.dtype == given.dtype
        np.testing.assert_array_equal(column, given)


def test_equal_observations_give_equal_files_at_any_time(
    tmp_path: Path, scores: list[Scores], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    first = write_observations(one, [s.observations for s in scores])
    monkeypatch.setattr("time.localtime", lambda *_: time.gmtime(0))
    assert write_observations(two, [s.observations for s in scores]) == first
    assert hashlib.sha256(two.read_bytes()).hexdigest() == first


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
