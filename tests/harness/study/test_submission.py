"""Scoring third-party maps from Python: the same errors and the same record as on the command line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wsol
from tests.support.forgery import finals
from tests.support.paths import TOY
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.evaluation.predictions.store import StoreWriter
from wsol.records import read_record
from wsol.study.ledger import read_ledger

COUNTS = {"val": 6, "test": 8}
SEARCH: dict[str, Any] = {"theta": {"choice": [0.1, 0.2]}}


@pytest.fixture
def plugins() -> wsol.Plugins:
    return wsol.load_plugins([TOY])


def submission(folder: Path, split: Any = "test", **changes: Any) -> wsol.Submission:
    count = COUNTS.get(split, 1)
    labels = np.arange(count) % 2
    with StoreWriter(folder / "mine.maps") as writer:
        maps = np.random.default_rng(0).random((count, 12, 12))
        writer.append([f"{split}/{i}" for i in range(count)], labels, maps, np.eye(2)[labels])
    given = {"ledger": folder / "ledger.jsonl", "record": folder / "mine.record.json", "bootstrap": 0, **changes}
    return wsol.Submission(folder / "mine.maps", wsol.ComponentRef(name="toy"), split, **given)


def test_the_record_is_written_with_its_observations(plugins: wsol.Plugins, tmp_path: Path) -> None:
    given = submission(tmp_path)
    scored = wsol.score_submission(given, plugins)
    assert given.record is not None
    assert read_record(given.record) == scored.record
    assert (scored.record.run_id, scored.record.stage, scored.record.versions["wsol"]) == ("mine", "score", "0.1.0")
    assert len(read_observations(observations_path(given.record))[0].ids) == 8
    assert [line.run for line in read_ledger(given.ledger).entries] == ["mine"]


def test_the_test_data_are_those_of_a_final_run(plugins: wsol.Plugins, finished: Path, tmp_path: Path) -> None:
    final = read_record(finals(finished)[0]).data["test"]
    scored = wsol.score_submission(submission(tmp_path, record=None), plugins).record.data["test"]
    assert final.pixels
    assert scored == final.model_copy(update={"pixels": ""})
    for name in ("labels", "boxes"):
        assert scored.difference(final.model_copy(update={name: "other"}))


def test_without_a_record_only_the_ledger_is_written(plugins: wsol.Plugins, tmp_path: Path) -> None:
    wsol.score_submission(submission(tmp_path, record=None), plugins)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.maps", "ledger.jsonl"}


def test_scores_are_reported_before_the_record_is_written(
    plugins: wsol.Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk must not lose a test evaluation that the ledger counts already."""

    def full(*arguments: object) -> None:
        raise wsol.DataError("no space left")

    monkeypatch.setattr("wsol.study.submission.write_record", full)
    seen: list[wsol.ScoredSubmission] = []
    with pytest.raises(wsol.DataError, match="no space left"):
        wsol.score_submission(submission(tmp_path), plugins, on_scored=seen.append)
    assert seen[0].record.results[0].metrics["maxboxaccv2"].value >= 0
    assert len(read_ledger(tmp_path / "ledger.jsonl").entries) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"split": "train"}, "split 'train': maps are scored on 'val' or 'test'"),
        ({"record": Path("mine.json")}, r"mine\.json: the name of a record ends in \.record\.json"),
        ({"record": Path(__file__) / "x.record.json"}, r"x\.record\.json: nothing can be written in /.*\.py"),
        ({"protocol": "psol"}, "protocol 'psol' scores boxes, not maps"),
        ({"metrics": ("boxacc_val",)}, "needs what was chosen on val"),
        ({"normalizer": wsol.ComponentRef(name="minmx")}, "did you mean 'minmax'"),
        ({"normalizer": None}, "maps need a normalizer; give 'none'"),
        ({"normalizer": None, "protocol": "wsoleval-v1", "metrics": ("gt_known", "pxap")}, "maps need a normalizer"),
        ({"normalizer": "minmax"}, "normalizer='minmax': give a ComponentRef"),
        ({"normalizer": wsol.ComponentRef(name="minmax", search=SEARCH)}, "normalizer minmax.*searches nothing"),
        ({"box_rule": wsol.ComponentRef(name="threshold", search=SEARCH)}, "box_rule threshold.*searches nothing"),
        ({"threads": 0}, "threads=0: give a whole number of at least 1"),
        ({"threads": 1.5}, r"threads=1\.5: give a whole number"),
        ({"threads": "2"}, "threads='2': give a whole number"),
        ({"threads": True}, "threads=True: give a whole number"),
        ({"bootstrap": -1}, "bootstrap=-1: give a whole number of at least 0"),
        ({"bootstrap": 10.0}, r"bootstrap=10\.0: give a whole number"),
        ({"bootstrap": None}, "bootstrap=None: give a whole number"),
        ({"metrics": "maxboxacc"}, "metrics='maxboxacc': give a tuple of names"),
        ({"metrics": (1,)}, "metrics: 1 is not the name of a metric"),
        ({"metrics": ("maxboxacc", "pxap", "maxboxacc")}, "metrics: 'maxboxacc' is named twice"),
    ],
)
def test_invalid_arguments_cost_no_test_evaluation(
    plugins: wsol.Plugins, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(wsol.UsageError, match=says):
        wsol.score_submission(submission(tmp_path, **changes), plugins)
    assert not (tmp_path / "ledger.jsonl").exists()


def test_paths_may_be_strings(plugins: wsol.Plugins, tmp_path: Path) -> None:
    given = submission(tmp_path, ledger=str(tmp_path / "ledger.jsonl"), record=str(tmp_path / "mine.record.json"))
    strings: Any = str(given.maps)
    scored = wsol.score_submission(replace(given, maps=strings, logits=strings, name=""), plugins)
    assert scored.record.run_id == "mine"
    assert (tmp_path / "mine.record.json").exists()
    assert len(read_ledger(tmp_path / "ledger.jsonl").entries) == 1


def test_an_existing_record_is_an_error_before_scoring(plugins: wsol.Plugins, tmp_path: Path) -> None:
    path = tmp_path / "mine.record.json"
    path.write_text("mine")
    with pytest.raises(wsol.UsageError, match="exists already"):
        wsol.score_submission(submission(tmp_path), plugins)
    assert path.read_text() == "mine"
    assert not (tmp_path / "ledger.jsonl").exists()


@pytest.mark.parametrize("taken", ["mine.record.json", "mine.observations.npz"])
def test_files_of_something_else_are_replaced_only_when_asked(
    plugins: wsol.Plugins, tmp_path: Path, taken: str
) -> None:
    (tmp_path / taken).write_text("other")
    with pytest.raises(wsol.UsageError, match=rf"{taken}: exists already and is not of this submission.*--overwrite$"):
        wsol.score_submission(submission(tmp_path), plugins)
    assert (tmp_path / taken).read_text() == "other"
    assert not (tmp_path / "ledger.jsonl").exists()
    record = wsol.score_submission(submission(tmp_path, overwrite=True), plugins).record
    assert record.observations == hashlib.sha256((tmp_path / "mine.observations.npz").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"split": "val"},
        {"name": "other"},
        {"protocol": "wsoleval-v1"},
        {"metrics": ("maxboxacc",)},
        {"normalizer": wsol.ComponentRef(name="none")},
        {"box_rule": wsol.ComponentRef(name="threshold")},
    ],
)
def test_only_a_record_of_the_same_submission_is_replaced(
    plugins: wsol.Plugins, tmp_path: Path, changes: dict[str, Any]
) -> None:
    wsol.score_submission(submission(tmp_path), plugins)
    again = wsol.score_submission(submission(tmp_path, threads=2, bootstrap=5), plugins).record
    assert read_record(tmp_path / "mine.record.json") == again
    before = (tmp_path / "mine.record.json").read_bytes()
    given = submission(tmp_path, changes.pop("split", "test"))
    with pytest.raises(wsol.UsageError, match="is not of this submission"):
        wsol.score_submission(replace(given, **changes), plugins)
    assert (tmp_path / "mine.record.json").read_bytes() == before


def test_progress_counts_images(plugins: wsol.Plugins, tmp_path: Path) -> None:
    reports: list[Sequence[int]] = []
    wsol.score_submission(submission(tmp_path), plugins, progress=lambda *report: reports.append(report))
    assert reports[-1] == (8, 8)
