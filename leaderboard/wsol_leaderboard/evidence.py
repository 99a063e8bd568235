"""The evidence for records: ledgers, which confirm and count openings of test, and the sealed choices of studies."""

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


AFTER_TEST = "sealed after test"
"""Mark of a run whose choice was sealed after its study had opened the same test data."""
ACCEPTED = "changes accepted"
"""Mark of a run whose identity differs from its search's, which the user has accepted."""
LOST = "the file was deleted, cut or edited, or was not given"


@dataclass(frozen=True)
class OpeningEvidence:
    """Some ledgers and sealed choices.

    Attributes:
        ledgers: The ledgers whose lines follow from each other.
        choices: The choices of selections that were not changed.
        problems: What is wrong with the others, one line each.
    """

    ledgers: tuple[wsol.Ledger, ...] = ()
    choices: tuple[wsol.SealedChoice, ...] = ()
    problems: tuple[str, ...] = ()

    @cached_property
    def _lines(self) -> dict[tuple[int, str], wsol.LedgerEntry]:
        """Number and hash → line; a copied ledger has the same lines."""
        return {
            (entry.number, line): entry
            for ledger in self.ledgers
            for entry, line in zip(ledger.entries, ledger.hashes, strict=True)
        }

    def contradiction(self, record: wsol.RunRecord) -> str:
        """Say what ledgers and sealed choices do not confirm of a run that opened test.

        Args:
            record: A record with a result on test.

        Returns:
            What is wrong, on one line; empty for a run whose opening has a line in a ledger and whose choice is sealed.
        """
        opening = record.test
        if opening is None:
            return "a result on test without an opening of test"
        if opening.ledger is None:
            return "its opening of test names no line of a ledger"
        entry = self._lines.get((opening.ledger.lines, opening.ledger.hash))
        if entry is None:
            return (
                f"line {opening.ledger.lines} of its study's ledger is missing or changed; {LOST}{self._hint('ledger')}"
            )
        stated = (entry.kind, RunKey.of(entry), entry.selection, entry.identities, entry.data, entry.attempt)
        claimed = (
            record.stage,
            RunKey.of(record),
            opening.selection,
            opening.identities,
            opening.data,
            opening.attempt,
        )
        if stated != claimed or not set(cells(record)) <= set(entry.cells):
            return f"line {entry.number} of its study's ledger is about another opening, of run {RunKey.of(entry)}"
        return self._unsealed(record, opening.selection) if record.stage == "final" else ""

    def _unsealed(self, record: wsol.RunRecord, seals: str) -> str:
        """Say how a final run differs from the choices that it claims to be of."""
        found = [choice for seal in seals.split("+") for choice in self._choices.get(seal, ())]
        if not found:
            return f"the choice that it was opened for is not among the sealed ones; {LOST}{self._hint('selection')}"
        for recipe in record.recipe_ids():
            chosen = [choice for choice in found if choice.recipe == recipe]
            if not any(_is_of(record, choice) for choice in chosen):
                return "trial, hyper-parameters or seed are not those of its sealed choice"
            if all(choice.chosen_among != record.chosen_among for choice in chosen):
                among = f"among {record.chosen_among} trials, and was sealed among {chosen[0].chosen_among}"
                return f"it claims a choice {among}"
            changes = [choice.identity_differences(record) for choice in chosen]
            if all(changes) and not is_accepted(record):
                return changes[0][0]
        late = any(choice.after_test for choice in found if choice.recipe in record.recipe_ids())
        if late != (AFTER_TEST in record.conditions):
            return f"the mark '{AFTER_TEST}' is {'missing' if late else 'not that of its sealed choice'}"
        return ""

    def is_changed(self, run: RunKey, sha256: str) -> bool:
        """Return whether a trial's record is another one than that which a choice was made among.

        Args:
            run: The trial.
            sha256: SHA-256 of its record's file.
        """
        sealed = self._sealed_trials.get(run)
        return sealed is not None and sha256 not in sealed

    @cached_property
    def _sealed_trials(self) -> dict[RunKey, set[str]]:
        """Trial → hashes of the records that choices were made among."""
        found: dict[RunKey, set[str]] = {}
        for choice in self.choices:
            for run, digest in choice.records.items():
                found.setdefault(RunKey(choice.study, choice.plan, run), set()).add(digest)
        return found

    @cached_property
    def _choices(self) -> dict[str, list[wsol.SealedChoice]]:
        found: dict[str, list[wsol.SealedChoice]] = {}
        for choice in self.choices:
            found.setdefault(choice.seal, []).append(choice)
        return found

    def _hint(self, what: str) -> str:
        problem = next((problem for problem in self.problems if what in problem), "")
        return f" ({problem})" if problem else ""

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


def is_accepted(record: wsol.RunRecord) -> bool:
    """Return whether a run has the mark that its identity may differ from that of its search."""
    mark = record.conditions.get(ACCEPTED)
    return mark is not None and mark.value != mark.default


def cells(record: wsol.RunRecord) -> list[str]:
    """Return the cells that a run on test counts for, one for each evaluation."""
    return [wsol.cell_name(record.train, evaluation) for evaluation in record.evaluations]


def read_evidence(ledgers: Iterable[Path], selections: Iterable[Path]) -> OpeningEvidence:
    """Read ledgers and selections; one that is broken is reported and confirms no run.

    Args:
        ledgers: Files of ledgers.
        selections: Files of sealed choices.

    Returns:
        What they hold, in the order of the arguments.
    """
    read: list[wsol.Ledger] = []
    choices: list[wsol.SealedChoice] = []
    problems: list[str] = []
    for path in ledgers:
        try:
            read.append(wsol.read_ledger(path))
            problems += read[-1].problems
        except wsol.WsolError as error:
            problems.append(str(error))
    for path in selections:
        try:
            choices += wsol.read_selection(path).choices
        except wsol.WsolError as error:
            problems.append(str(error))
    return OpeningEvidence(tuple(read), tuple(choices), tuple(problems))


def _is_of(record: wsol.RunRecord, choice: wsol.SealedChoice) -> bool:
    claimed = (record.study, record.plan, record.trial, record.hparams)
    return claimed == (choice.study, choice.plan, choice.trial, choice.hparams) and record.seed in choice.seeds


def _attempt(run: RunKey, opening: wsol.TestOpening | wsol.LedgerEntry) -> tuple[RunKey, str, str]:
    return run, opening.selection, opening.identities
