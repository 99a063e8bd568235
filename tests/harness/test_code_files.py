"""The files of a component's code, what they import, and which distribution installed a module."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from wsol import code_files
from wsol.code_files import CodeUnit, imported_units, installed_distribution, module_unit

SOURCE = """
from __future__ import annotations
import os.path, numpy as np
import beside
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import only_for_types
else:
    import otherwise
def late():
    from torch import nn
    from . import neighbour
    from .inner.deep import thing
    import importlib
    return importlib.import_module("named_in_text.module"), __import__("also_named")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "made_package"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner" / "table.csv").write_text("1,2")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop("made_package", None)


def test_a_module_belongs_to_its_top_level_package(package: Path) -> None:
    assert module_unit("made_package.inner.anything") == CodeUnit("made_package", package)


def test_a_module_outside_a_package_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "made_alone.py").write_text("")
    assert module_unit("made_alone") == CodeUnit("made_alone.py", tmp_path / "made_alone.py")


@pytest.mark.parametrize("module", ["sys", "no_such_module_anywhere", ""])
def test_code_without_a_file_has_no_unit(module: str) -> None:
    assert module_unit(module) is None


@pytest.mark.parametrize("change", ["inner/table.csv", "__init__.py", "inner/new.py", "data.bin"])
def test_every_file_of_a_package_counts(package: Path, change: str) -> None:
    unit = CodeUnit("made_package", package)
    before = unit.hash()
    (package / change).write_text("# another line")
    assert unit.hash() != before


def test_a_renamed_file_counts(package: Path) -> None:
    unit = CodeUnit("made_package", package)
    before = unit.hash()
    (package / "inner" / "table.csv").rename(package / "inner" / "tables.csv")
    assert unit.hash() != before


@pytest.mark.parametrize("cache", ["__pycache__/x.cpython-311.pyc", ".git/HEAD", "inner/.hidden", "old.pyc"])
def test_caches_do_not_count(package: Path, cache: str) -> None:
    unit = CodeUnit("made_package", package)
    before = unit.hash()
    (package / cache).parent.mkdir(exist_ok=True)
    (package / cache).write_text("cache")
    assert unit.hash() == before


def test_imports_are_found_wherever_they_are_executed(tmp_path: Path) -> None:
    for name in ("single.py", "neighbour.py", "beside.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    (tmp_path / "single.py").write_text(SOURCE)
    found = dict(imported_units(CodeUnit("single.py", tmp_path / "single.py")))
    assert set(found) == {
        "also_named", "beside", "inner", "named_in_text", "neighbour", "numpy", "otherwise", "torch",
    }  # fmt: skip
    assert found["beside"] == CodeUnit("beside.py", tmp_path / "beside.py")
    assert found["neighbour"] == CodeUnit("neighbour.py", tmp_path / "neighbour.py")
    assert found["inner"] == CodeUnit("inner", tmp_path / "inner")
    assert found["otherwise"] is None


def test_a_file_that_is_not_valid_python_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import (")
    assert list(imported_units(CodeUnit("broken.py", tmp_path / "broken.py"))) == []


@pytest.mark.parametrize(("module", "name"), [("torch", "torch"), ("cv2", "opencv-python-headless"), ("PIL", "pillow")])
def test_installed_modules_have_a_distribution(module: str, name: str) -> None:
    found = installed_distribution(module)
    assert found is not None
    assert found[0] == name
    assert found[1][0].isdigit()


def test_modules_of_no_distribution_have_none() -> None:
    assert installed_distribution("no_such_module_anywhere") is None


@pytest.mark.parametrize("editable", [True, False])
def test_a_distribution_in_editable_form_says_nothing_about_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, editable: bool
) -> None:
    info = tmp_path / "made_dist-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-dist\nVersion: 1.2\n")
    (info / "RECORD").write_text("made_module/__init__.py,,\nmade_dist-1.2.dist-info/METADATA,,\n")
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {"editable": editable}}))
    monkeypatch.syspath_prepend(tmp_path)
    installed_distribution.cache_clear()
    code_files._owners.cache_clear()
    assert installed_distribution("made_module") == (None if editable else ("made-dist", "1.2"))
    installed_distribution.cache_clear()
    code_files._owners.cache_clear()
