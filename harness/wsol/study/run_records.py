"""The records of a study's runs: writing one so that a finished record is never lost, and what they know."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wsol.errors import DataError
from wsol.records import LedgerHead, RunRecord, find_records, read_record, write_record
from wsol.study.lease import check_lease


def write_outcome(record: RunRecord, path: Path, lease: int | None) -> RunRecord:
    """Write the record of a run, unless the run has a finished one.

    Args:
        record: How the run ended.
        path: Its file, in the folder ``runs`` of the study.
        lease: Number of the lease that the run was started under; None: without one.

    Returns:
        The record that the file holds now. A finished one, complete or diverged, is kept.

    Raises:
        LeaseError: Another process has taken the study over; nothing is written.
        DataError: The record cannot be written.
    """
    check_lease(path.parent.parent, lease)
    finished = _finished(path)
    if finished is not None:
        return finished
    write_record(record, path)
    return record


def _finished(path: Path) -> RunRecord | None:
    try:
        record = read_record(path)
    except DataError:  # none, or a broken one
        return None
    return None if record.status == "failed" else record


def incomplete(records: Iterable[RunRecord]) -> list[RunRecord]:
    """The records of runs that failed or diverged."""
    return [record for record in records if record.status != "complete"]


def ledger_heads(runs: Path) -> dict[str, LedgerHead]:
    """The ends of the ledger that the records of a study know, by run.

    Args:
        runs: The folder of the records.

    Raises:
        DataError: A record is broken.
    """
    records = [read_record(path) for path in find_records([runs])] if runs.is_dir() else []
    return {r.run_id: r.test.ledger for r in records if r.test is not None and r.test.ledger is not None}
