"""Attacks on a finished study: each is found, with the line that a user sees."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import run_cli
from tests.support.forgery import edit, edit_line, finals, seal_again, spoil_observations, state_hash, trials
from wsol.evaluation.observation_file import observations_path
from wsol.plugins import load_plugins
from wsol.registry import Plugins
from wsol.study.verification.verify import verify


def findings(study: Path, plugins: Plugins) -> list[str]:
    return [finding.line().replace(f"{study}/", "") for finding in verify([study], plugins).findings]


def metric(content: Any, split: str, name: str = "maxboxaccv2") -> Any:
    return next(r for r in content["results"] if r["split"] == split)["metrics"][name]


def set_value(split: str, value: float | str) -> Callable[[Any], None]:
    return lambda content: metric(content, split).update(value=value)


def edited(which: Callable[[Path], list[Path]], change: Callable[[Any], None]) -> Callable[[Path], None]:
    return lambda study: edit(which(study)[-1], change)


def swap_observations(study: Path) -> None:
    a, b = (observations_path(path) for path in trials(study)[:2])
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)


def swap_observations_and_hashes(study: Path) -> None:
    swap_observations(study)
    for path in trials(study)[:2]:
        state_hash(path)


def spoil(study: Path) -> None:
    spoil_observations(finals(study)[0])


def spoil_and_state(study: Path) -> None:
    spoil(study)
    state_hash(finals(study)[0])


def delete_trial(study: Path) -> None:
    trials(study)[1].unlink()


def delete_final(study: Path) -> None:
    finals(study)[1].unlink()


def delete_selection(study: Path) -> None:
    (study / "selection.jsonl").unlink()


def choose_another(study: Path) -> None:
    edit_line(study / "selection.jsonl", 0, lambda choice: choice.update(trial=(choice["trial"] + 1) % 3))


def choose_another_and_seal(study: Path) -> None:
    seal_again(study / "selection.jsonl", lambda choice: choice.update(trial=(choice["trial"] + 1) % 3))


def raise_sealed_value(study: Path) -> None:
    seal_again(study / "selection.jsonl", lambda choice: choice.update(value=99.0))


def seal_other_seeds(study: Path) -> None:
    seal_again(study / "selection.jsonl", lambda choice: choice.update(seeds=[1, 2]))


def delete_ledger(study: Path) -> None:
    (study / "ledger.jsonl").unlink()


def cut_ledger(study: Path) -> None:
    path = study / "ledger.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def edit_ledger(study: Path) -> None:
    edit_line(study / "ledger.jsonl", 0, lambda line: line.update(cells=["another"]))


def edit_last_line_of_ledger(study: Path) -> None:
    edit_line(study / "ledger.jsonl", -1, lambda line: line.update(attempt=7))


def copy_from_another_study(study: Path) -> None:
    def pretend(content: Any) -> None:
        content.update(study="other", plan="0123456789abcdef", run_id=content["run_id"].replace("t000", "t009"))

    source = trials(study)[0]
    copy = source.with_name(source.name.replace("t000", "t009"))
    shutil.copy(source, copy)
    shutil.copy(observations_path(source), observations_path(copy))
    edit(copy, pretend)


def rename_record(study: Path) -> None:
    source = finals(study)[0]
    source.rename(source.with_name(source.name.replace("final0", "final7")))


def _picture(study: Path) -> Path:
    return min((study / "runs").glob("toy-toy-*/gallery/*.jpg"))


ATTACKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "val score of a trial": (
        edited(trials, set_value("val", 91.0)),
        r"val of evaluation 0 metrics maxboxaccv2 value: .*91",
    ),
    "test score": (edited(finals, set_value("test", 91.0)), r"test of evaluation 0 metrics maxboxaccv2 value: .*91"),
    "1e9 percent": (edited(finals, set_value("test", 1e9)), r"value: expected 0 to 100 percent, found 1000000000"),
    "NaN": (edited(finals, set_value("test", "NaN")), r"value: expected 0 to 100 percent, found nan"),
    "interval": (edited(finals, lambda c: metric(c, "test").update(high=99.5)), r"maxboxaccv2 high: .*found 99.5"),
    "direction": (
        edited(trials, lambda c: metric(c, "val").update(higher_is_better=False)),
        r"maxboxaccv2 higher_is_better: expected True, found False",
    ),
    "threshold from test": (
        edited(finals, lambda c: metric(c, "test", "boxacc_val").update(calibration=[0.999])),
        r"test of evaluation 0 metrics boxacc_val calibration 0: .*0\.999",
    ),
    "metric left out": (
        edited(finals, lambda c: c["results"][0]["metrics"].pop("top1_cls")),
        r"metrics top1_cls: .*found nothing",
    ),
    "result left out": (edited(finals, lambda c: c["results"].pop()), r"results: expected val and test of"),
    "observations": (spoil, r"final0\.observations\.npz: SHA-256: "),
    "observations and their hash": (spoil_and_state, r"metrics maxboxaccv2 value: expected 0\.0, found "),
    "observations swapped": (swap_observations, r"t000\.observations\.npz: SHA-256: "),
    "observations and hashes swapped": (swap_observations_and_hashes, r"content since the choice: "),
    "observations deleted": (
        lambda study: observations_path(finals(study)[0]).unlink(),
        r"final0\.observations\.npz: observations: expected a file that can be read",
    ),
    "seed of a trial": (edited(trials, lambda c: c.update(seed=c["seed"] + 1)), r"t002\.record\.json: seed: "),
    "unsealed seed": (edited(finals, lambda c: c.update(seed=c["seed"] + 1)), r"seed: expected one of the sealed \["),
    "hyper-parameter": (
        edited(trials, lambda c: c["hparams"].update({"method.lr": 0.5})),
        r"hparams method\.lr: expected .* of the plan, found 0\.5",
    ),
    "swept option": (
        edited(finals, lambda c: c["results"][-1]["swept"].update({"normalizer.percentile": 0.9})),
        r"test swept normalizer\.percentile: expected .*, as sealed, found 0\.9",
    ),
    "sweep": (
        edited(trials, lambda c: c["results"][1]["sweep"]["maxboxaccv2"].__setitem__(2, 99.0)),
        r"swept normalizer\.percentile: expected 0\.6",
    ),
    "trial deleted": (delete_trial, r"record of trial toy-toy-\w+-t001: expected one, as the plan has it, found none"),
    "trial of the choice deleted": (delete_trial, r"selection\.jsonl: line \d record of toy-toy-\w+-t001: expected"),
    "trial made a failure": (
        edited(trials, lambda c: c.update(status="failed", reason="x")),
        r"results: expected none of a run that failed",
    ),
    "final run deleted": (delete_final, r"record of run toy-toy-\S+-final1: expected one, as .*opened test for it"),
    "selection deleted": (delete_selection, r"selection: expected a sealed choice of this study, found none"),
    "selection edited": (choose_another, r"selection\.jsonl:1: the selection was changed after it was sealed"),
    "selection edited and sealed": (choose_another_and_seal, r"selection\.jsonl: line 1 trial: "),
    "sealed value": (raise_sealed_value, r"selection\.jsonl: line 1 value: .*found 99\.0"),
    "sealed seeds": (seal_other_seeds, r"selection\.jsonl: seeds of line 1: expected .*found \[1, 2\]"),
    "ledger deleted": (delete_ledger, r"ledger\.jsonl: .*is missing, and had"),
    "ledger cut": (cut_ledger, r"ledger\.jsonl: .*lines, and had"),
    "ledger edited": (edit_ledger, r"ledger\.jsonl:2: does not follow the line before"),
    "last line of the ledger edited": (edit_last_line_of_ledger, r"ledger\.jsonl: .*had another line"),
    "no opening": (edited(finals, lambda c: c.update(test=None)), r"test: expected an opening in a ledger, found "),
    "opening without the ledger": (
        edited(finals, lambda c: c["test"].update(ledger=None)),
        r"test ledger: expected the end of the ledger at the opening, found none",
    ),
    "evaluations": (
        edited(finals, lambda c: c["test"].update(evaluations=0)),
        r"test evaluations: expected 1 by .*, found 0",
    ),
    "trial with an opening": (
        lambda study: edit(trials(study)[0], lambda c: c.update(test=json.loads(finals(study)[0].read_text())["test"])),
        r"test: expected no opening of test by a trial",
    ),
    "chosen among": (
        edited(finals, lambda c: c.update(chosen_among=30)),
        r"evaluation 0 chosen_among: expected 3, as sealed, found 30",
    ),
    "record of another study": (copy_from_another_study, r"t009\.record\.json: study: expected small, found other"),
    "record renamed": (rename_record, r"final7\.record\.json: name: expected toy-toy-\S+-final7, found .*final0"),
    "record truncated": (
        lambda study: trials(study)[0].write_text(trials(study)[0].read_text()[:500]),
        r"t000\.record\.json: record: expected a readable record",
    ),
    "other code": (
        edited(trials, lambda c: c["identity"].update({"code wsol": "0" * 64})),
        r"t002\.record\.json: identity: expected that of toy-toy-\w+-t000, found code wsol: ",
    ),
    "other data": (
        edited(trials, lambda c: c["data"]["val"].update(labels="0" * 64)),
        r"t002\.record\.json: data of val: expected those of toy-toy-\w+-t000, found labels ",
    ),
    "other test data": (
        edited(finals, lambda c: c["data"]["test"].update(labels="0" * 64)),
        r"data of test: expected those of .*, found labels ",
    ),
    "no identity": (
        lambda study: edit(trials(study)[0], lambda c: c.update(identity={})),
        r"t000\.record\.json: identity: expected code, versions and rules, found none",
    ),
    "mark of changes removed": (
        edited(finals, lambda c: c.update(changes=["code x: 1 when it was sealed, 2 now"])),
        r"condition 'changes accepted': expected True .*, found none",
    ),
    "mark of changes added": (
        edited(finals, lambda c: c["conditions"].update({"changes accepted": {"value": True}})),
        r"condition 'changes accepted': expected none, found True",
    ),
    "another condition": (
        edited(trials, lambda c: c["conditions"].update({"supervision": {"value": "boxes", "default": "labels"}})),
        r"condition 'supervision': expected none, found boxes \(by default labels\)",
    ),
    "mark of the seal removed": (
        lambda study: seal_again(study / "selection.jsonl", lambda c: c.update(after_test=True)),
        r"condition 'sealed after test': expected True, as sealed, found False",
    ),
    "mark of the seal added": (
        edited(finals, lambda c: c["conditions"].update({"sealed after test": {"value": True}})),
        r"condition 'sealed after test': expected False, as sealed, found True",
    ),
    "picture replaced": (
        lambda study: _picture(study).write_bytes(_picture(study).read_bytes() + b"x"),
        r"gallery: SHA-256: expected \w+ of the record, found ",
    ),
    "picture added": (
        lambda study: _picture(study).with_name("999.jpg").write_bytes(_picture(study).read_bytes()),
        r"gallery: SHA-256: expected \w+ of the record, found ",
    ),
    "gallery without a hash": (
        edited(finals, lambda c: c.update(gallery="")),
        r"gallery: SHA-256: expected no gallery of the record, found ",
    ),
    "test data left out": (
        edited(finals, lambda c: c["data"].pop("test")),
        r"record\.json: data: expected those of test, found none",
    ),
    "plan edited": (
        lambda study: edit(study / "plan.json", lambda c: c["study"].update(seed=1)),
        r"plan\.json: key: expected \w+ of its study",
    ),
    "plan deleted": (lambda study: (study / "plan.json").unlink(), r"plan\.json: plan: expected the plan of the study"),
    "fewer trials planned": (
        lambda study: edit(study / "plan.json", lambda c: c["study"].update(trials=2)),
        r"t002\.record\.json: trial: expected 0 to 1, found 2",
    ),
}
"""Name → (what is done to the study, a pattern of the line that must be among the findings)."""


def test_a_finished_study_is_consistent(study: Path, plugins: Plugins) -> None:
    report = verify([study], plugins)
    records = len(list(study.rglob("*.record.json")))
    assert (report.lines(), report.word, report.records, report.studies) == ([], "consistent", records, 1)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_is_found_with_its_line(study: Path, plugins: Plugins, name: str) -> None:
    attack, pattern = ATTACKS[name]
    attack(study)
    lines = findings(study, plugins)
    assert any(re.search(pattern, line) for line in lines), (pattern, lines)


def plan_trials(study: Path, count: int) -> None:
    """Plan other trials, as a run with another value of the study does."""

    def change(content: Any) -> None:
        content["study"]["trials"] = count

    edit(study / "plan.json", change)


def test_a_version_that_writes_records_differently_finds_nothing(
    study: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of a later version have further fields; the files are still what was sealed."""
    monkeypatch.setattr("wsol.study.verification.choices.record_hash", lambda record: "of further fields")
    assert findings(study, plugins) == []


def test_trials_that_were_planned_after_the_seal_need_no_record(study: Path, plugins: Plugins) -> None:
    plan_trials(study, 5)
    assert findings(study, plugins) == []
    (study / "selection.jsonl").unlink()
    assert sum("as the plan has it, found none" in line for line in findings(study, plugins)) >= 2


def test_the_command_prints_each_finding_and_exits_with_1(study: Path) -> None:
    sound = run_cli("verify", study)
    assert (sound.returncode, sound.stdout.split(", ", 1)[1]) == (0, "studies: 1, consistent\n")
    edit(finals(study)[0], set_value("test", 91.0))
    wrong = run_cli("verify", study)
    assert wrong.returncode == 1
    assert "found 91.0" in wrong.stdout
    assert json.loads(run_cli("verify", "--json", study).stdout)["word"] == ""


def test_folders_without_records_exit_with_3(tmp_path: Path) -> None:
    assert "no such folder" in run_cli("verify", tmp_path / "nothing").stderr
    nothing = run_cli("verify", tmp_path)
    assert nothing.returncode == 3
    assert "no records" in nothing.stderr


def test_a_check_that_needs_a_missing_plugin_is_named(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSOL_PLUGINS")
    report = verify([study], load_plugins())
    assert report.findings == ()
    assert any("plan.json: not checked: draws and completeness: " in line for line in report.lines())
