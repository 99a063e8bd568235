"""The ledger: one line for each opening of a test split. Lines are only appended."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from wsol.errors import DataError
from wsol.files import writing
from wsol.recipes import EvalSpec, TrainSpec, recipe_parts

FILE_NAME = "ledger.jsonl"


def cell_name(train: TrainSpec, evaluation: EvalSpec) -> str:
    """Name the cell that a test evaluation counts for, by the names of all components without their options.

    Evaluating another option on test is another evaluation of the same cell.

    Args:
        train: The training.
        evaluation: The evaluation.

    Returns:
        Names of the benchmark and of each part's components, joined by slashes; ``-`` for a part without any.
    """
    names = [train.benchmark.name]
    for part in recipe_parts():
        refs = evaluation.refs(part.name) if part.swept else train.refs(part.name)
        names.append("+".join(ref.name for ref in refs) or "-")
    return "/".join(names)


def record_opening(ledger: Path, cell: str, selection: str, run_id: str) -> int:
    """Append one opening; the line is on disk when the function returns.

    Args:
        ledger: The ledger's file.
        cell: Result of :func:`cell_name`.
        selection: Seal of the selection.
        run_id: The run that opens test.

    Returns:
        Number of different selections that have opened test for ``cell``, this one included.

    Raises:
        DataError: The file cannot be written.
    """
    line = {"time": now(), "cell": cell, "selection": selection, "run": run_id}
    data = (json.dumps(line, sort_keys=True) + "\n").encode()
    with writing(ledger, "the ledger", "; test data were not opened"):
        ledger.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
    return len({entry["selection"] for entry in read_ledger(ledger) if entry["cell"] == cell})


def read_ledger(ledger: Path) -> list[dict[str, str]]:
    """Read all openings, in order.

    Raises:
        DataError: A line is broken; the message names it.
    """
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
    """Return the time in UTC, ISO 8601 with seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
