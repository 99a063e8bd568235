"""Ledgers: an unbroken chain, the ends that records know, and a line for each opening of test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.errors import DataError, one_line
from wsol.records import RunRecord, TestOpening
from wsol.study.ledger import FILE_NAME, Ledger, LedgerEntry, cell_name, count_openings, read_ledger
from wsol.study.verification.finding import Finding
from wsol.study.verification.folders import RecordFile


@dataclass(frozen=True)
class LedgersRead:
    """The ledgers that may hold the openings of some records.

    Attributes:
        read: Those that can be read.
        broken: What is wrong with the others.
    """

    read: tuple[Ledger, ...]
    broken: tuple[Finding, ...]


def study_ledger(folder: Path) -> LedgersRead:
    """Read the ledger of a study."""
    return _read_all([folder / FILE_NAME])


def ledgers_above(file: RecordFile) -> LedgersRead:
    """Read the ledgers in the folder of a record of third-party maps and in the folders that contain it."""
    folders = file.path.resolve().parents
    return _read_all([path for folder in folders if (path := folder / FILE_NAME).is_file()])


def _read_all(paths: Sequence[Path]) -> LedgersRead:
    read, broken = [], []
    for path in paths:
        try:
            read.append(read_ledger(path))
        except DataError as error:
            broken.append(Finding(str(path), "ledger", "an unbroken chain of entries", one_line(error)))
    return LedgersRead(tuple(read), tuple(broken))


def check_opening(file: RecordFile, ledgers: LedgersRead) -> Iterator[Finding]:
    """Check that a record's evaluation on test is in a ledger, as the record states it.

    Args:
        file: The record.
        ledgers: Where its opening may be.

    Yields:
        A missing opening, a ledger that contradicts the record, or a statement that the ledger's line does not support.
    """
    record = file.record
    opening = record.test
    if opening is None:
        if any(result.split == "test" for result in record.results):
            yield Finding(file.name, "test", "an opening in a ledger", "scores without any")
        return
    if record.status == "complete" and "test" not in record.data:
        yield Finding(file.name, "data", "those of test", "none")
    if record.stage == "search":
        yield Finding(file.name, "test", "no opening of test by a trial", f"one of selection {opening.selection}")
    if opening.ledger is None:
        yield Finding(file.name, "test ledger", "the end of the ledger at the opening", "none")
        return
    if not ledgers.read:
        if not ledgers.broken:
            yield Finding(file.name, "test ledger", f"a {FILE_NAME} in a folder above", "none")
        return
    wrong = {str(ledger.path): ledger.contradiction(opening.ledger) for ledger in ledgers.read}
    known = next((ledger for ledger in ledgers.read if not wrong[str(ledger.path)]), None)
    if known is None:
        path, text = next(iter(wrong.items()))
        expected = f"line {opening.ledger.lines} with the opening by {record.run_id}"
        yield Finding(path, "ledger", expected, f"a ledger that {text}")
        return
    entries = known.entries[: opening.ledger.lines]
    yield from _contradictions(file, opening, entries, known.path)


def _contradictions(
    file: RecordFile, opening: TestOpening, entries: Sequence[LedgerEntry], ledger: Path
) -> Iterator[Finding]:
    record, line = file.record, entries[-1]
    where = f"{ledger}:{len(entries)}"
    stated = {
        "kind": record.stage,
        "study": record.study,
        "plan": record.plan,
        "run": record.run_id,
        "cells": sorted(_cells(record)),
        "selection": opening.selection,
        "identities": opening.identities,
        "data": opening.data,
        "attempt": opening.attempt,
    }
    for name, value in stated.items():
        written = sorted(line.cells) if name == "cells" else getattr(line, name)
        if written != value:
            yield Finding(file.name, f"test {name}", f"{written} of {where}", str(value))
    counted = max(count_openings(entries, cell, line.data).evaluations for cell in _cells(record))
    if counted != opening.evaluations:
        yield Finding(file.name, "test evaluations", f"{counted} by {ledger}", str(opening.evaluations))


def _cells(record: RunRecord) -> list[str]:
    return list(dict.fromkeys(cell_name(record.train, evaluation) for evaluation in record.evaluations))


def check_recorded(folder: Path, files: Sequence[RecordFile], ledgers: LedgersRead) -> Iterator[Finding]:
    """Check that every run that opened test by a study's ledger has a record.

    Args:
        folder: The study's folder.
        files: Its records.
        ledgers: Its ledger.

    Yields:
        Runs without a record.
    """
    yield from ledgers.broken
    known = {(file.record.plan, file.record.run_id) for file in files}
    for ledger in ledgers.read:
        for line in ledger.entries:
            if line.kind == "final" and (line.plan, line.run) not in known:
                known.add((line.plan, line.run))
                what = f"record of run {line.run}"
                yield Finding(str(folder), what, f"one, as {ledger.path}:{line.number} opened test for it", "none")


class LedgerReader:
    """Reads each ledger once."""

    def __init__(self) -> None:
        self._known: dict[Path, LedgersRead] = {}

    def of(self, file: RecordFile) -> LedgersRead:
        """The ledgers that may hold the openings of a record."""
        folder = file.study_folder
        place = file.path.parent if folder is None else folder
        if place not in self._known:
            self._known[place] = ledgers_above(file) if folder is None else study_ledger(folder)
        return self._known[place]
