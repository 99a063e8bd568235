"""Reading of records and ledgers, each run once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import wsol
from wsol_leaderboard.evidence import OpeningEvidence, RunKey, read_evidence
from wsol_leaderboard.index import load_index, save_index, summarise_record
from wsol_leaderboard.places import RECORD_SUFFIX, find_places

INDEXED = 200
"""Number of records from which on a folder gets an index; fewer are read faster than an index is made."""
READERS = 4
"""Threads that read files."""
BATCH = 256
"""Files whose bytes are in memory at a time."""


@dataclass(frozen=True)
class FoundRecord:
    """A record with its origin.

    Attributes:
        path: The file.
        sha256: SHA-256 of the file.
        record: Its content, without the parts that the leaderboard does not read.
    """

    path: Path
    sha256: str
    record: wsol.RunRecord


@dataclass(frozen=True)
class Collection:
    """What a leaderboard is built from.

    Attributes:
        found: The records, each run once, ordered by study, plan and run.
        evidence: Ledgers and sealed choices.
        words: Run → what its verification found (:mod:`wsol_leaderboard.verification`); none for other runs.
        problems: What is wrong with records that were left out, and with the evidence, one line each.
    """

    found: tuple[FoundRecord, ...]
    evidence: OpeningEvidence = field(default_factory=OpeningEvidence)
    words: Mapping[RunKey, wsol.Verification] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def records(self) -> list[wsol.RunRecord]:
        """The records."""
        return [found.record for found in self.found]


def collect(given: Sequence[Path], keep_going: bool = False) -> Collection:
    """Read all records of some places, with ledgers and sealed choices.

    Args:
        given: Folders, searched to any depth, and single files; see :func:`wsol_leaderboard.places.find_places`. They
            may overlap.
        keep_going: Leave out records that cannot be read.

    Returns:
        Records and evidence, without words of a verification.

    Raises:
        DataError: A place is missing, there is no record, a run has two different records, or, unless ``keep_going``,
            a record cannot be read.
    """
    places = find_places(given)
    outcomes = [outcome for folder, paths in places.folders.items() for outcome in read_folder(folder, paths)]
    outcomes += [_parse(path, file, {}) for path, file in _read_files(places.single)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, wsol.DataError)]
    if errors and not keep_going:
        raise errors[0]
    if not outcomes:
        where = ", ".join(map(str, given))
        raise wsol.DataError(f"{where}: no records (*{RECORD_SUFFIX}) here; give the results folder of a study")
    evidence = read_evidence(places.ledgers, places.selections)
    found = distinct(outcome for outcome in outcomes if isinstance(outcome, FoundRecord))
    return Collection(found, evidence, problems=(*map(str, errors), *evidence.problems, *_unused(found)))


def _unused(records: Sequence[FoundRecord]) -> list[str]:
    """Reproductions, which have no row, of runs that have none either."""
    known = {found.sha256 for found in records}
    repeats = [found for found in records if found.record.reproduces is not None]
    return [
        f"{found.path}: repeats a run whose record is not here, so it has no row"
        for found in repeats
        if found.record.reproduces is not None and found.record.reproduces.record not in known
    ]


def read_folder(folder: Path, paths: Sequence[Path]) -> list[FoundRecord | wsol.DataError]:
    """Read the records below a folder, with the help of its index if they are many.

    Args:
        folder: The folder; it gets an index where it can be written.
        paths: Its records.

    Returns:
        For each path the record, or why it cannot be read.
    """
    known = load_index(folder) if len(paths) >= INDEXED else {}
    outcomes = [_parse(path, file, known) for path, file in _read_files(paths)]
    records = {found.sha256: found.record for found in outcomes if isinstance(found, FoundRecord)}
    if len(paths) >= INDEXED and records.keys() != known.keys():
        rows = {digest: known.get(digest) or summarise_record(record) for digest, record in records.items()}
        save_index(folder, rows, records)
    return outcomes


class _File(NamedTuple):
    content: bytes
    sha256: str


def _read_files(paths: Sequence[Path]) -> Iterator[tuple[Path, _File | wsol.DataError]]:
    """Each file, in order, or why it cannot be read."""
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(paths), BATCH):
            batch = paths[start : start + BATCH]
            yield from zip(batch, pool.map(_read, batch), strict=True)


def _read(path: Path) -> _File | wsol.DataError:
    try:
        content = path.read_bytes()
    except OSError as error:
        return wsol.DataError(f"{path}: cannot be read: {error.strerror or error}")
    return _File(content, hashlib.sha256(content).hexdigest())


def _parse(path: Path, file: _File | wsol.DataError, known: Mapping[str, str]) -> FoundRecord | wsol.DataError:
    """Read a record, or its summary where the index has it; both give the same, so an index makes no difference."""
    if isinstance(file, wsol.DataError):
        return file
    try:
        summary = known.get(file.sha256) or summarise_record(wsol.parse_record(file.content, str(path)))
    except wsol.DataError as error:
        return error
    return FoundRecord(path, file.sha256, wsol.RunRecord.model_validate_json(summary))


def distinct(records: Iterable[FoundRecord]) -> tuple[FoundRecord, ...]:
    """Drop repeated records.

    Args:
        records: Records in any order.

    Returns:
        Each run once, ordered by study, plan and run.

    Raises:
        DataError: Two records of one run differ; the message names both files.
    """
    kept: dict[RunKey, FoundRecord] = {}
    for found in sorted(records, key=lambda found: str(found.path)):
        key = RunKey.of(found.record)
        first = kept.setdefault(key, found)
        if first.sha256 != found.sha256:
            raise wsol.DataError(
                f"{found.path}: run {key.run} differs from the one in {first.path}, of the same study and plan; "
                "keep one of the two"
            )
    return tuple(kept[key] for key in sorted(kept))
