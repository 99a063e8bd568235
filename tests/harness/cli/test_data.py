"""``wsol data``: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress
from typer.testing import CliRunner

from tests.support.data_sets import edit, ids, write_data, write_image
from wsol.cli.data import data_app
from wsol.cli.data_common import progress_bars
from wsol.errors import DataError, UsageError
from wsol.files import MARGIN
from wsol.plugins import load_plugins
from wsol.study.ledger import read_ledger
from wsol.study.test_data_names import hash_test_data


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results folder, which holds the ledger of inspections."""
    monkeypatch.setenv("WSOL_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def run(*arguments: str):
    return CliRunner().invoke(data_app, [str(argument) for argument in arguments])


def test_info_lists_what_to_download() -> None:
    result = run("info", "cub")
    assert result.exit_code == 0
    for text in ("CUB_200_2011.tgz", "non-commercial", "Wah", "wsol data check cub"):
        assert text in result.output


def test_a_complete_data_set_passes(root: Path) -> None:
    result = run("check", "cub", "--root", root)
    assert result.exit_code == 0, result.output
    assert "no problem found" in result.output


def test_problems_are_listed_by_kind_and_exit_with_3(root: Path) -> None:
    for split in ("val", "test"):
        edit(root / "metadata" / split / "localization.txt", 1, f"{ids(split)[0]},9,9,1,1")
    write_image(root / "images" / ids("val")[0], seed=0, size=(3, 3))
    result = run("check", "cub", "--root", root, "--limit", 9)
    assert result.exit_code == 3
    assert "bad box: 2" in result.output
    assert f"box (9, 9, 1, 1) of '{ids('val')[0]}' ends before it starts" in result.output.replace("\n", "")
    assert f"localization.txt: '{ids('test')[0]}' (annotations of test)" in result.output.replace("\n", "")
    assert "of test's annotations only the form was checked" in result.output
    assert "wrong size: 1" in result.output
    of_test = run("check", "cub", "--root", root, "--split", "test")
    assert of_test.exit_code == 3
    assert "bad box: 1" in of_test.output
    for split in ("val", "test"):
        edit(root / "metadata" / split / "localization.txt", 2, f"{ids(split)[1]},9,9,1,1")
    limited = run("check", "cub", "--root", root, "--split", "test", "--limit", 1)
    assert "bad box: 2" in limited.output
    assert "and 1 more" in limited.output
    assert run("check", "cub", "--root", root, "--split", "train").exit_code == 0


def test_reading_annotations_of_test_is_written_to_the_ledger_first(root: Path, results: Path) -> None:
    for arguments in ((), ("--split", "val"), ("--split", "train")):
        assert run("check", "cub", "--root", root, *arguments).exit_code == 0
    assert not results.exists()
    assert run("check", "cub", "--root", root, "--split", "test").exit_code == 0
    benchmark = load_plugins().create("benchmarks", "cub", {"root": str(root)})
    (line,) = read_ledger(results / "ledger.jsonl").entries
    assert (line.kind, line.run, line.cells, line.data) == (
        "inspection",
        "wsol data check cub",
        (),
        hash_test_data(benchmark),
    )
    assert run("check", "cub", "--root", root, "--split", "test", "--out", results / "other").exit_code == 0
    assert len(read_ledger(results / "other" / "ledger.jsonl").entries) == 1


def test_nothing_is_read_where_the_ledger_cannot_be_written(root: Path, results: Path, monkeypatch: Any) -> None:
    results.mkdir()
    (results / "ledger.jsonl").mkdir()
    monkeypatch.setattr(load_plugins().get("benchmarks", "cub"), "examine", lambda *given: pytest.fail("read"))
    result = run("check", "cub", "--root", root, "--split", "test")
    assert isinstance(result.exception, DataError)
    assert "test data were not opened" in str(result.exception)


def test_missing_data_of_test_are_no_inspection(tmp_path: Path, results: Path) -> None:
    assert run("check", "cub", "--root", tmp_path / "nowhere", "--split", "test").exit_code == 3
    assert not results.exists()


def test_broken_data_of_test_are_listed_and_inspected(root: Path, results: Path) -> None:
    (root / "metadata" / "test" / "class_labels.txt").write_text("nonsense")
    assert run("check", "cub", "--root", root, "--split", "test").exit_code == 3
    assert [line.data for line in read_ledger(results / "ledger.jsonl").entries] == [""]


def test_json_has_every_problem(root: Path) -> None:
    (root / "images" / ids("test")[1]).unlink()
    result = run("check", "cub", "--root", root, "--json", "--split", "test")
    report = json.loads(result.stdout)
    assert report["counts"] == {"unreadable image": 1}
    assert report["splits"][0]["problems"][0]["message"].endswith("no such image")
    without_annotations = json.loads(run("check", "cub", "--root", root, "--json").stdout)
    assert without_annotations["counts"] == {"unreadable image": 1}


def test_cache_decodes_a_split(root: Path, tmp_path: Path) -> None:
    result = run("cache", "cub", "--root", root, "--cache", tmp_path / "cache", "--split", "val")
    assert result.exit_code == 0, result.output
    (file,) = (tmp_path / "cache").glob("*.u8")
    assert str(file) in result.output.replace("\n", "")
    assert file.stat().st_size == 2 * 3 * 224 * 224


def test_the_space_for_all_splits_is_printed_and_checked_before_decoding(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("cache", "cub", "--root", root, "--cache", tmp_path / "cache")
    size = 3 * (4 * 256**2 + (2 + 2) * 224**2)
    usage = type("Usage", (), {"free": MARGIN + size - 1})  # enough for any split alone
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda folder: usage)
        result = run(*command)
        assert isinstance(result.exception, DataError)
        assert "decoded images need 1 MiB" in str(result.exception)
        assert not list((tmp_path / "cache").glob("*.u8"))
    first = run(*command, "--split", "train")
    assert f"will take {3 * 4 * 256**2 / 2**20:.1f} MiB more in" in first.output
    rest = run(*command)
    assert f"will take {3 * 4 * 224**2 / 2**20:.1f} MiB more in" in rest.output
    assert "will take" not in run(*command).output


def test_options_of_the_benchmark_can_be_set(root: Path, tmp_path: Path) -> None:
    without = run("check", "cub", "--root", root)
    assert without.exit_code == 0, without.output
    checked = run("check", "cub", "--root", root, "--set", "segmentations=true", "--split", "test")
    assert checked.exit_code == 3
    assert "segmentations=true needs it" in checked.output
    cached = run("cache", "cub", "--root", root, "--cache", tmp_path / "cache", "--set", "segmentatoins=true")
    assert isinstance(cached.exception, UsageError)
    assert "segmentations" in str(cached.exception)


def test_each_split_has_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[str] = []
    add = Progress.add_task
    monkeypatch.setattr(
        Progress, "add_task", lambda self, name, **rest: (added.append(name), add(self, name, **rest))[1]
    )
    with progress_bars() as advance:
        for part in ("train", "val"):
            for done in range(3):
                advance(part, done, 3)
    assert added == ["train", "val"]


def test_wrong_names_and_folders_are_expected_errors(tmp_path: Path) -> None:
    assert isinstance(run("check", "cup").exception, UsageError)
    assert isinstance(run("cache", "cub", "--root", tmp_path).exception, DataError)
    assert run("check", "cub", "--root", tmp_path).exit_code == 3
