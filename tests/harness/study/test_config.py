from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import wsol
from wsol.recipes import PARTS
from wsol.study.config import apply_override, load_study, shipped_studies, validate_study

MINIMAL: dict[str, Any] = {"name": "s", "benchmark": "sprites", "recipes": [{"method": "cam"}]}


def write(path: Path, content: Any) -> str:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def test_names_and_single_entries_are_accepted_for_lists(tmp_path: Path) -> None:
    study = load_study(write(tmp_path / "s.yaml", MINIMAL))
    assert [b.name for b in study.benchmark] == ["sprites"]
    grid = study.recipes[0]
    assert [m.name for m in grid.method] == ["cam"]
    assert grid.choices(PARTS["backbone"]) == [()]
    assert grid.choices(PARTS["augmentation"]) == [()]


def test_values_are_fixed_and_distributions_searched() -> None:
    method = {"name": "cam", "lr": {"loguniform": [1e-4, 1e-1]}, "momentum": 0.5}
    ref = validate_study({**MINIMAL, "recipes": [{"method": method}]}, "s").recipes[0].method[0].ref()
    assert ref.options == {"momentum": 0.5}
    assert ref.search == {"lr": {"loguniform": [1e-4, 1e-1]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trails": 3}, r"s\.yaml: unknown key 'trails'; did you mean 'trials'\?"),
        (
            {"recipes": [{"method": "cam", "bakbone": "x"}]},
            r"unknown key 'recipes\.0\.bakbone'; did you mean 'backbone'",
        ),
        ({"schedule": {"epoch": 3}}, r"unknown key 'schedule\.epoch'; did you mean 'epochs'"),
        ({"trials": 0}, r"trials: Input should be greater than or equal to 1"),
        ({"resources": {"gpus": 0.4}}, r"a fraction of a GPU must be 1/k"),
        ({"recipes": []}, "recipes"),
        ({"name": "a/b"}, "name"),
    ],
)
def test_invalid_keys_and_values_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        load_study(write(tmp_path / "s.yaml", {**MINIMAL, **change}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"s\.yaml: not valid YAML"),
        ("- 1", "a study is a mapping"),
        ("name: s\nname: t\n", "the key 'name' occurs twice"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        load_study(write(tmp_path / "s.yaml", text))


def test_exponents_are_numbers(tmp_path: Path) -> None:
    text = "name: s\nbenchmark: sprites\nrecipes: [{method: {name: cam, lr: 1e-5}}]\n"
    assert load_study(write(tmp_path / "s.yaml", text)).recipes[0].method[0].ref().options == {"lr": 1e-5}


def test_overrides_reach_into_lists_and_turn_names_into_components() -> None:
    content = {"benchmark": "sprites", "recipes": [{"method": ["cam", "has"]}], "trials": 3}
    apply_override(content, "trials=5")
    apply_override(content, "schedule.epochs=2")
    apply_override(content, "recipes.0.method.1={name: has, drop_rate: 0.5}")
    apply_override(content, "benchmark.root=/data")
    assert content == {
        "benchmark": {"name": "sprites", "root": "/data"},
        "recipes": [{"method": ["cam", {"name": "has", "drop_rate": 0.5}]}],
        "trials": 5,
        "schedule": {"epochs": 2},
    }


def test_an_override_reaches_into_names_in_a_list() -> None:
    content: dict[str, Any] = {"benchmark": ["cub", "sprites"]}
    apply_override(content, "benchmark.0.root=/data")
    assert content == {"benchmark": [{"name": "cub", "root": "/data"}, "sprites"]}


@pytest.mark.parametrize("given", ["sprites", {"name": "sprites"}, ["sprites"], [{"name": "sprites"}]])
def test_an_override_of_index_0_reaches_a_single_entry(given: Any) -> None:
    content: dict[str, Any] = {"name": "s", "benchmark": given, "recipes": [{"method": "cam"}]}
    apply_override(content, "benchmark.0.name=folder")
    apply_override(content, "benchmark.0.root=/data")
    (benchmark,) = validate_study(content, "s").benchmark
    assert (benchmark.name, benchmark.ref().options) == ("folder", {"root": "/data"})


@pytest.mark.parametrize(
    "bad", ["trials", "=3", "recipes.7.method=cam", "trials.x=1", "a=[", "recipes.x=1", "trial_list.0.x=1"]
)
def test_bad_overrides_are_usage_errors(bad: str) -> None:
    with pytest.raises(wsol.UsageError, match="--set"):
        apply_override({"trials": 3, "recipes": [{}], "trial_list": [3]}, bad)


def test_unknown_study_has_a_suggestion() -> None:
    with pytest.raises(wsol.UsageError, match=r"unknown study 'quickstrat'; did you mean 'quickstart'\?"):
        load_study("quickstrat")
    with pytest.raises(wsol.UsageError, match="no such file"):
        load_study("nowhere.yaml")


def test_every_shipped_study_is_valid_and_described() -> None:
    paths = shipped_studies()
    assert "quickstart" in {path.stem for path in paths}
    for path in paths:
        study = load_study(str(path))
        assert study.name == path.stem
        assert study.description
