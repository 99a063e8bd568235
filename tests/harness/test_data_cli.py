"""``wsol data``: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_sets import edit, ids, write_data, write_image
from typer.testing import CliRunner

from wsol.cli.data import data_app
from wsol.errors import DataError, UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def run(*arguments: str):
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


def test_info_says_what_to_get() -> None:
    result = run("info", "cub")
    assert result.exit_code == 0
    for text in ("CUB_200_2011.tgz", "non-commercial", "Wah", "wsol data check cub"):
        assert text in result.output


def test_a_whole_data_set_passes(root: Path) -> None:
    result = run("check", "cub", "--root", root)
    assert result.exit_code == 0, result.output
    assert "no problem found" in result.output


def test_problems_are_listed_by_kind_and_exit_with_3(root: Path) -> None:
    for split in ("val", "test"):
        edit(root / "metadata" / split / "localization.txt", 1, f"{ids(split)[0]},9,9,1,1")
    write_image(root / "images" / ids("val")[0], seed=0, size=(3, 3))
    result = run("check", "cub", "--root", root, "--limit", 1)
    assert result.exit_code == 3
    assert "bad box: 2" in result.output
    assert "and 1 more" in result.output
    assert "wrong size: 1" in result.output
    assert run("check", "cub", "--root", root, "--split", "train").exit_code == 0


def test_json_has_every_problem(root: Path) -> None:
    (root / "images" / ids("test")[1]).unlink()
    result = run("check", "cub", "--root", root, "--json")
    report = json.loads(result.stdout)
    assert report["counts"] == {"unreadable image": 1}
    assert report["splits"][2]["problems"][0]["message"].endswith("no such image")


def test_cache_decodes_ahead(root: Path, tmp_path: Path) -> None:
    result = run("cache", "cub", "--root", root, "--cache", tmp_path / "cache", "--split", "val")
    assert result.exit_code == 0, result.output
    (file,) = (tmp_path / "cache").glob("*.u8")
    assert str(file) in result.output.replace("\n", "")
    assert file.stat().st_size == 2 * 3 * 224 * 224


def test_wrong_names_and_folders_are_expected_errors(tmp_path: Path) -> None:
    assert isinstance(run("check", "cup").exception, UsageError)
    assert isinstance(run("cache", "cub", "--root", tmp_path).exception, DataError)
    assert run("check", "cub", "--root", tmp_path).exit_code == 3
