"""Choice and seal: only a sealed run opens test, and the ledger records every opening."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import wsol
from wsol.data.decoded import ImageCache
from wsol.plugins import load_plugins
from wsol.protocols import get_protocol
from wsol.records import MetricValue, Result, RunIdentity, RunRecord, record_hash
from wsol.study import ledger
from wsol.study import selection as sealing
from wsol.study.config import validate_study
from wsol.study.plan import Plan, make_plan


@pytest.fixture
def plan() -> Plan:
    recipe = {"method": "cam", "backbone": "tiny", "normalizer": ["minmax", "none"]}
    content = {"name": "s", "benchmark": "sprites", "trials": 3, "seeds": 2, "recipes": [recipe]}
    return make_plan(validate_study(content, "s"), load_plugins())


def record(plan: Plan, trial: int, values: list[float] | None, **changes: Any) -> RunRecord:
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
        status="complete" if values else "diverged",
        results=tuple(results),
    )


def choose(plan: Plan, records: list[RunRecord]) -> sealing.Selection:
    return sealing.choose(plan, records, {}, "now")


def test_each_recipe_gets_its_best_trial_and_ties_go_to_the_first(plan: Plan) -> None:
    selection = choose(plan, [record(plan, 0, [1, 5]), record(plan, 1, [3, 5]), record(plan, 2, [2, 4])])
    assert [(c.trial, c.value, c.trials_done) for c in selection.choices] == [(1, 3, 3), (0, 5, 3)]
    assert selection.choices[0].hparams == plan.cells[0].trials[1].hparams


def test_a_choice_names_the_records_that_it_was_made_among(plan: Plan) -> None:
    records = [record(plan, 0, [1, 5]), record(plan, 1, None), record(plan, 2, [2, 4])]
    first, second = choose(plan, records).choices
    assert first.records == second.records == {r.run_id: record_hash(r) for r in (records[0], records[2])}
    changed = records[0].model_copy(update={"seconds": 1.0})
    assert record_hash(changed) != record_hash(records[0])


def test_the_order_of_records_does_not_matter(plan: Plan) -> None:
    records = [record(plan, 0, [1, 5]), record(plan, 1, [3, 5]), record(plan, 2, [2, 4])]
    assert choose(plan, records).seal == choose(plan, records[::-1]).seal


def test_smaller_is_better_where_the_metric_says_so(plan: Plan) -> None:
    records = [record(plan, i, [v, v], higher_is_better=False) for i, v in enumerate([3.0, 1.0, 2.0])]
    assert [c.trial for c in choose(plan, records).choices] == [1, 1]


def test_diverged_trials_count_as_done_but_are_never_chosen(plan: Plan) -> None:
    selection = choose(plan, [record(plan, 0, None), record(plan, 1, [3, 5]), record(plan, 2, None)])
    assert [(c.trial, c.trials_done) for c in selection.choices] == [(1, 1), (1, 1)]
    nothing = choose(plan, [record(plan, i, None) for i in range(3)])
    assert nothing.choices == ()
    assert nothing.unchosen == (plan.cells[0].slug,)


def test_no_choice_while_a_trial_is_missing(plan: Plan) -> None:
    with pytest.raises(wsol.UsageError, match="1 of 3 trials have no record"):
        choose(plan, [record(plan, 0, [1, 1]), record(plan, 1, [1, 1])])


@pytest.fixture
def sealed(plan: Plan, tmp_path: Path) -> Path:
    records = [record(plan, 0, [1, 5]), record(plan, 1, [3, 5]), record(plan, 2, [2, 4])]
    path = tmp_path / sealing.FILE_NAME
    sealing.write_selection(choose(plan, records), path)
    return path


def identity(plan: Plan, selection: sealing.Selection, **changes: Any) -> RunIdentity:
    choice = selection.choices[0]
    run = RunIdentity(
        run_id="final",
        study="s",
        plan=plan.key,
        stage="final",
        train=choice.train,
        evaluations=(choice.evaluation,),
        trial=choice.trial,
        trials_planned=3,
        seed=selection.seeds[0],
        hparams=choice.hparams,
    )
    return run.model_copy(update=changes)


def open_test(path: Path, run: RunIdentity, tmp_path: Path) -> Any:
    benchmark = load_plugins().create("benchmarks", "sprites")
    protocol = get_protocol("wsoleval-v2")
    return sealing.open_test(benchmark, path, tmp_path / "ledger.jsonl", run, protocol, ImageCache(tmp_path / "cache"))


def test_a_sealed_choice_opens_test_and_is_recorded_in_the_ledger(plan: Plan, sealed: Path, tmp_path: Path) -> None:
    selection = sealing.read_selection(sealed)
    data, opening = open_test(sealed, identity(plan, selection), tmp_path)
    assert len(data.ids) == 320
    assert opening.evaluations == 1
    assert opening.selection == selection.seal
    (line,) = ledger.read_ledger(tmp_path / "ledger.jsonl").entries
    assert line.cells == ("sprites/cam/tiny/gap/-/cam/minmax/-",)
    # the same selection with its other seed is the same evaluation
    _, again = open_test(sealed, identity(plan, selection, seed=selection.seeds[1]), tmp_path)
    assert again.evaluations == 1


@pytest.mark.parametrize(
    "change", [{"seed": 3}, {"hparams": {"method.lr": 0.5}}, {"trial": 0}, {"plan": "x"}, {"run": "evaluation"}]
)
def test_an_unsealed_run_does_not_open_test(plan: Plan, sealed: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    selection = sealing.read_selection(sealed)
    if "run" in change:
        change = {"evaluations": plan.cells[0].evaluations}  # the second one chose another trial
    with pytest.raises(wsol.SealError, match="test data were not opened"):
        open_test(sealed, identity(plan, selection).model_copy(update=change), tmp_path)
    assert not (tmp_path / "ledger.jsonl").exists()


def test_without_a_selection_test_stays_closed(plan: Plan, sealed: Path, tmp_path: Path) -> None:
    run = identity(plan, sealing.read_selection(sealed))
    with pytest.raises(wsol.SealError, match="no sealed selection"):
        open_test(tmp_path / "nowhere.json", run, tmp_path)


def test_a_changed_selection_is_an_error(plan: Plan, sealed: Path, tmp_path: Path) -> None:
    run = identity(plan, sealing.read_selection(sealed))
    content = json.loads(sealed.read_text())
    content["choices"][0]["trial"] = 2
    sealed.write_text(json.dumps(content))
    with pytest.raises(wsol.SealError, match="changed after it was sealed"):
        open_test(sealed, run, tmp_path)


def test_a_seal_cannot_be_replaced(plan: Plan, sealed: Path) -> None:
    same = sealing.read_selection(sealed)
    sealing.write_selection(same.model_copy(update={"sealed_at": "later"}), sealed)  # same choice: kept as it was
    assert sealing.read_selection(sealed).sealed_at == "now"
    other = choose(plan, [record(plan, i, [float(i), 1.0]) for i in range(3)])
    with pytest.raises(wsol.SealError, match="holds another sealed selection"):
        sealing.write_selection(other, sealed)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not a selection"), ("[]", "not a selection"), ('{"schema_version": 1}', "selection of schema version 1")],
)
def test_a_broken_or_other_selection_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / sealing.FILE_NAME
    path.write_text(text)
    with pytest.raises(wsol.SealError, match=rf"selection\.json: {message}"):
        sealing.read_selection(path)
