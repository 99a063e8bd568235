"""Running a recorded run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import run_cli
from tests.support.forgery import edit, finals, trials
from tests.support.paths import TOY
from wsol.records import RunRecord, read_record
from wsol.study.ledger import read_ledger
from wsol.study.verification.comparison import MetricComparison


def reproduce(record: Path, *arguments: object, code: int = 0) -> tuple[Any, str]:
    found = run_cli("reproduce", record, "--json", *arguments)
    assert found.returncode == code, found.stderr
    return json.loads(found.stdout), found.stderr


def new_record(found: Any) -> RunRecord:
    return read_record(Path(found["record"]))


def test_a_trial_is_equal_to_the_bit_and_linked(study: Path) -> None:
    path = trials(study)[1]
    found, _ = reproduce(path)
    assert found["verdict"] == "equal"
    record, recorded = new_record(found), read_record(path)
    assert record.reproduces is not None
    assert record.reproduces.verdict == "equal"
    assert record.results == recorded.results
    assert record.test is None
    assert run_cli("verify", Path(found["record"]).parent).returncode == 0


def test_a_final_run_is_evaluated_on_test_again_as_a_repeat(study: Path) -> None:
    found, _ = reproduce(finals(study)[0])
    assert found["verdict"] == "equal"
    assert {comparison["split"] for comparison in found["comparisons"]} == {"val", "test"}
    folder = Path(found["record"]).parents[1]
    (line,) = read_ledger(folder / "ledger.jsonl").entries
    before = read_ledger(study / "ledger.jsonl").entries[0]
    assert (line.selection, line.data, line.cells) == (before.selection, before.data, before.cells)
    assert len(read_ledger(study / "ledger.jsonl").entries) == len(list((study / "runs").glob("*-final*.record.json")))


def test_a_second_call_compares_without_another_evaluation(study: Path) -> None:
    first, _ = reproduce(finals(study)[0])
    second, _ = reproduce(finals(study)[0])
    assert first == second
    assert len(read_ledger(Path(first["record"]).parents[1] / "ledger.jsonl").entries) == 1


@pytest.mark.parametrize("attack", ["no selection", "another seed", "another trial", "no opening"])
def test_an_unsealed_run_does_not_open_test(study: Path, attack: str) -> None:
    path = finals(study)[0]
    if attack == "no selection":
        (study / "selection.jsonl").unlink()
    elif attack == "another seed":
        edit(path, lambda content: content.update(seed=7))
    elif attack == "another trial":
        edit(path, lambda content: content.update(trial=content["trial"] + 1, hparams={"method.lr": 0.3}))
    else:
        edit(path, lambda content: content.update(test=None))
    found = run_cli("reproduce", path, "--json")
    assert "only val is evaluated: " in found.stderr
    result = json.loads(found.stdout)
    assert {comparison["split"] for comparison in result["comparisons"]} == {"val"}
    assert not (Path(result["record"]).parents[1] / "ledger.jsonl").exists()
    assert new_record(result).test is None


def test_other_scores_are_different_and_exit_with_1(study: Path) -> None:
    path = trials(study)[0]

    def lower(content: Any) -> None:
        content["results"][0]["metrics"]["maxboxaccv2"].update(value=1.0, low=0.5, high=1.5)

    edit(path, lower)
    found, _ = reproduce(path, code=1)
    assert found["verdict"] == "different"


def test_a_changed_identity_is_named_and_does_not_stop_the_run(study: Path) -> None:
    path = trials(study)[0]
    edit(path, lambda content: content["identity"].update({"version torch": "0.0.1"}))
    found, warnings = reproduce(path)
    assert found["verdict"] == "equal"
    assert "version torch: 0.0.1 in the record, " in warnings


def test_changed_code_goes_on_as_another_evaluation(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "code" / TOY.name
    changed.parent.mkdir()
    changed.write_text(TOY.read_text() + "# changed\n")
    monkeypatch.setenv("WSOL_PLUGINS", str(changed))
    for path in (trials(study)[0], finals(study)[0]):
        found, warnings = reproduce(path)
        assert found["verdict"] == "equal"
        assert f"code {TOY.name}: " in warnings
        record = new_record(found)
        assert any(line.startswith(f"code {TOY.name}: ") for line in record.changes)
        assert "changes accepted" in record.conditions
    before = read_record(finals(study)[0]).test
    assert before is not None
    assert record.test is not None
    assert record.test.selection == before.selection
    assert record.test.identities != before.identities
    assert run_cli("verify", Path(found["record"]).parent).returncode == 0


def test_records_that_cannot_be_run_again(study: Path) -> None:
    path = trials(study)[0]
    edit(path, lambda content: content.update(status="failed", results=[]))
    assert "nothing to compare with" in run_cli("reproduce", path).stderr
    assert run_cli("reproduce", study / "nothing.record.json").returncode == 3


def test_a_run_of_a_moved_study_is_found_by_its_record(study: Path, tmp_path: Path) -> None:
    moved = Path(shutil.move(study, tmp_path / "elsewhere"))
    found, _ = reproduce(finals(moved)[0], "--out", tmp_path / "new")
    assert found["verdict"] == "equal"


@pytest.mark.parametrize(
    ("again", "verdict"), [(50.0, "equal"), (52.0, "within"), (61.0, "different"), (None, "different")]
)
def test_a_metric_is_equal_within_or_different(again: float | None, verdict: str) -> None:
    assert MetricComparison("val", 0, "m", 50.0, again, 40.0, 60.0).verdict == verdict
    assert MetricComparison("val", 0, "m", 50.0, 50.5, None, None).verdict == "different"
