"""Whole studies on a real local Ray cluster, started as a user starts them: in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.support.paths import TOY
from wsol.records import RunRecord, read_record
from wsol.study.ledger import read_ledger

STUDY: dict[str, Any] = {
    "name": "s",
    "benchmark": "toy",
    "recipes": [{"method": "toy", "normalizer": ["minmax", "none"]}, {"method": "center"}],
    "trials": 3,
    "seeds": 2,
    "bootstrap": 50,
}


class Workplace:
    """A folder with a study, and the command line in it."""

    def __init__(self, folder: Path, study: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "s.yaml").write_text(yaml.safe_dump(study))
        self.environment = {
            **os.environ,
            "WSOL_PLUGINS": str(TOY),
            "WSOL_CACHE": str(folder / "cache"),
            "WSOL_RESULTS": str(folder / "results"),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "wsol.cli.main", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wsol(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=500)
        return process.returncode, output, errors

    @property
    def results(self) -> Path:
        return self.folder / "results" / "s"

    def records(self) -> dict[str, RunRecord]:
        return {r.run_id: r for r in map(read_record, sorted((self.results / "runs").glob("*.record.json")))}

    def selection(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.results / "selection.json").read_text())
        return content


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A study that ran from one end to the other."""
    place = Workplace(tmp_path_factory.mktemp("done"), STUDY)
    code, output, errors = place.wsol("run", "s.yaml")
    assert code == 0, errors
    assert "heatmaps.png" in output
    assert "leaderboard.csv" in errors
    return place


def test_a_run_leaves_records_a_seal_a_ledger_a_leaderboard_and_pictures(done: Workplace) -> None:
    records = done.records()
    stages = [record.stage for record in records.values()]
    assert stages.count("search") == 4  # three trials of toy, one of the baseline
    assert {record.status for record in records.values()} == {"complete"}
    finals = [record for record in records.values() if record.stage == "final"]
    assert all(record.test is not None and record.test.touched == 1 for record in finals)
    assert {len(record.results) for record in records.values() if record.stage == "search"} == {1, 2}
    assert {r.split for record in finals for r in record.results} == {"val", "test"}
    assert not any(r.split == "test" for x in records.values() if x.stage == "search" for r in x.results)
    openings = read_ledger(done.folder / "results" / "ledger.jsonl")
    assert {line["run"] for line in openings} == {record.run_id for record in finals}
    assert {line["selection"] for line in openings} == {done.selection()["seal"]}
    for name in ("leaderboard.csv", "leaderboard.html", "heatmaps.png", "study.yaml"):
        assert (done.results / name).stat().st_size > 0


def test_the_choice_is_the_best_trial_on_val(done: Workplace) -> None:
    records = done.records()
    for choice in done.selection()["choices"]:
        trials = {
            r.trial: r
            for r in records.values()
            if r.stage == "search" and r.train.model_dump(mode="json") == choice["train"]
        }
        values = {
            index: next(x for x in r.results if x.evaluation.model_dump(mode="json") == choice["evaluation"])
            .metrics["maxboxaccv2"]
            .value
            for index, r in trials.items()
        }
        assert choice["value"] == max(values.values())
        assert choice["trial"] == min(i for i, v in values.items() if v == choice["value"])


def test_the_leaderboard_has_a_row_for_every_recipe_and_metric(done: Workplace) -> None:
    table = pd.read_csv(done.results / "leaderboard.csv")
    primary = table[table.metric == "maxboxaccv2"]
    assert len(primary) == 3
    assert set(primary.seeds_done if "seeds_done" in primary else primary.seeds.astype(str).str[0].astype(int)) == {2}
    finals = [r for r in done.records().values() if r.stage == "final" and r.train.method.name == "center"]
    values = [x.metrics["maxboxaccv2"].value for r in finals for x in r.results if x.split == "test"]
    assert primary[primary.method == "center"]["mean"].item() == pytest.approx(sum(values) / len(values))


def test_the_same_command_again_does_nothing_again(done: Workplace) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done.results / "runs").glob("*.json")}
    ledger = (done.folder / "results" / "ledger.jsonl").read_bytes()
    code, _, errors = done.wsol("run", "s.yaml")
    assert code == 0, errors
    assert {path: path.stat().st_mtime_ns for path in (done.results / "runs").glob("*.json")} == before
    assert (done.folder / "results" / "ledger.jsonl").read_bytes() == ledger


def test_another_plan_does_not_mix_with_this_one(done: Workplace) -> None:
    code, _, errors = done.wsol("run", "s.yaml", "--set", "seed=1")
    assert code == 2
    assert "holds results of another plan of this study (changed: seed)" in errors


def test_localize_draws_images_of_a_finished_run(done: Workplace) -> None:
    run = next(r.run_id for r in done.records().values() if r.stage == "final" and r.train.method.name == "toy")
    code, output, errors = done.wsol("localize", "--run", str(done.results / "runs" / run), "--out", "maps")
    assert code == 0, errors
    assert len(output.split()) == 2  # one image a class
    picture = done.folder / "maps" / "val-00.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, output, errors = done.wsol("localize", str(picture), "--run", str(done.results / "runs" / run), "--out", "x")
    assert code == 0, errors
    assert (done.folder / "x" / "val-00.png").exists()
    code, _, errors = done.wsol("localize", "--run", str(done.results / "runs" / "nowhere"))
    assert code == 3
    assert "not the folder of a final run" in errors


def comparable(place: Workplace) -> Any:
    """Everything that must not depend on interruptions."""
    finals = {
        run_id: [(r.split, {k: m.value for k, m in r.metrics.items()}) for r in record.results]
        for run_id, record in place.records().items()
    }
    return finals, [(c["trial"], c["value"], c["hparams"]) for c in place.selection()["choices"]]


def stop_after(place: Workplace, records: int, how: signal.Signals) -> tuple[int, str]:
    """Start the study and stop it once it has left that many records; returns (exit code, errors)."""
    process = place.start("run", "s.yaml")
    deadline = time.monotonic() + 200
    while len(list((place.results / "runs").glob("*.record.json"))) < records:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    return process.wait(timeout=200), process.communicate()[1]


def test_a_stopped_driver_goes_on_and_ends_with_the_same_choice(done: Workplace, tmp_path: Path) -> None:
    place = Workplace(tmp_path / "killed", STUDY)
    code, errors = stop_after(place, 1, signal.SIGINT)
    assert code == 130, errors
    assert {record.status for record in place.records().values()} == {"complete"}
    stop_after(place, 2, signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in (place.results / "runs").glob("*.record.json")}
    code, _, errors = place.wsol("run", "s.yaml")
    assert code == 0, errors
    assert kept.items() <= {p: p.stat().st_mtime_ns for p in (place.results / "runs").glob("*.record.json")}.items()
    assert comparable(place) == comparable(done)


def test_trials_that_die_diverge_or_fail_are_told_apart(tmp_path: Path) -> None:
    """Three recipes on one cluster: a worker killed once goes on from its checkpoint; NaN diverges; a bug fails."""
    troubles = [f"killed:{tmp_path / 'once'}", "nan", "error"]
    methods = [{"name": "toy", "lr": 0.1, "trouble": trouble} for trouble in troubles]
    place = Workplace(tmp_path / "w", {**STUDY, "recipes": [{"method": methods}], "max_failures": 1})
    code, _, errors = place.wsol("run", "s.yaml")
    assert code == 1
    assert "1 trials failed, so nothing was sealed" in errors.replace("\n", " ")
    assert not (place.results / "selection.json").exists()
    records = {r.train.method.options["trouble"]: r for r in place.records().values()}
    assert [records[t].status for t in troubles] == ["complete", "diverged", "failed"]
    assert (tmp_path / "once").exists()
    assert [log.epoch for log in records[troubles[0]].history] == [1, 2, 3]
    assert "nan" in records["nan"].reason
    assert records["error"].reason == "ValueError: a bug in somebody's plugin"
    traceback = place.results / "runs" / records["error"].run_id / "traceback.txt"
    assert "start_epoch" in traceback.read_text()
    # the steps as their own commands, and the others compete though one failed
    assert place.wsol("seal", "s.yaml")[0] == 1
    code, _, errors = place.wsol("seal", "s.yaml", "--accept-failures")
    assert code == 0, errors
    assert [c["train"]["method"]["options"]["trouble"] for c in place.selection()["choices"]] == [troubles[0]]
    code, _, errors = place.wsol("final", "s.yaml")
    assert code == 0, errors
    table = pd.read_csv(place.results / "leaderboard.csv")
    assert len(table[table.metric == "maxboxaccv2"]) == 3  # failed rows stay visible


def test_a_worker_that_always_dies_leaves_a_record(tmp_path: Path) -> None:
    method = {"name": "toy", "lr": 0.1, "trouble": "killed"}
    place = Workplace(tmp_path / "w", {**STUDY, "recipes": [{"method": method}], "max_failures": 0})
    code, _, _ = place.wsol("search", "s.yaml")
    assert code == 1
    (record,) = place.records().values()
    assert record.status == "failed"
    assert "its worker died 1 times" in record.reason


def test_final_without_a_seal_is_refused(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", STUDY)
    code, _, errors = place.wsol("final", "s.yaml")
    assert code == 2
    assert "no sealed selection" in errors
    code, _, errors = place.wsol("seal", "s.yaml")
    assert code == 2
    assert "trials have no record; search first" in errors


def test_too_many_resources_are_refused_at_once(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", STUDY)
    code, _, errors = place.wsol("search", "s.yaml", "--set", "resources.gpus=64")
    assert code == 2
    assert "a run wants 64 GPU, the cluster has 0" in errors


def test_an_address_that_nobody_answers_is_a_usage_error(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", STUDY)
    code, _, errors = place.wsol("search", "s.yaml", "--address", "127.0.0.1:1")
    assert code == 2, errors
    assert "Ray at '127.0.0.1:1' cannot be reached" in errors
