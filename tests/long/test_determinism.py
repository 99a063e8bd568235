"""The records of a study do not depend on concurrent runs or on the order of sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import wsol
from tests.support.studies import DETERMINISM
from tests.support.workplace import Workplace

TIMES = {"started", "seconds", "hardware", "test"}
"""Fields of records that hold times, the machine, or the ledger's lines with their times."""


def timeless(records: dict[str, wsol.RunRecord]) -> dict[str, Any]:
    found = {name: record.model_dump(mode="json", exclude=TIMES) for name, record in records.items()}
    for record in found.values():
        for epoch in record["history"]:
            del epoch["seconds"]
    return found


def test_records_do_not_depend_on_concurrent_runs_and_hash_seeds(tmp_path: Path) -> None:
    found = []
    for jobs in (1, 2):
        place = Workplace(tmp_path / str(jobs), DETERMINISM)
        place.environment["WSOL_CACHE"] = str(tmp_path / "cache")
        place.environment["PYTHONHASHSEED"] = str(jobs)
        done = place.run_process("run", "s.yaml", "--jobs", jobs)
        assert done.returncode == 0, done.stderr
        found.append(timeless(place.records()))
    assert [record["stage"] for record in found[0].values()].count("search") == 2
    assert len(found[0]) > 2
    assert found[0] == found[1]
