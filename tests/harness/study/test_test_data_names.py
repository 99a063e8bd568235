"""Names of test data: any change of ids, labels or annotation files is another name, and nothing is parsed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.data_sets import edit, ids, write_data
from wsol.plugins import load_plugins
from wsol.recipes import ComponentRef
from wsol.study.test_data_names import TestDataNames, hash_test_data


def name(root: Path) -> str:
    return hash_test_data(load_plugins().create("benchmarks", "cub", {"root": str(root)}))


def _box(root: Path) -> None:
    edit(root / "metadata" / "test" / "localization.txt", 1, f"{ids('test')[0]},1,1,3,3")


def _nonsense(root: Path) -> None:
    (root / "metadata" / "test" / "localization.txt").write_text("not parsed")


def _label(root: Path) -> None:
    edit(root / "metadata" / "test" / "class_labels.txt", 1, f"{ids('test')[0]},1")


@pytest.mark.parametrize("change", [_box, _nonsense, _label])
def test_another_name_for_every_change_of_test(tmp_path: Path, change: Callable[[Path], None]) -> None:
    root = write_data(tmp_path / "data")
    before = name(root)
    assert name(write_data(tmp_path / "copy")) == before
    change(root)
    assert name(root) != before


def test_val_is_no_part_of_it(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    before = name(root)
    edit(root / "metadata" / "val" / "localization.txt", 1, f"{ids('val')[0]},1,1,3,3")
    assert name(root) == before


def test_a_benchmark_is_asked_once_and_no_annotation_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = load_plugins()
    benchmark = plugins.get("benchmarks", "sprites")
    monkeypatch.setattr(benchmark, "annotations", lambda self, split: pytest.fail("annotations were read"))
    names, ref = TestDataNames(plugins), ComponentRef(name="sprites")
    first = names.of(ref)
    monkeypatch.setattr(benchmark, "images", lambda self, split: pytest.fail("asked again"))
    assert names.of(ref) == first
