"""``wsol run`` and its steps: whole studies on a real local Ray cluster, which has processes of its own."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.support.workplace import STUDY, Workplace
from wsol.study.ledger import read_ledger


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A complete study."""
    place = Workplace(tmp_path_factory.mktemp("done"), STUDY)
    ran = place.run_process("run", "s.yaml")
    assert ran.returncode == 0, ran.stderr
    assert "heatmaps.png" in ran.stdout
    assert "leaderboard.csv" in ran.stderr
    return place


def test_a_run_leaves_records_a_seal_a_ledger_a_leaderboard_and_pictures(done: Workplace) -> None:
    records = done.records()
    stages = [record.stage for record in records.values()]
    assert stages.count("search") == 4  # three trials of toy, one of the baseline
    assert {record.status for record in records.values()} == {"complete"}
    finals = [record for record in records.values() if record.stage == "final"]
    assert all(record.test is not None and record.test.evaluations == 1 for record in finals)
    assert {len(record.results) for record in records.values() if record.stage == "search"} == {1, 2}
    assert {r.split for record in finals for r in record.results} == {"val", "test"}
    assert not any(r.split == "test" for x in records.values() if x.stage == "search" for r in x.results)
    openings = read_ledger(done.results / "ledger.jsonl").entries
    assert {line.run for line in openings} == {record.run_id for record in finals}
    seals = {choice.seal for choice in done.selection().choices}
    assert {seal for line in openings for seal in line.selection.split("+")} == seals
    assert {line.kind for line in openings} == {"final"}
    for name in ("leaderboard.csv", "leaderboard.html", "heatmaps.png", "plan.json"):
        assert (done.results / name).stat().st_size > 0


def test_the_choice_is_the_best_trial_on_val(done: Workplace) -> None:
    records = done.records()
    for choice in done.selection().choices:
        trials = {r.trial: r for r in records.values() if r.stage == "search" and r.train == choice.train}
        values = {
            index: next(x for x in r.results if x.evaluation == choice.evaluation).metrics["maxboxaccv2"].value
            for index, r in trials.items()
        }
        assert choice.value == max(values.values())
        assert choice.trial == min(i for i, v in values.items() if v == choice.value)


def test_the_leaderboard_has_a_row_for_every_recipe_and_metric(done: Workplace) -> None:
    table = pd.read_csv(done.results / "leaderboard.csv")
    primary = table[table.metric == "maxboxaccv2"]
    assert len(primary) == 3
    assert set(primary.seeds_done if "seeds_done" in primary else primary.seeds.astype(str).str[0].astype(int)) == {2}
    finals = [r for r in done.records().values() if r.stage == "final" and r.train.method.name == "center"]
    values = [x.metrics["maxboxaccv2"].value for r in finals for x in r.results if x.split == "test"]
    assert primary[primary.method == "center"]["mean"].item() == pytest.approx(sum(values) / len(values))


def test_repeating_a_finished_run_changes_nothing(done: Workplace) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done.results / "runs").glob("*.json")}
    ledger = (done.results / "ledger.jsonl").read_bytes()
    again = done.run("run", "s.yaml")
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in (done.results / "runs").glob("*.json")} == before
    assert (done.results / "ledger.jsonl").read_bytes() == ledger


def test_another_plan_in_the_same_folder_is_an_error(done: Workplace) -> None:
    refused = done.run("run", "s.yaml", "--set", "seed=1")
    assert refused.returncode == 2
    assert "holds results of another plan of this study (changed: seed)" in refused.stderr


def test_localize_draws_images_of_a_finished_run(done: Workplace) -> None:
    name = next(r.run_id for r in done.records().values() if r.stage == "final" and r.train.method.name == "toy")
    run = done.results / "runs" / name
    drawn = done.run("localize", "--run", run, "--out", "maps")
    assert drawn.returncode == 0, drawn.stderr
    assert len(drawn.stdout.split()) == 2  # one image a class
    picture = done.folder / "maps" / "val-00.localized.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    drawn = done.run("localize", picture, "--run", run, "--out", "x")
    assert drawn.returncode == 0, drawn.stderr
    assert (done.folder / "x" / "val-00.localized.localized.png").exists()
    refused = done.run("localize", "--run", done.results / "runs" / "nowhere")
    assert refused.returncode == 3
    assert "not the folder of a final run" in refused.stderr


def test_a_stopped_study_resumes_to_the_same_result(done: Workplace, tmp_path: Path) -> None:
    place = Workplace(tmp_path / "killed", STUDY)
    code, errors = place.run_until(1, signal.SIGINT)
    assert code == 130, errors
    assert {record.status for record in place.records().values()} == {"complete"}
    place.run_until(2, signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in place.record_paths()}
    resumed = place.run_process("run", "s.yaml")
    assert resumed.returncode == 0, resumed.stderr
    assert kept.items() <= {p: p.stat().st_mtime_ns for p in place.record_paths()}.items()
    assert place.outcome() == done.outcome()


def test_a_second_process_on_a_study_is_an_error_and_disturbs_nothing(tmp_path: Path) -> None:
    method = {"name": "toy", "lr": 0.1, "seconds": 1.0}
    place = Workplace(tmp_path / "w", {**STUDY, "recipes": [{"method": method}], "seeds": 1})
    with place.start("run", "s.yaml") as first:
        while not (place.results / "lease.json").exists():
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        for command in ("run", "search", "seal", "final"):
            second = place.run(command, "s.yaml")
            assert second.returncode == 2
            assert f"process {first.pid} on {socket.gethostname()} has been working on this study" in second.stderr
            assert second.stderr.count("\n") == 1
        assert first.poll() is None
        _, errors = first.communicate()
    assert first.returncode == 0, errors
    assert {record.status for record in place.records().values()} == {"complete"}
    assert list((place.results / "runs").glob("*/test-0.maps"))


def test_killed_diverged_and_failed_trials_have_different_statuses(tmp_path: Path) -> None:
    """Recipes on one cluster: a run resumes after its stage or its worker was killed, diverges on NaN, or fails."""
    troubles = [f"killed:{tmp_path / 'stage'}", f"worker killed:{tmp_path / 'worker'}", "nan", "error"]
    methods = [{"name": "toy", "lr": 0.1, "trouble": trouble} for trouble in troubles]
    place = Workplace(tmp_path / "w", {**STUDY, "recipes": [{"method": methods}], "max_failures": 1})
    ran = place.run_process("run", "s.yaml")
    assert ran.returncode == 1
    assert "trials of 1 recipes failed, so test was not opened" in ran.stderr.replace("\n", " ")
    assert not (place.results / "ledger.jsonl").exists()
    records = {r.train.method.options["trouble"]: r for r in place.records().values()}
    assert [records[t].status for t in troubles] == ["complete", "complete", "diverged", "failed"]
    for trouble in troubles[:2]:
        assert Path(trouble.partition(":")[2]).exists()
        assert [log.epoch for log in records[trouble].history] == [1, 2, 3]
    assert "nan" in records["nan"].reason
    assert records["error"].reason == "ValueError: a bug in a plugin"
    traceback = place.results / "runs" / records["error"].run_id / "traceback.txt"
    assert "start_epoch" in traceback.read_text()
    # the steps as their own commands, and the others compete though one failed
    sealed = place.run("seal", "s.yaml")
    assert sealed.returncode == 1
    assert "1 of 1 trials failed; run the search again" in sealed.stderr
    assert "no trial is complete, so none can be chosen" in sealed.stderr  # the one that diverged
    assert place.run("seal", "s.yaml", "--accept-failures").returncode == 1
    assert [c.train.method.options["trouble"] for c in place.selection().choices] == troubles[:2]
    final = place.run_process("final", "s.yaml")
    assert final.returncode == 0, final.stderr
    table = pd.read_csv(place.results / "leaderboard.csv")
    assert len(table[table.metric == "maxboxaccv2"]) == 4  # failed rows stay visible


def test_a_training_that_is_always_killed_leaves_a_record(tmp_path: Path) -> None:
    method = {"name": "toy", "lr": 0.1, "trouble": "killed"}
    place = Workplace(tmp_path / "w", {**STUDY, "recipes": [{"method": method}], "max_failures": 0})
    assert place.run_process("search", "s.yaml").returncode == 1
    (record,) = place.records().values()
    assert record.status == "failed"
    assert record.reason.startswith("training: its process was killed by signal SIGKILL")


def test_final_without_a_seal_is_an_error(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", STUDY)
    final = place.run("final", "s.yaml")
    assert final.returncode == 2
    assert "no sealed selection" in final.stderr
    seal = place.run("seal", "s.yaml")
    assert seal.returncode == 2
    assert "trials have no record; search first" in seal.stderr


def test_too_many_resources_are_an_error(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", STUDY)
    refused = place.run_process("search", "s.yaml", "--set", "resources.gpus=64")
    assert refused.returncode == 2
    assert "a run wants 64 GPU, the cluster has 0" in refused.stderr


def test_an_address_without_a_server_is_a_usage_error(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "w", STUDY)
    refused = place.run("search", "s.yaml", "--address", "127.0.0.1:1")
    assert refused.returncode == 2, refused.stderr
    assert "Ray at '127.0.0.1:1' cannot be reached" in refused.stderr
