from __future__ import annotations

from typing import Any

import pytest

import wsol
from wsol.plugins import load_plugins
from wsol.recipes import ComponentRef, EvalSpec, filled
from wsol.study.config import validate_study
from wsol.study.plan import Plan, final_seeds, make_plan, sweeps


def plan(**changes: Any) -> Plan:
    content = {"name": "s", "benchmark": "sprites", "trials": 3, "recipes": [{"method": "cam", "backbone": "tiny"}]}
    return make_plan(validate_study({**content, **changes}, "s"), load_plugins())


def grid(**parts: Any) -> list[dict[str, Any]]:
    return [{"method": "cam", "backbone": "tiny", **parts}]


def test_a_grid_is_a_product_over_what_is_trained() -> None:
    made = plan(recipes=grid(method=[{"name": "cam", "lr": 0.1}, "cam"], backbone=["tiny", "resnet18"]))
    assert len(made.cells) == 4
    assert len({cell.key for cell in made.cells}) == 4
    assert len({cell.slug for cell in made.cells}) == 4


def test_normalizers_share_one_training() -> None:
    made = plan(recipes=grid(normalizer=["minmax", "none"]))
    assert len(made.cells) == 1
    assert [e.refs("normalizer")[0].name for e in made.cells[0].evaluations] == ["minmax", "none"]


def test_grids_that_name_one_training_are_merged() -> None:
    made = plan(recipes=grid() + grid(normalizer="none", trials=5) + grid(trials=4))
    assert len(made.cells) == 1
    assert len(made.cells[0].evaluations) == 2
    assert len(made.cells[0].trials) == 5


def test_a_grid_skips_the_benchmarks_it_names() -> None:
    others = [{"method": "center", "skip": "sprites"}, {"method": "cam", "backbone": "resnet18"}]
    made = plan(benchmark=["sprites", {"name": "sprites", "seed": 1}], recipes=grid() + others)
    assert [(c.train.method.name, *(ref.name for ref in c.train.refs("backbone"))) for c in made.cells] == [
        ("cam", "tiny"),
        ("cam", "resnet18"),
    ] * 2
    with pytest.raises(wsol.UsageError, match="unknown benchmark 'sprits'; did you mean 'sprites'"):
        plan(recipes=grid(skip=["sprits"]))
    with pytest.raises(wsol.UsageError, match="nothing to train"):
        plan(recipes=grid(skip="sprites"))


def test_parts_that_a_method_ignores_add_no_cells() -> None:
    made = plan(recipes=[{"method": "center", "backbone": ["tiny", "resnet18"], "extractor": "cam"}])
    assert len(made.cells) == 1
    assert made.cells[0].train.ref("backbone") is None
    assert made.cells[0].evaluations[0].ref("extractor") is None
    assert len(made.cells[0].trials) == 1  # nothing to draw


def test_more_trials_keep_the_first_and_another_option_changes_no_draw() -> None:
    few, many = plan(trials=3).cells[0].trials, plan(trials=6).cells[0].trials
    assert many[:3] == few
    more = plan(recipes=grid(method={"name": "cam", "momentum": {"uniform": [0.5, 0.9]}})).cells[0].trials
    assert [t.hparams["method.lr"] for t in more] == [t.hparams["method.lr"] for t in few]
    assert {"method.momentum", "method.lr"} == set(more[0].hparams)
    other = plan(seed=1).cells[0].trials
    assert other[0].hparams != few[0].hparams
    assert other[0].seed != few[0].seed


def test_a_fixed_option_is_not_drawn_and_a_given_distribution_replaces_the_default() -> None:
    assert plan(recipes=grid(method={"name": "cam", "lr": 0.1})).cells[0].trials[0].hparams == {}
    trials = plan(recipes=grid(method={"name": "cam", "lr": {"uniform": [2, 3]}}), trials=20).cells[0].trials
    assert all(2 <= trial.hparams["method.lr"] < 3 for trial in trials)


def test_the_key_depends_on_everything_but_counts() -> None:
    base = plan().key
    assert plan(trials=9, seeds=5, resources={"cpus": 2}).key == base
    for change in (
        {"seed": 1},
        {"name": "t"},
        {"recipes": grid(backbone={"name": "tiny", "stride": 4})},
        {"recipes": grid(normalizer="none")},
        {"schedule": {"epochs": 1}},
        {"metrics": ["pxap"]},
        {"protocol": "wsoleval-v1"},
    ):
        assert plan(**change).key != base, change


def test_schedule_comes_from_benchmark_study_and_grid_in_that_order() -> None:
    made = plan(schedule={"epochs": 7, "decay": 0.5}, recipes=grid(schedule={"epochs": 2}))
    schedule = made.cells[0].train.schedule
    assert (schedule.epochs, schedule.decay) == (2, 0.5)
    benchmark = load_plugins().get("benchmarks", "sprites")
    assert schedule.batch_size == benchmark.schedule.batch_size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"benchmark": "sprits"}, "unknown benchmark 'sprits'; did you mean 'sprites'"),
        ({"recipes": grid(method="cm")}, "unknown method"),
        ({"recipes": grid(method={"name": "cam", "lrr": 1})}, "unknown key 'lrr'; did you mean 'lr'"),
        ({"recipes": grid(method={"name": "cam", "lr": -1})}, "method 'cam': lr"),
        ({"recipes": grid(method={"name": "cam", "lr": {"uniform": [-2, -1]}})}, "method 'cam': lr"),
        ({"recipes": grid(method={"name": "cam", "lrr": {"uniform": [1, 2]}})}, "unknown key 'lrr'"),
        ({"recipes": grid(backbone={"name": "tiny", "stride": 5})}, "stride"),
        ({"metrics": ["maxbox"]}, "unknown metric 'maxbox'"),
        ({"protocol": "wsoleval-v3"}, "did you mean 'wsoleval-v"),
        ({"recipes": grid(box_rule={"name": "threshold", "theta": {"uniform": [0, 1]}})}, "needs a choice"),
    ],
)
def test_mistakes_are_found_before_training(change: dict[str, Any], message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        plan(**change)


def test_sweeps_are_all_combinations_of_open_choices() -> None:
    plugins = load_plugins()
    rule = ComponentRef(name="threshold", search={"theta": {"choice": [0.1, 0.2]}})
    evaluation = EvalSpec(parts=filled(normalizer=ComponentRef(name="minmax"), box_rule=rule))
    assert sweeps(evaluation, plugins) == [{"box_rule.theta": 0.1}, {"box_rule.theta": 0.2}]
    assert sweeps(EvalSpec(parts=filled(normalizer=ComponentRef(name="minmax"))), plugins) == [{}]
    fixed = ComponentRef(name="threshold", options={"theta": 0.3})
    assert sweeps(EvalSpec(parts=filled(box_rule=fixed)), plugins) == [{}]


def test_final_seeds_differ_from_the_trials() -> None:
    made = plan(seeds=4, trials=10)
    seeds = final_seeds(made.study)
    assert len(set(seeds) | {t.seed for t in made.cells[0].trials}) == 14


def test_a_missing_file_is_reported_with_the_folder_that_it_is_looked_up_in(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(wsol.DataError) as raised:
        plan(recipes=grid(method={"name": "psol", "boxes": "gone.csv"}))
    assert str(raised.value) == f"method 'psol': boxes: no such file: gone.csv in the working directory {tmp_path}"


@pytest.mark.parametrize("drawn", [False, True])
def test_every_file_that_may_be_drawn_must_exist(tmp_path, drawn: bool) -> None:
    there, gone = tmp_path / "there.csv", tmp_path / "gone.csv"
    there.touch()
    boxes = {"choice": ["ddt", str(there), str(gone)]} if drawn else str(gone)
    with pytest.raises(wsol.DataError, match=r"method 'psol': boxes: no such file: .*gone\.csv$"):
        plan(recipes=grid(method={"name": "psol", "boxes": boxes}))
    assert plan(recipes=grid(method={"name": "psol", "boxes": str(there)})).cells


@pytest.mark.parametrize("backbone", ["resnet18", {"name": "resnet18", "weights": "gone.pth"}])
def test_files_of_components_that_options_name_must_exist(backbone: Any) -> None:
    method = {"name": "psol", "ddt_backbone": {"name": "resnet18", "weights": "gone.pth"}}
    with pytest.raises(wsol.DataError, match=r"backbone 'resnet18': (ddt_backbone\.)?weights: no such file: gone\.pth"):
        plan(recipes=grid(method=method, backbone=backbone))
