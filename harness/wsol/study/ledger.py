"""The ledger: one line each time that somebody opened a test split. It is only ever appended to."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from wsol.errors import DataError
from wsol.recipes import EvalSpec, TrainSpec, recipe_parts

FILE_NAME = "ledger.jsonl"


def cell_name(train: TrainSpec, evaluation: EvalSpec) -> str:
    """What a touch of test counts for: the components' names, whatever their options.

    Trying another option on test is another touch of the same cell.
    """
    names = [train.benchmark.name]
    for part in recipe_parts():
        refs = evaluation.refs(part.name) if part.swept else train.refs(part.name)
        names += [ref.name for ref in refs] if refs or part.many else ["-"]
    return "/".join(names)


def record_opening(ledger: Path, cell: str, selection: str, run_id: str) -> int:
    """Append one opening; returns how many different selections have opened test for ``cell`` by now, this included.

    The line is on the disk before the caller may read test. Raises DataError when it cannot be written.
    """
    line = {"time": now(), "cell": cell, "selection": selection, "run": run_id}
    data = (json.dumps(line, sort_keys=True) + "\n").encode()
    try:
        ledger.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise DataError(f"{ledger}: the ledger cannot be written ({error.strerror}); test stays closed") from None
    return len({entry["selection"] for entry in read_ledger(ledger) if entry["cell"] == cell})


def read_ledger(ledger: Path) -> list[dict[str, Any]]:
    """All openings in order; raises DataError naming the line that is broken."""
    if not ledger.exists():
        return []
    entries = []
    for number, line in enumerate(ledger.read_text().splitlines(), 1):
        try:
            entry = json.loads(line)
            entries.append({key: str(entry[key]) for key in ("time", "cell", "selection", "run")})
        except (ValueError, KeyError, TypeError):
            raise DataError.at(ledger, number, "not a ledger entry; the ledger must not be edited") from None
    return entries


def now() -> str:
    """The time in UTC, ISO 8601 with seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
