"""Entering into a ledger that test annotations are read without scoring anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.errors import DataError
from wsol.study.ledger import LedgerEntry, append
from wsol.study.test_data_names import hash_test_data

if TYPE_CHECKING:
    from wsol.data.benchmark import Benchmark


def record_inspection(ledger: Path, benchmark: Benchmark, command: str, warned: Callable[[str], None]) -> None:
    """Append a line for an inspection of test, before its annotations are read.

    It counts for no cell; rows on these data are marked ``test inspected``. Where the data cannot even be named because
    they are missing, nothing is written.

    Args:
        ledger: The ledger of the results folder.
        benchmark: The benchmark.
        command: What reads the annotations.
        warned: Called with one line where an incomplete line of the ledger was set aside.

    Raises:
        DataError: The ledger cannot be written or is broken.
    """
    try:
        data = hash_test_data(benchmark)
    except DataError:  # the data are broken: no row can be about them
        if not _has_annotations(benchmark):
            return
        data = ""
    append(ledger, LedgerEntry(kind="inspection", run=command, data=data), warned)


def _has_annotations(benchmark: Benchmark) -> bool:
    """Whether a file with annotations of test can be found; the files cannot be listed where the data are missing."""
    try:
        return any(path.exists() for path in benchmark.annotation_files("test"))
    except DataError:
        return False
