"""The ledger: one line for each opening of test annotations, appended before they are read.

Every line holds the hash of the line before, so that an edit, a deletion or a change of order is found; the records of
runs hold the hash of the last line, so that a ledger that was cut or deleted is found as well. A line that a crash left
incomplete was never acknowledged: the next append sets it aside in a file beside the ledger.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from wsol.errors import DataError
from wsol.files import lock, writing
from wsol.recipes import EvalSpec, Model, TrainSpec, recipe_parts
from wsol.records import LedgerHead

FILE_NAME = "ledger.jsonl"
TORN_NAME = "ledger.torn"
"""File beside a ledger that holds its incomplete lines."""
NOTHING_OPENED = "; test data were not opened"
RESTORE = "the ledger was edited: restore it from a copy"
Opener = Literal["final", "score", "inspection"]


class LedgerEntry(Model):
    """One line of a ledger.

    Attributes:
        number: Number of the line, from 1.
        time: Time of the opening in UTC, ISO 8601.
        kind: ``final`` for a final run, ``score`` for third-party maps, ``inspection`` for reading the annotations
            without scoring anything.
        study: Name of the study.
        plan: Hash of its plan; for third-party maps the hash of the files.
        run: The run; for an inspection the command.
        cells: What the opening counts for, see :func:`cell_name`; none for an inspection.
        data: Hash of the test data, see :func:`wsol.study.test_data_names.hash_test_data`.
        selection: Seal of the choice; for third-party maps the hash of the files.
        identities: Hash of the run's identity.
        attempt: Number of the run's attempt, from 1.
        note: What was set aside before this line.
        previous: Hash of the line before; empty for the first.
    """

    number: int = 0
    time: str = ""
    kind: Opener
    study: str = ""
    plan: str = ""
    run: str
    cells: tuple[str, ...] = ()
    data: str
    selection: str = ""
    identities: str = ""
    attempt: int = 1
    note: str = ""
    previous: str = ""


@dataclass(frozen=True)
class Ledger:
    """The content of a ledger.

    Attributes:
        path: Its file.
        entries: Its complete lines, in order.
        hashes: The hash of each of them.
        problems: What is wrong with it and stops nothing, one line each: an incomplete last line.
    """

    path: Path
    entries: tuple[LedgerEntry, ...] = ()
    hashes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def head(self) -> LedgerHead | None:
        """The end of the ledger; None for an empty one."""
        return LedgerHead(lines=len(self.hashes), hash=self.hashes[-1]) if self.hashes else None

    def contradiction(self, head: LedgerHead) -> str:
        """Say how the ledger contradicts an end that it once had.

        Args:
            head: The end, from a record.

        Returns:
            What is wrong, for example ``"has 2 lines, and had 3"``; empty where nothing is.
        """
        if not self.path.exists():
            return f"is missing, and had {_lines(head.lines)}"
        if head.lines > len(self.hashes):
            return f"has {_lines(len(self.hashes))}, and had {head.lines}"
        return "" if self.hashes[head.lines - 1] == head.hash else f"had another line {head.lines}"


class Openings(NamedTuple):
    """How often test was opened for a cell.

    Attributes:
        evaluations: Number of different pairs of selection and identities; the seeds of one selection are one.
        repeats: Number of openings beyond the first one of a run with equal selection and identities.
    """

    evaluations: int
    repeats: int


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


def count_openings(entries: Iterable[LedgerEntry], cell: str, data: str) -> Openings:
    """Count the test evaluations of a cell.

    Args:
        entries: Lines of any number of ledgers; equal lines, as of a copied ledger, count once.
        cell: Result of :func:`cell_name`.
        data: Result of :func:`wsol.hash_test_data`; lines about other data do not count.

    Returns:
        The numbers of evaluations and repeats.

    Example:
        >>> line = LedgerEntry(kind="final", run="a-final0", cells=("toy/cam",), data="d", selection="s")
        >>> lines = [line, line.model_copy(update={"run": "a-final1"}), line.model_copy(update={"attempt": 2})]
        >>> count_openings(lines, "toy/cam", "d")
        Openings(evaluations=1, repeats=1)
    """
    counted = [e for e in dict.fromkeys(entries) if cell in e.cells and e.data == data]
    selections = {(e.selection, e.identities) for e in counted}
    return Openings(len(selections), len(counted) - len({_attempted(e) for e in counted}))


def count_attempts(entries: Iterable[LedgerEntry], entry: LedgerEntry) -> int:
    """Count the earlier openings of the same run with equal selection and identities.

    Args:
        entries: Lines of the ledger.
        entry: The opening that is to follow.

    Returns:
        Their number; 0 for the first attempt.
    """
    return sum(_attempted(e) == _attempted(entry) for e in entries)


def read_ledger(path: Path) -> Ledger:
    """Read a ledger; a missing file is an empty one.

    Args:
        path: The file.

    Returns:
        Its lines. A last line that is incomplete or no entry at all is left out and reported as a problem.

    Raises:
        DataError: The file cannot be read, or a line is broken or does not follow the one before; the message names
            it.
    """
    return _parse(path, _read(path))[0]


def check_chain(path: Path, heads: Mapping[str, LedgerHead]) -> list[str]:
    """Compare a ledger with the ends of it that records know.

    Args:
        path: The file.
        heads: What knows it → the end that it knows.

    Returns:
        One line for each contradiction: the ledger is missing, was cut or was edited.

    Raises:
        DataError: See :func:`read_ledger`.
    """
    ledger = read_ledger(path)
    found = {name: ledger.contradiction(head) for name, head in heads.items()}
    return [f"{path}: the ledger {wrong} when {name} was evaluated" for name, wrong in found.items() if wrong]


def append(path: Path, entry: LedgerEntry, warned: Callable[[str], None] | None = None) -> LedgerHead:
    """Append one line, completely or not at all; it is on disk when the function returns.

    Args:
        path: The ledger's file; missing folders are made.
        entry: The line; its number, time, note and the hash of the line before are filled in.
        warned: Called with one line where an incomplete line was set aside.

    Returns:
        The end of the ledger, with the new line.

    Raises:
        DataError: The file cannot be written, and is then as it was; or see :func:`read_ledger`.
    """
    with writing(path, "the ledger", NOTHING_OPENED):
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock(path):
            before = _read(path)
            ledger, complete = _parse(path, before)
            note = _set_aside(path, before[complete:], len(ledger.entries) + 1) if ledger.problems else ""
            previous = ledger.hashes[-1] if ledger.hashes else ""
            filled = {"number": len(ledger.entries) + 1, "time": now(), "note": note, "previous": previous}
            line = entry.model_copy(update=filled).model_dump_json().encode()
            _write_line(path, complete, line + b"\n")
    if note and warned is not None:
        warned(f"{path}: {note}")
    return LedgerHead(lines=len(ledger.entries) + 1, hash=_hash(line))


def now() -> str:
    """Return the time in UTC, ISO 8601 with seconds."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _attempted(entry: LedgerEntry) -> tuple[str, ...]:
    """What attempts of one run have in common."""
    return entry.kind, entry.study, entry.plan, entry.run, entry.data, entry.selection, entry.identities


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise DataError(f"{path}: the ledger cannot be read: {error.strerror or error}{NOTHING_OPENED}") from None


def _parse(path: Path, content: bytes) -> tuple[Ledger, int]:
    """Read the lines, and the number of bytes that the complete ones take."""
    *lines, rest = content.split(b"\n")
    entries = [_decode(line) for line in lines]
    torn = bool(rest) or (bool(entries) and entries[-1] is None)
    if not rest and torn:
        rest = lines.pop() + b"\n"
        entries.pop()
    previous = ""
    checked: list[LedgerEntry] = []
    for number, (line, entry) in enumerate(zip(lines, entries, strict=True), 1):
        if entry is None:
            raise DataError.at(path, number, f"not a ledger entry; {RESTORE}")
        if (entry.number, entry.previous) != (number, previous):
            raise DataError.at(path, number, f"does not follow the line before; {RESTORE}")
        checked.append(entry)
        previous = _hash(line)
    problem = f"{path}:{len(lines) + 1}: the last line is incomplete, so it does not count"
    ledger = Ledger(path, tuple(checked), tuple(map(_hash, lines)), (problem,) if torn else ())
    return ledger, len(content) - len(rest)


def _decode(line: bytes) -> LedgerEntry | None:
    try:
        return LedgerEntry.model_validate_json(line)
    except ValidationError:
        return None


def _set_aside(path: Path, torn: bytes, number: int) -> str:
    """Keep an incomplete line in a file beside the ledger; returns the note for the line that takes its place."""
    with path.with_name(TORN_NAME).open("ab") as file:
        file.write(torn.rstrip(b"\n") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return f"line {number} was incomplete and is kept in {TORN_NAME}"


def _write_line(path: Path, complete: int, line: bytes) -> None:
    """Write ``line`` after the complete lines, which take ``complete`` bytes; an error leaves these as they were."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        if os.fstat(handle).st_size > complete:
            os.ftruncate(handle, complete)
        try:
            if os.write(handle, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, complete)
            raise
    finally:
        os.close(handle)
    if not complete:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the name of a new file to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot
            os.fsync(handle)
    finally:
        os.close(handle)


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _lines(count: int) -> str:
    return f"{count} line{'s' * (count != 1)}"
