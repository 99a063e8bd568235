from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import wsol
from wsol.files import write_atomic
from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, content_hash, filled, recipe_id
from wsol.records import MetricValue, Result, RunRecord, find_records, read_record, record_hash, write_record

TRAIN = TrainSpec(
    benchmark=ComponentRef(name="b"),
    parts=filled(method=ComponentRef(name="m", options={"x": 1})),
    schedule=ScheduleSpec(epochs=2, decay_every=1, decay=0.1, batch_size=4),
)
EVALUATION = EvalSpec(parts=filled(normalizer=ComponentRef(name="minmax")))


def make_record(**changes: Any) -> RunRecord:
    result = Result(
        evaluation=EVALUATION,
        split="val",
        protocol="wsoleval-v2",
        metrics={"score": MetricValue(value=12.5, low=10, high=15)},
        primary="score",
    )
    values: dict[str, Any] = {
        "run_id": "r0",
        "study": "s",
        "plan": "p",
        "stage": "search",
        "train": TRAIN,
        "evaluations": (EVALUATION,),
        "trial": 0,
        "trials_planned": 1,
        "seed": 0,
        "status": "complete",
        "results": (result,),
    }
    return RunRecord(**{**values, **changes})


def test_a_record_round_trips_through_a_file(tmp_path: Path) -> None:
    record = make_record(hparams={"method.lr": 1e-5}, seed=2**62)
    path = tmp_path / "runs" / "r0.record.json"
    write_record(record, path)
    assert read_record(path) == record
    assert list(find_records([tmp_path])) == [path]


def test_the_hash_of_a_record_is_that_of_its_file(tmp_path: Path) -> None:
    record = make_record(hparams={"method.lr": 1e-5, "method.x": float("nan")})
    write_record(record, tmp_path / "r0.record.json")
    assert record_hash(record) == hashlib.sha256((tmp_path / "r0.record.json").read_bytes()).hexdigest()
    assert record_hash(read_record(tmp_path / "r0.record.json")) == record_hash(record)


def test_numbers_are_json_numbers_in_the_file(tmp_path: Path) -> None:
    write_record(make_record(), tmp_path / "r.record.json")
    content = json.loads((tmp_path / "r.record.json").read_text())
    assert content["results"][0]["metrics"]["score"]["value"] == 12.5


def test_curves_round_trip_exactly(tmp_path: Path) -> None:
    thirds = [k / 3000 for k in range(1000)]
    curve = wsol.Curve(name="a", x=[*thirds, 1.0], y=thirds, kind="bars", x_limits=(0, 1), x_scale="symlog")
    value = MetricValue(value=1.0, curves=(curve,), threshold=1 / 3)
    record = make_record()
    result = record.results[0].model_copy(update={"metrics": {"score": value}})
    write_record(record.model_copy(update={"results": (result,)}), tmp_path / "r.record.json")
    assert read_record(tmp_path / "r.record.json").results[0].metrics["score"] == value


@pytest.mark.parametrize(("kind", "positions"), [("line", 3), ("points", 1), ("bars", 2)])
def test_a_curve_needs_as_many_positions_as_values_and_bars_one_more(kind: Any, positions: int) -> None:
    with pytest.raises(ValidationError, match=f"curve 'a': {positions} positions, but its 2 values need"):
        wsol.Curve(name="a", x=[0.0] * positions, y=[1, 2], kind=kind)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("edges", [[NAN, 1, 2], [0, NAN, 2], [0, 1, INF], [-INF, 0, 1]])
def test_edges_of_bins_are_finite(edges: list[float]) -> None:
    with pytest.raises(ValidationError, match="curve 'a': the edges of bins must be finite"):
        wsol.Curve(name="a", x=edges, y=[1, 2], kind="bars")


@pytest.mark.parametrize("edges", [[0, 0, 1], [0, 2, 1], [2, 1, 0]])
def test_edges_of_bins_increase(edges: list[float]) -> None:
    with pytest.raises(ValidationError, match="curve 'a': the edges of bins must increase"):
        wsol.Curve(name="a", x=edges, y=[1, 2], kind="bars")
    assert wsol.Curve(name="a", x=edges, y=[1, 2, 3]).x == edges  # a line may return


@pytest.mark.parametrize("limits", [(NAN, 1), (0, NAN), (0, INF), (-INF, 0)])
@pytest.mark.parametrize("axis", ["x_limits", "y_limits"])
@pytest.mark.parametrize("kind", ["line", "points"])
def test_limits_of_axes_are_finite(limits: tuple[float, float], axis: str, kind: Any) -> None:
    with pytest.raises(ValidationError, match=f"curve 'a': {axis} must be finite"):
        wsol.Curve.model_validate({"name": "a", "x": [0, 1], "y": [NAN, 2], "kind": kind, axis: limits})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a record"),
        ("[]", "not a record"),
        ('{"schema_version": 99}', "schema version 99"),
        ('{"schema_version": 3, "run_id": "x"}', "study"),
    ],
)
def test_errors_about_broken_records_name_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.record.json"
    path.write_text(text)
    with pytest.raises(wsol.DataError, match=rf"bad\.record\.json.*{message}"):
        read_record(path)


def test_missing_folder_and_file_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(wsol.DataError, match="no such folder"):
        list(find_records([tmp_path / "x"]))
    with pytest.raises(wsol.DataError, match="cannot be read"):
        read_record(tmp_path / "x.record.json")


def test_recipe_identity_ignores_draws_but_not_options() -> None:
    assert make_record(trial=1, seed=5).recipe_ids() == make_record().recipe_ids()
    other = TRAIN.model_copy(update={"parts": filled(method=ComponentRef(name="m", options={"x": 2}))})
    assert recipe_id(other, EVALUATION) != recipe_id(TRAIN, EVALUATION)


def test_content_hash_ignores_key_order_and_refuses_nan() -> None:
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        content_hash(math.nan)


def test_atomic_write_keeps_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_atomic(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(wsol.DataError, match=r"cannot be written: No space left on device; nothing was changed"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
