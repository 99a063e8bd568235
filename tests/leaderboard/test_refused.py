"""Rows that contradict themselves, their ledger or their verification are shown with the reason, and never ranked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

import wsol
from tests.support.leaderboard_records import collected, make, opening_entry, table_of, with_opening
from wsol.records import Condition, LedgerHead, MetricValue, RunRecord, SplitData
from wsol_leaderboard.evidence import OpeningEvidence, RunKey
from wsol_leaderboard.files import to_json
from wsol_leaderboard.page import render
from wsol_leaderboard.reading import Collection
from wsol_leaderboard.table import build_table
from wsol_leaderboard.verification import changed_trials

ACCEPTED = {"changes accepted": Condition(value=True)}


def seeds(**fields: object) -> list[RunRecord]:
    """A trial and two final runs, the second one with other fields."""
    trial = make("cam", "search", 50.0, seeds_planned=2, trials_planned=1)
    first, second = (make("cam", value=60.0 + n, seed=n, seeds_planned=2, trials_planned=1) for n in range(2))
    return [trial, first, second.model_copy(update=fields)]


def refused(collection: Collection) -> str:
    """The reason of the row of ``cam``, which must have neither a rank nor a score; another row is ranked first."""
    rows = {row["method"]: row for _, row in build_table(collection).iterrows()}
    row = rows["cam"]
    assert row["status"] == "refused"
    assert math.isnan(row["mean"])
    assert row["rank"] is not row["rank"] or str(row["rank"]) == "<NA>"
    assert "\n" not in row["reason"]
    assert rows["honest"]["rank"] == 1
    assert "refused" in render(build_table(collection))
    return str(row["reason"])


HONEST = make("honest", value=10.0)


@pytest.mark.parametrize("value", [-0.1, 100.1, 1e9, math.inf, -math.inf, math.nan, 1e308])
@pytest.mark.parametrize("place", ["value", "low", "high"])
def test_a_value_that_is_no_percentage_is_refused(value: float, place: str) -> None:
    given = {"value": 60.0, "low": 59.0, "high": 61.0, place: value}
    record = make("cam", metrics={"MaxBoxAccV2": MetricValue(**given)})
    reason = refused(collected([record, HONEST]))
    assert reason.startswith("seed 0: MaxBoxAccV2")
    assert "on test, which is no percentage" in reason


@pytest.mark.parametrize("value", [1e9, math.nan])
def test_an_impossible_value_on_val_is_refused(value: float) -> None:
    trial = make("cam", "search", metrics={"MaxBoxAccV2": MetricValue(value=value)}, trials_planned=1)
    reason = refused(collected([trial, make("cam", trials_planned=1), HONEST]))
    assert "on val of" in reason


def test_any_number_in_a_record_gives_a_table() -> None:
    huge = 10**30
    record = make(
        "cam", metrics={"MaxBoxAccV2": MetricValue(value=50.0, images=huge, parts={"a": 1e308, "b": math.nan})}
    )
    fields = {"trials_planned": huge, "seeds_planned": huge, "seed": huge}
    frame = table_of([record.model_copy(update=fields), HONEST])
    assert frame["rank"].notna().sum() == 1
    assert to_json(frame)
    assert render(frame)


EDITS: dict[str, tuple[Callable[[RunRecord], RunRecord], str]] = {
    "no opening": (lambda r: r.model_copy(update={"test": None}), "a result on test without an opening of test"),
    "no line": (lambda r: with_opening(r, ledger=None), "its opening of test names no line of a ledger"),
    "a later line": (lambda r: with_opening(r, ledger=LedgerHead(lines=99, hash="x")), "line 99 of its study's ledger"),
    "another hash": (lambda r: with_opening(r, ledger=LedgerHead(lines=1, hash="x")), "is missing or changed"),
    "another selection": (lambda r: with_opening(r, selection="other"), "is about another opening"),
    "other identities": (lambda r: with_opening(r, identities="other"), "is about another opening"),
    "other data": (lambda r: with_opening(r, data="other"), "is about another opening"),
    "another attempt": (lambda r: with_opening(r, attempt=7), "is about another opening"),
    "another run": (lambda r: r.model_copy(update={"run_id": "invented-final9"}), "is about another opening"),
    "another plan": (lambda r: r.model_copy(update={"plan": "other"}), "is about another opening"),
    "an unsealed seed": (lambda r: r.model_copy(update={"seed": 77}), "are not those of its sealed choice"),
    "another trial": (lambda r: r.model_copy(update={"trial": 1}), "are not those of its sealed choice"),
    "other draws": (
        lambda r: r.model_copy(update={"hparams": {"method.lr": 9.0}}),
        "are not those of its sealed choice",
    ),
    "more trials": (lambda r: r.model_copy(update={"chosen_among": 2}), "was sealed among 0"),
    "too many trials": (lambda r: r.model_copy(update={"chosen_among": 5}), "among 5 trials, and 2 were planned"),
    "no test data": (lambda r: r.model_copy(update={"data": {}}), "does not say what its test data were"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_record_that_its_evidence_does_not_confirm_is_refused(edit: str) -> None:
    change, reason = EDITS[edit]
    honest = collected([make("cam"), HONEST])
    assert "refused" not in set(build_table(honest)["status"])
    edited = [
        type(found)(found.path, found.sha256, change(found.record)) if "cam" in found.record.run_id else found
        for found in honest.found
    ]
    assert reason in refused(Collection(tuple(edited), honest.evidence))


def test_runs_whose_ledger_or_selection_is_not_there_are_refused() -> None:
    given = collected([make("cam")])
    for evidence, reason in (
        (OpeningEvidence((), given.evidence.choices), "ledger is missing or changed; the file was deleted, cut or"),
        (OpeningEvidence(given.evidence.ledgers, ()), "is not among the sealed ones; the file was deleted, cut or"),
        (OpeningEvidence((), (), ("a/ledger.jsonl:2: does not follow",)), "(a/ledger.jsonl:2: does not follow)"),
    ):
        frame = build_table(Collection(given.found, evidence))
        assert frame["status"].tolist() == ["refused"]
        assert reason in frame.loc[0, "reason"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"data": {"test": SplitData(fingerprint="f2")}}, "have different test data: fingerprint f1 and f2"),
        ({"data": {"test": SplitData(fingerprint="f1", labels="a", boxes="b")}}, ""),
        ({"conditions": {"invented": Condition(value=2, default=1)}}, "under different conditions: invented 1 and 2"),
        ({"conditions": {"invented": Condition(value=1, default=1)}}, ""),
        ({"identity": {"code wsol_cam": "1234567890"}}, "code wsol_cam: none in"),
        ({"identity": {"code wsol_cam": "1234567890"}, "conditions": ACCEPTED}, "under different conditions"),
    ],
    ids=str,
)
def test_seeds_that_disagree_are_refused(fields: dict[str, object], reason: str) -> None:
    collection = collected([*seeds(**fields), HONEST])
    if reason:
        assert reason in refused(collection)
    else:
        assert set(build_table(collection)["status"]) == {"complete"}


def test_a_trial_of_another_identity_than_its_final_run_is_refused_unless_accepted() -> None:
    trial, first, second = seeds()
    trial = trial.model_copy(update={"identity": {"code mine.py": "1" * 16}})
    now = {"identity": {"code mine.py": "2" * 16}}
    finals = [run.model_copy(update=now) for run in (first, second)]
    assert "code mine.py: 22222222 in" in refused(collected([trial, *finals, HONEST]))
    marked = [run.model_copy(update={"conditions": ACCEPTED}) for run in finals]
    frame = table_of([trial, *marked, HONEST])
    assert frame[["method", "rank"]].values.tolist() == [["honest", 1], ["cam", 1]], "ranked apart from unmarked rows"


SEALED = {"code mine.py": "1" * 16}


def with_choices(collection: Collection, **fields: object) -> Collection:
    """The collection, with other fields of its sealed choices of ``cam``."""
    choices = [
        choice.model_copy(update=fields) if choice.train.method.name == "cam" else choice
        for choice in collection.evidence.choices
    ]
    return replace(collection, evidence=OpeningEvidence(collection.evidence.ledgers, tuple(choices)))


@pytest.mark.parametrize(
    "identity", [{}, {"code mine.py": "2" * 16}, {**SEALED, "file method.boxes": "3" * 16}], ids=str
)
def test_another_identity_than_the_sealed_one_is_refused_without_the_trial(identity: dict[str, str]) -> None:
    _, first, second = seeds()
    finals = [run.model_copy(update={"identity": identity}) for run in (first, second)]
    found = with_choices(collected([*finals, HONEST]), identity=SEALED)
    assert "when it was sealed, " in refused(found)
    marked = [run.model_copy(update={"conditions": ACCEPTED}) for run in finals]
    frame = build_table(with_choices(collected([*marked, HONEST]), identity=SEALED))
    assert set(frame["status"]) == {"complete"}


def test_a_trial_that_was_changed_after_the_seal_is_refused() -> None:
    collection = collected([*seeds(), HONEST])
    trial = next(found for found in collection.found if found.record.stage == "search")
    for digest, known in ((trial.sha256, {}), ("0" * 64, {RunKey.of(trial.record)})):
        sealed = with_choices(collection, records={trial.record.run_id: digest})
        found = changed_trials(sealed)
        assert found.keys() == set(known)
        if known:
            assert "was changed after the choice was sealed" in refused(replace(sealed, words=found))
        else:
            assert set(build_table(replace(sealed, words=found))["status"]) == {"complete"}


def test_training_data_that_changed_between_search_and_final_run_are_refused() -> None:
    trial, first, second = seeds()
    data = {"train": SplitData(fingerprint="t", pixels="1" * 16), "test": SplitData(fingerprint="f1")}
    changed = {**data, "train": SplitData(fingerprint="t", pixels="2" * 16)}
    finals = [run.model_copy(update={"data": changed}) for run in (first, second)]
    reason = refused(collected([trial.model_copy(update={"data": data}), *finals, HONEST]))
    assert "data train pixels: 22222222 in" in reason


def test_more_runs_than_planned_are_refused() -> None:
    records = [make("cam", seed=n, run_id=f"r{n}", seeds_planned=2) for n in range(2)]
    one = [record.model_copy(update={"seeds_planned": 1}) for record in records]
    assert "2 seeds have a run, and 1 were planned" in refused(collected([*one, HONEST]))
    trials = [make("cam", "search", trial=n, trials_planned=2) for n in range(3)]
    assert "3 trials have a record, and 2 were planned" in refused(collected([*trials, make("cam"), HONEST]))


def test_one_record_cannot_turn_a_ranking_around() -> None:
    turned = make("cam", metrics={"MaxBoxAccV2": MetricValue(value=5.0, higher_is_better=False)})
    frame = table_of([turned, HONEST, make("better", value=70.0)])
    assert {row["method"]: row["rank"] for _, row in frame.iterrows()} == {"better": 1, "honest": 2, "cam": 1}


def test_a_row_has_the_weakest_word_of_its_runs_and_a_finding_refuses_it() -> None:
    trial, first, second = seeds()
    words = {
        RunKey.of(first): wsol.Verification("reproduced"),
        RunKey.of(second): wsol.Verification("consistent"),
        RunKey.of(HONEST): wsol.Verification("rescored"),
    }
    frame = table_of([trial, first, second, HONEST], words=words)
    assert {row["method"]: row["verification"] for _, row in frame.iterrows()} == {
        "cam": "consistent",
        "honest": "rescored",
    }
    assert table_of([trial, first, second]).loc[0, "verification"] == "", "not verified"
    words[RunKey.of(second)] = wsol.Verification("", "a.record.json: test: expected 18, found 91")
    assert "expected 18, found 91" in refused(collected([trial, first, second, HONEST], words=words))


def test_a_reproduction_has_no_row() -> None:
    repeat = make("cam", study="toy-reproduced").model_copy(
        update={"reproduces": wsol.Reproduction(record="0" * 64, verdict="equal")}
    )
    assert table_of([make("cam"), repeat])["study"].tolist() == ["toy"]


def test_test_evaluations_are_counted_over_all_ledgers_and_repeats_are_not() -> None:
    record = make("cam")
    entry = opening_entry(record)
    changed = {"run": "other", "study": "elsewhere", "plan": "p"}
    extra = [
        entry.model_copy(update={**changed, "selection": "second"}),
        entry.model_copy(update={**changed, "selection": "third"}),
        entry.model_copy(update={**changed, "selection": "third", "run": "another seed"}),
        entry.model_copy(update={**changed, "selection": "third", "identities": "changed"}),
        entry.model_copy(update={**changed, "selection": "fourth", "data": "other data"}),
        entry.model_copy(update={**changed, "selection": "fifth", "cells": ("another/cell",)}),
        entry.model_copy(update={"attempt": 2}),
        entry.model_copy(update={"attempt": 3}),
    ]
    row = table_of([record], extra).loc[0]
    assert (row["test_evaluations"], row["repeats"]) == (4, 2)
    alone = table_of([with_opening(record, evaluations=9)]).loc[0]
    assert (alone["test_evaluations"], alone["repeats"]) == (9, 0), "a ledger that is not given cannot lower the count"


def test_an_inspection_marks_every_row_on_its_data() -> None:
    inspection = wsol.LedgerEntry(kind="inspection", run="wsol data show", data="d1")
    other = with_opening(make("cam", benchmark="cub"), data="d2")
    other = other.model_copy(update={"data": {"test": SplitData(fingerprint="f9")}})
    frame = table_of([make("cam"), HONEST, other], [inspection])
    marks = {(row["benchmark"], row["method"]): row["condition test inspected"] for _, row in frame.iterrows()}
    assert marks == {("sprites", "cam"): "yes", ("sprites", "honest"): "yes", ("cub", "cam"): "no"}
    assert sorted(frame["rank"]) == [1, 1, 2]
    assert frame["test_evaluations"].tolist() == [1, 1, 1]
