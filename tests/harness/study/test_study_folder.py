"""The results folder of a study: nothing of the user is overwritten, and nothing is to be cleaned after a kill."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import wsol
from tests.support.cli import run_cli
from tests.support.paths import TOY
from wsol.records import RunRecord
from wsol.study.job import Job, execute
from wsol.study.lease import hold_lease
from wsol.study.run_records import write_outcome
from wsol.study.study_folder import OWN_NAMES

pytestmark = pytest.mark.usefixtures("stages_here")

CONTENT: dict[str, Any] = {
    "name": "s",
    "benchmark": "toy",
    "recipes": {"method": "center"},
    "seeds": 1,
    "bootstrap": 0,
}


def session(folder: Path, **changes: Any) -> wsol.Session:
    return wsol.open_session({**CONTENT, **changes}, out=folder / "out", plugins=[TOY], cache=folder / "cache")


def searched(folder: Path) -> tuple[wsol.Session, Job]:
    """A study after its search, and the job of its trial."""
    study = session(folder)
    study.search(wsol.SerialRunner())
    return study, study.search_jobs()[0]


@pytest.mark.parametrize("name", ["study.yaml", "s.yaml", "plan.yaml", "selection.yaml", "lease.yaml", "results.yml"])
def test_a_study_file_in_its_results_folder_is_not_changed(tmp_path: Path, name: str) -> None:
    file = tmp_path / "out" / "s" / name
    file.parent.mkdir(parents=True)
    file.write_text("# mine\n" + yaml.safe_dump(CONTENT))
    before = file.read_bytes()
    wsol.run_study(file, out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache", runner=wsol.SerialRunner())
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", [*OWN_NAMES, "lease.json"])
def test_a_link_of_the_user_that_leads_nowhere_stays(tmp_path: Path, name: str) -> None:
    link = tmp_path / "out" / "s" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "unmounted" / name)
    with pytest.raises(wsol.UsageError, match=name):
        session(tmp_path).search(wsol.SerialRunner())
    assert os.readlink(link) == str(tmp_path / "unmounted" / name)


@pytest.mark.parametrize("name", [*OWN_NAMES, "lease.json"])
def test_a_file_of_the_user_with_a_name_of_the_study_is_an_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / "results" / "s" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(CONTENT))
    for command in ("run", "search", "seal", "final"):
        ended = run_cli(command, "s.yaml", "--plugin", TOY, cwd=tmp_path, WSOL_CACHE=str(tmp_path / "cache"))
        assert ended.returncode == 2, ended
        assert str(file.parent.relative_to(tmp_path)) in ended.stderr
        assert "overwrite" in ended.stderr
        assert name in ended.stderr
        assert ended.stderr.count("error:") == 1
    assert file.read_text() == "mine"
    assert [path.name for path in file.parent.iterdir() if path.name != ".lease.lock"] == [name]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    study, job = searched(tmp_path)
    job.work.mkdir(exist_ok=True)
    left = [
        study.folder / ".plan.json.abcd1234",
        study.folder / ".lease.json.abcd_234",
        study.runs / f".{job.run.run_id}.record.json.abcd1234",
        job.work / ".val-0.maps.x_yz1234",
    ]
    kept = [study.folder / ".mine.abcd1234", study.folder / ".hidden", study.runs / "notes.txt"]
    for path in [*left, *kept]:
        path.write_text("")
    study.open()
    assert [path for path in left if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_a_step_while_another_process_works_on_the_study_is_an_error(tmp_path: Path) -> None:
    study, _ = searched(tmp_path)
    with hold_lease(study.folder):
        for step in (study.open, study.search, study.seal, study.final, study.publish, study.run):
            with pytest.raises(wsol.LeaseError, match="has been working on this study since"):
                step()
    assert len(study.search(wsol.SerialRunner())) == 1


def test_a_worker_that_outlived_its_driver_writes_nothing(tmp_path: Path) -> None:
    study = session(tmp_path)
    with study.files.writing():
        (orphan,) = study.search_jobs()
    assert orphan.lease == 1
    assert execute(orphan).status == "complete"  # no newer lease: its work is kept
    orphan.record_path.unlink()
    study.open()
    with pytest.raises(wsol.LeaseError, match="has taken this study over"):
        execute(orphan)
    assert not orphan.record_path.exists()


def test_a_finished_record_is_never_replaced(tmp_path: Path) -> None:
    study, job = searched(tmp_path)
    (complete,) = study.search(wsol.SerialRunner())
    failed = complete.model_copy(update={"status": "failed", "reason": "its worker died", "results": ()})
    diverged = failed.model_copy(update={"status": "diverged"})

    def write(record: RunRecord) -> tuple[RunRecord, RunRecord]:
        returned = write_outcome(record, job.record_path, None)
        return returned, wsol.read_record(job.record_path)

    assert write(failed) == write(diverged) == (complete, complete)
    job.record_path.unlink()
    assert write(failed) == (failed, failed)
    assert write(diverged) == (diverged, diverged)
    assert write(failed) == write(complete) == (diverged, diverged)
    job.record_path.write_text("{")  # what is broken may be written again
    assert write(complete) == (complete, complete)


def finished(folder: Path, seeds: int = 1) -> wsol.Session:
    study = session(folder, seeds=seeds)
    study.run(wsol.SerialRunner())
    return study


def _delete(ledger: Path) -> None:
    ledger.unlink()


def _cut(ledger: Path) -> None:
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1]))


def _rewrite(ledger: Path) -> None:
    ledger.write_bytes(ledger.read_bytes().replace(b'"attempt":1', b'"attempt":2'))


@pytest.mark.parametrize("change", [_delete, _cut, _rewrite])
def test_a_ledger_that_records_contradict_stops_the_final_runs(tmp_path: Path, change: Any) -> None:
    study = finished(tmp_path, seeds=2)
    records = sorted(study.runs.glob("*final*.record.json"))
    records[0].unlink()  # one run is to be done again
    change(study.ledger)
    content = study.ledger.read_bytes() if study.ledger.exists() else None
    with pytest.raises(wsol.WsolError, match=r"ledger.*nothing was opened|restore it from a copy") as error:
        study.final(wsol.SerialRunner())
    assert "\n" not in str(error.value)
    assert (study.ledger.read_bytes() if study.ledger.exists() else None) == content
    assert not records[0].exists()


def test_a_torn_last_line_is_set_aside_and_stops_nothing(tmp_path: Path) -> None:
    class Warnings(wsol.StudyObserver):
        lines: tuple[str, ...] = ()

        def warned(self, message: str) -> None:
            self.lines += (message,)

    study = finished(tmp_path)
    (record,) = study.runs.glob("*final*.record.json")
    record.unlink()
    whole = study.ledger.read_bytes()
    with study.ledger.open("ab") as file:
        file.write(whole[:50])
    warnings = Warnings()
    (final,) = study.final(wsol.SerialRunner(), warnings)
    assert final.status == "complete"
    assert study.ledger.read_bytes().startswith(whole)
    assert [e.attempt for e in wsol.read_ledger(study.ledger).entries] == [1, 2]
    assert warnings.lines == (f"{study.ledger}: line 2 was incomplete and is kept in ledger.torn",)


def test_nothing_is_opened_where_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    study, _ = searched(tmp_path)
    study.seal()
    study.ledger.mkdir()
    opened: list[Any] = []

    class Runner:
        local = True

        def run(self, jobs: Any, progress: Any) -> None:
            opened.append(jobs)

    with pytest.raises(wsol.DataError, match=r"ledger\.jsonl: the ledger cannot be .*; test data were not opened"):
        study.final(Runner())
    assert opened == []


def test_a_deleted_plan_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    study, _ = searched(tmp_path)
    (study.folder / "plan.json").unlink()
    with pytest.raises(wsol.UsageError, match=r"holds runs but no plan\.json"):
        study.seal()
    shutil.rmtree(study.folder)
    assert len(study.search(wsol.SerialRunner())) == 1
