"""The ledgers of the results that a leaderboard is built from: what they confirm, and what they count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import wsol


class RunKey(NamedTuple):
    """The identity of a run: run ids are unique only within a study and its plan."""

    study: str
    plan: str
    run: str

    @classmethod
    def of(cls, run: wsol.RunIdentity | wsol.LedgerEntry) -> RunKey:
        """Return the identity of the run of a record or of a line of a ledger."""
        return cls(run.study, run.plan, run.run_id if isinstance(run, wsol.RunIdentity) else run.run)

    def __str__(self) -> str:
        return f"{self.run} of study {self.study}"


@dataclass(frozen=True)
class Ledgers:
    """Some ledgers.

    Attributes:
        read: The ledgers whose lines follow from each other.
        problems: What is wrong with the others, one line each.
    """

    read: tuple[wsol.Ledger, ...] = ()
    problems: tuple[str, ...] = ()

    @cached_property
    def _lines(self) -> dict[tuple[int, str], wsol.LedgerEntry]:
        """Number and hash → line; a copied ledger has the same lines."""
        return {
            (entry.number, line): entry
            for ledger in self.read
            for entry, line in zip(ledger.entries, ledger.hashes, strict=True)
        }

    def contradiction(self, record: wsol.RunRecord) -> str:
        """Say why the ledgers do not confirm that a run opened test.

        Args:
            record: A record with a result on test.

        Returns:
            What is wrong, on one line; empty for a run whose opening has a line in a ledger.
        """
        opening = record.test
        if opening is None:
            return "a result on test without an opening of test"
        if opening.ledger is None:
            return "its opening of test names no line of a ledger"
        entry = self._lines.get((opening.ledger.lines, opening.ledger.hash))
        if entry is None:
            hint = f" ({self.problems[0]})" if self.problems else ""
            return (
                f"line {opening.ledger.lines} of its study's ledger is missing or changed: "
                f"the ledger was deleted, cut or edited, or was not given{hint}"
            )
        stated = (RunKey.of(entry), entry.selection, entry.identities, entry.data, entry.attempt)
        claimed = (RunKey.of(record), opening.selection, opening.identities, opening.data, opening.attempt)
        if stated != claimed or not set(cells(record)) <= set(entry.cells):
            return f"line {entry.number} of its study's ledger is about another opening, of run {RunKey.of(entry)}"
        return ""

    def inspected(self, data: Iterable[str]) -> bool:
        """Return whether annotations of one of these test data were read without scoring anything.

        Args:
            data: Hashes that name test data in ledgers.
        """
        return not self._inspections.isdisjoint(data)

    @cached_property
    def _inspections(self) -> frozenset[str]:
        return frozenset(entry.data for entry in self._lines.values() if entry.kind == "inspection")

    @cached_property
    def _by_cell(self) -> dict[tuple[str, str], list[wsol.LedgerEntry]]:
        found: dict[tuple[str, str], list[wsol.LedgerEntry]] = {}
        for entry in self._lines.values():
            for cell in entry.cells:
                found.setdefault((cell, entry.data), []).append(entry)
        return found

    def evaluations(self, cell: str, data: Iterable[str], openings: Iterable[wsol.TestOpening]) -> int:
        """Count the different pairs of selection and identities that opened test.

        Args:
            cell: What was evaluated, by the names of its components (:func:`wsol.cell_name`).
            data: Hashes that name the test data in ledgers.
            openings: Openings that records know; they count too, and so does the number that each found when it was
                made, so that a ledger that is not given cannot lower the count.

        Returns:
            The number of test evaluations.
        """
        known = list(openings)
        pairs = {(entry.selection, entry.identities) for name in data for entry in self._by_cell.get((cell, name), ())}
        pairs |= {(opening.selection, opening.identities) for opening in known}
        return max(len(pairs), *(opening.evaluations for opening in known), 0)

    def repeats(self, runs: Iterable[wsol.RunRecord]) -> int:
        """Count the restarts of runs: openings of test by the same run with equal selection and identities.

        Args:
            runs: The records.

        Returns:
            The number of openings beyond the first one of each run.
        """
        return sum(max(0, self._attempts.get(_attempt(RunKey.of(run), run.test), 1) - 1) for run in runs if run.test)

    @cached_property
    def _attempts(self) -> dict[tuple[RunKey, str, str], int]:
        found: dict[tuple[RunKey, str, str], int] = {}
        for entry in self._lines.values():
            key = _attempt(RunKey.of(entry), entry)
            found[key] = found.get(key, 0) + 1
        return found


def cells(record: wsol.RunRecord) -> list[str]:
    """Return the cells that a run on test counts for, one for each evaluation."""
    return [wsol.cell_name(record.train, evaluation) for evaluation in record.evaluations]


def read_ledgers(paths: Iterable[Path]) -> Ledgers:
    """Read ledgers; one that is broken is reported and confirms no run.

    Args:
        paths: The files.

    Returns:
        The ledgers, in the order of ``paths``.
    """
    read: list[wsol.Ledger] = []
    problems: list[str] = []
    for path in paths:
        try:
            ledger = wsol.read_ledger(path)
        except wsol.DataError as error:
            problems.append(str(error))
            continue
        read.append(ledger)
        problems += ledger.problems
    return Ledgers(tuple(read), tuple(problems))


def _attempt(run: RunKey, opening: wsol.TestOpening | wsol.LedgerEntry) -> tuple[RunKey, str, str]:
    return run, opening.selection, opening.identities
