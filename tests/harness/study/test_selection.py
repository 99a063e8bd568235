"""Choice and seal: the best finite trial of each recipe, sealed for good, and only a sealed run opens test."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsol
from wsol.plugins import load_plugins
from wsol.records import LedgerHead, MetricValue, Result, RunIdentity, RunRecord, SplitData, TestOpening, record_hash
from wsol.study import selection as sealing
from wsol.study.config import validate_study
from wsol.study.ledger import LedgerEntry, append
from wsol.study.plan import Plan, TrainingCell, make_plan
from wsol.study.selection import Choice, SealedChoice, Selection, Unsealed

NAN, INF = math.nan, math.inf
WITHOUT = [NAN, INF, -INF]


@pytest.fixture(scope="module")
def plan() -> Plan:
    recipe = {"method": "cam", "backbone": "tiny", "normalizer": ["minmax", "none"]}
    content = {"name": "s", "benchmark": "sprites", "trials": 3, "seeds": 2, "recipes": [recipe]}
    return make_plan(validate_study(content, "s"), load_plugins())


def record(plan: Plan, trial: int, values: list[float] | None, status: Any = "", **changes: Any) -> RunRecord:
    cell = plan.cells[0]
    drawn = cell.trials[trial]
    results = [
        Result(
            evaluation=evaluation,
            split="val",
            protocol=cell.protocol,
            metrics={"m": MetricValue(value=value, **changes)},
            primary="m",
        )
        for evaluation, value in zip(cell.evaluations, values or [], strict=bool(values))
    ]
    return RunRecord(
        run_id=f"t{trial}",
        study="s",
        plan=plan.key,
        stage="search",
        train=cell.train,
        evaluations=cell.evaluations,
        trial=trial,
        trials_planned=3,
        seed=drawn.seed,
        hparams=drawn.hparams,
        status=status or ("complete" if values else "diverged"),
        results=tuple(results),
        identity={"code x": "1a2b", "device": "cpu"},
        data={"val": SplitData(fingerprint="val", boxes="aaaa")},
    )


def choose(plan: Plan, records: list[RunRecord], **more: Any) -> list[Choice | Unsealed]:
    by_trial = {record.trial: record for record in records}
    return [sealing.choose(plan.cells[0], e, by_trial, **more) for e in plan.cells[0].evaluations]


def chosen(plan: Plan, records: list[RunRecord], **more: Any) -> list[Choice]:
    found = choose(plan, records, **more)
    assert all(isinstance(choice, Choice) for choice in found), found
    return [choice for choice in found if isinstance(choice, Choice)]


def unsealed(plan: Plan, records: list[RunRecord], **more: Any) -> list[Unsealed]:
    found = choose(plan, records, **more)
    assert all(isinstance(recipe, Unsealed) for recipe in found), found
    return [recipe for recipe in found if isinstance(recipe, Unsealed)]


def test_each_recipe_gets_its_best_trial_and_ties_go_to_the_first(plan: Plan) -> None:
    choices = chosen(plan, [record(plan, 0, [1, 5]), record(plan, 1, [3, 5]), record(plan, 2, [2, 4])])
    assert [(c.trial, c.value, c.trials_done, c.chosen_among) for c in choices] == [(1, 3, 3, 3), (0, 5, 3, 3)]
    assert choices[0].hparams == plan.cells[0].trials[1].hparams
    assert choices[0].identity == {"code x": "1a2b", "device": "cpu", "data val boxes": "aaaa"}


def test_the_records_that_the_choice_was_made_among_are_sealed_with_it(plan: Plan) -> None:
    records = [record(plan, 0, [1, 5]), record(plan, 1, None), record(plan, 2, [2, 4])]
    complete = {f"t{index}": record_hash(records[index]) for index in (0, 2)}
    assert [choice.records for choice in chosen(plan, records)] == [complete, complete]


def test_smaller_is_better_where_the_metric_says_so(plan: Plan) -> None:
    records = [record(plan, i, [v, v], higher_is_better=False) for i, v in enumerate([3.0, 1.0, 2.0])]
    assert [c.trial for c in chosen(plan, records)] == [1, 1]


@settings(deadline=None, max_examples=100)
@given(
    st.permutations(range(3)),
    st.lists(st.one_of(st.sampled_from(WITHOUT), st.floats(-100, 100)), min_size=3, max_size=3),
    st.booleans(),
)
def test_nan_and_infinities_are_never_best(order: list[int], values: list[float], larger: bool) -> None:
    recipe = {"method": "cam", "backbone": "tiny"}
    content = {"name": "s", "benchmark": "sprites", "trials": 3, "seeds": 2, "recipes": [recipe]}
    plan = make_plan(validate_study(content, "s"), load_plugins())
    records = [record(plan, i, [v], higher_is_better=larger) for i, v in enumerate(values)]
    found = choose(plan, [records[i] for i in order])[0]
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        assert isinstance(found, Unsealed)
        assert (found.cause, "NaN or infinite in every complete trial" in found.reason) == ("none", True)
    else:
        assert isinstance(found, Choice)
        best = max(finite) if larger else min(finite)
        assert (found.value, found.trial) == (best, values.index(best))
        assert (found.trials_done, found.chosen_among) == (len(finite), 3)


def test_a_recipe_without_a_finite_score_does_not_block_the_other_one(plan: Plan) -> None:
    first, second = choose(plan, [record(plan, i, [NAN, 3.0]) for i in range(3)])
    assert isinstance(first, Unsealed)
    assert isinstance(second, Choice)
    assert first.recipe.endswith("(cam, minmax)")


def test_diverged_trials_count_as_done_but_are_never_chosen(plan: Plan) -> None:
    choices = chosen(plan, [record(plan, 0, None), record(plan, 1, [3, 5]), record(plan, 2, None)])
    assert [(c.trial, c.trials_done, c.chosen_among) for c in choices] == [(1, 1, 3), (1, 1, 3)]
    nothing = unsealed(plan, [record(plan, i, None) for i in range(3)])
    assert {(recipe.cause, recipe.reason) for recipe in nothing} == {
        ("none", "no trial is complete, so none can be chosen")
    }


def test_no_choice_while_a_trial_is_missing_or_failed(plan: Plan) -> None:
    two = [record(plan, 0, [1, 1]), record(plan, 1, [2, 2])]
    assert {r.cause for r in unsealed(plan, two)} == {"missing"}
    assert unsealed(plan, two)[0].reason == "1 of 3 trials have no record; search first"
    failed = [*two, record(plan, 2, None, "failed")]
    assert {r.cause for r in unsealed(plan, failed)} == {"failed"}
    assert "1 of 3 trials failed; run the search again" in unsealed(plan, failed)[0].reason
    assert [(c.trial, c.trials_done, c.chosen_among) for c in chosen(plan, failed, accept_failures=True)] == [
        (1, 2, 3)
    ] * 2


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"identity": {"code x": "3c4d", "device": "cpu"}}, "code x: 1a2b in t0, 3c4d in t2"),
        ({"identity": {"code x": "1a2b", "device": "cuda"}}, "device: cpu in t0, cuda in t2"),
        ({"identity": {"device": "cpu"}}, "code x: 1a2b in t0, none in t2"),
        ({"data": {"val": SplitData(fingerprint="val", boxes="bbbb")}}, "data val boxes: aaaa in t0, bbbb in t2"),
    ],
)
def test_trials_of_other_code_or_data_are_not_compared(plan: Plan, change: dict[str, Any], line: str) -> None:
    records = [record(plan, i, [1, 1]) for i in range(3)]
    records[2] = records[2].model_copy(update=change)
    first = unsealed(plan, records)[0]
    assert first.cause == "differ"
    assert first.reason == (
        f"its trials differ: {line}; give the study another name and search again, or add --accept-changes to choose "
        "among them, which marks the rows"
    )
    assert [choice.changes for choice in chosen(plan, records, accept_changes=True)] == [(line,), (line,)]
    records[2] = records[2].model_copy(update={"changes": (line,)})  # the user has accepted it
    assert [choice.changes for choice in chosen(plan, records)] == [(line,), (line,)]
    diverged = records[2].model_copy(update={"changes": (), "status": "diverged"})
    assert [choice.trial for choice in chosen(plan, [*records[:2], diverged])] == [0, 0]


def draft(choice: Choice, plan: Plan, **changes: Any) -> SealedChoice:
    fields: dict[str, Any] = {"study": "s", "plan": plan.key, "number": 0, "group": 0, "seeds": (11, 12)}
    return SealedChoice(**dict(choice), **{**fields, "after_test": False, "sealed_at": "now", **changes})


@pytest.fixture
def sealed(plan: Plan, tmp_path: Path) -> Path:
    """Both recipes, sealed in two calls."""
    records = [record(plan, 0, [1, 5]), record(plan, 1, [3, 5]), record(plan, 2, [2, 4])]
    path = tmp_path / "selection.jsonl"
    for choice in chosen(plan, records):
        sealing.seal_choices(path, [draft(choice, plan)])
    return path


def test_the_folder_of_the_data_set_is_no_part_of_a_choice(plan: Plan, sealed: Path) -> None:
    selection = sealing.read_selection(sealed)
    for choice in selection.choices:
        run, options = identity(plan, choice), {**choice.train.benchmark.options, "root": "/elsewhere"}
        moved = choice.train.model_copy(
            update={"benchmark": choice.train.benchmark.model_copy(update={"options": options})}
        )
        assert sealing.check_sealed(sealed, run.model_copy(update={"train": moved})) == (choice,)
        assert selection.find(moved, choice.evaluation) == choice
        other = moved.model_copy(update={"benchmark": moved.benchmark.model_copy(update={"name": "other"})})
        assert selection.find(other, choice.evaluation) is None


def test_choices_are_added_and_never_change(plan: Plan, sealed: Path) -> None:
    selection = sealing.read_selection(sealed)
    assert [(c.number, c.group, c.trial) for c in selection.choices] == [(1, 1, 1), (2, 2, 0)]
    assert [c.previous for c in selection.choices] == ["", selection.choices[0].seal]
    assert selection.seal == selection.choices[1].seal
    before = sealed.read_bytes()
    with pytest.raises(wsol.SealError, match="a recipe is sealed already"):
        sealing.seal_choices(sealed, [selection.choices[0]])
    assert sealing.seal_choices(sealed, []) == selection
    assert sealed.read_bytes() == before


def _edit(lines: list[str]) -> list[str]:
    content = json.loads(lines[0])
    return [json.dumps({**content, "trial": 2}), lines[1]]


@pytest.mark.parametrize(
    "change", [_edit, lambda lines: lines[::-1], lambda lines: lines[1:], lambda lines: [*lines, lines[1]]]
)
def test_a_changed_selection_is_an_error(sealed: Path, change: Any) -> None:
    sealed.write_text("".join(line + "\n" for line in change(sealed.read_text().splitlines())))
    with pytest.raises(wsol.SealError, match=r"selection\.jsonl:\d: the selection was changed after it was sealed"):
        sealing.read_selection(sealed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a sealed choice"),
        ("[]", "not a sealed choice"),
        ('{"schema_version": 1}', "selection of schema version 1"),
    ],
)
def test_a_broken_or_other_selection_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "selection.jsonl"
    path.write_text(text)
    with pytest.raises(wsol.SealError, match=rf"selection\.jsonl:1: {message}"):
        sealing.read_selection(path)


def test_a_selection_that_cannot_be_written_stays_as_it_was(plan: Plan, tmp_path: Path) -> None:
    (choice, _) = chosen(plan, [record(plan, i, [1, 1]) for i in range(3)])
    (tmp_path / "file").write_text("")
    with pytest.raises(wsol.DataError, match="the selection cannot be written"):
        sealing.seal_choices(tmp_path / "file" / "selection.jsonl", [draft(choice, plan)])


def identity(plan: Plan, choice: SealedChoice, **changes: Any) -> RunIdentity:
    run = RunIdentity(
        run_id="final",
        study="s",
        plan=plan.key,
        stage="final",
        train=choice.train,
        evaluations=(choice.evaluation,),
        trial=choice.trial,
        trials_planned=3,
        seed=choice.seeds[0],
        hparams=choice.hparams,
    )
    return run.model_copy(update=changes)


def opening(choice: SealedChoice, head: LedgerHead | None) -> TestOpening:
    return TestOpening(selection=choice.seal, evaluations=1, ledger=head)


@pytest.fixture
def choice(sealed: Path) -> SealedChoice:
    return sealing.read_selection(sealed).choices[0]


def test_a_sealed_run_with_a_line_in_the_ledger_may_open_test(
    plan: Plan, sealed: Path, choice: SealedChoice, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    head = append(ledger, LedgerEntry(kind="final", run="final", data="d"))
    sealing.check_opening(sealed, ledger, identity(plan, choice), opening(choice, head))
    sealing.check_opening(sealed, ledger, identity(plan, choice, seed=choice.seeds[1]), opening(choice, head))
    with pytest.raises(wsol.SealError, match="not of the choices that its opening names"):
        sealing.check_opening(
            sealed, ledger, identity(plan, choice), TestOpening(selection="x", evaluations=1, ledger=head)
        )
    for unknown in (None, LedgerHead(lines=2, hash="0"), LedgerHead(lines=1, hash="0")):
        with pytest.raises(wsol.SealError, match="has no line for run final; test data were not opened"):
            sealing.check_opening(sealed, ledger, identity(plan, choice), opening(choice, unknown))


@pytest.mark.parametrize(
    "change", [{"seed": 3}, {"hparams": {"method.lr": 0.5}}, {"trial": 0}, {"plan": "x"}, {"evaluations": ()}]
)
def test_an_unsealed_run_does_not_open_test(
    plan: Plan, sealed: Path, choice: SealedChoice, change: dict[str, Any]
) -> None:
    if "evaluations" in change:
        change = {"evaluations": plan.cells[0].evaluations}  # the second one chose another trial
    with pytest.raises(wsol.SealError, match="test data were not opened"):
        sealing.check_sealed(sealed, identity(plan, choice).model_copy(update=change))


def test_without_a_selection_test_stays_closed(plan: Plan, choice: SealedChoice, tmp_path: Path) -> None:
    with pytest.raises(wsol.SealError, match="no sealed selection"):
        sealing.check_sealed(tmp_path / "nowhere.jsonl", identity(plan, choice))


def test_a_recipe_is_named_by_its_cell_and_evaluation(plan: Plan) -> None:
    cell: TrainingCell = plan.cells[0]
    assert sealing.recipe_name(cell, cell.evaluations[1]) == f"{cell.slug} (cam, none)"
    assert Selection().seal == ""
