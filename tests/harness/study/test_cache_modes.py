"""A study gives the same numbers in every cache mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from tests.support.paths import TOY
from wsol.data.benchmark import CacheMode
from wsol.errors import UsageError
from wsol.plugins import load_plugins
from wsol.registry import Plugins
from wsol.study.config import validate_study
from wsol.study.job import SerialRunner
from wsol.study.plan import make_plan
from wsol.study.session import Session

pytestmark = pytest.mark.usefixtures("stages_here")


def open_session(folder: Path, plugins: Plugins, **changes: Any) -> Session:
    content = {
        "name": "s",
        "benchmark": "toy",
        "recipes": [{"method": "toy"}],
        "trials": 1,
        "seeds": 1,
        "bootstrap": 20,
    }
    plan = make_plan(validate_study({**content, **changes}, "test"), plugins)
    session = Session(plan, plugins, folder / "results", (TOY,), folder / "cache")
    session.open()
    return session


def numbers(mode: CacheMode | None, plugins: Plugins, folder: Path) -> list[dict[str, Any]]:
    """The records of a trial and of a final run: training, val and test."""
    session = open_session(folder, plugins, cache=mode)
    records = session.search(SerialRunner())
    session.seal()
    records += session.final(SerialRunner())
    assert {record.status for record in records} == {"complete"}
    found = [record.model_dump(mode="json", include={"results", "data", "history", "seed"}) for record in records]
    assert [[result["split"] for result in record["results"]] for record in found] == [["val"], ["val", "test"]]
    return found


@pytest.mark.parametrize("mode", get_args(CacheMode))
def test_records_do_not_depend_on_the_cache(mode: CacheMode, tmp_path: Path) -> None:
    plugins = load_plugins([TOY])
    expected = numbers(None, plugins, tmp_path / "default")
    assert len(list((tmp_path / "default" / "cache").glob("*.u8"))) == 3
    assert _timeless(numbers(mode, plugins, tmp_path / "other")) == _timeless(expected)
    assert (tmp_path / "other" / "cache").exists() == (mode == "memmap")


def _timeless(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for record in records:
        for epoch in record["history"]:
            del epoch["seconds"]
    return records


def test_a_study_continues_with_another_cache(tmp_path: Path) -> None:
    plugins = load_plugins([TOY])
    open_session(tmp_path, plugins, cache="memmap")
    open_session(tmp_path, plugins, cache="none")
    with pytest.raises(UsageError, match=r"another plan of this study \(changed: seed\)"):
        open_session(tmp_path, plugins, cache="ram", seed=1)
