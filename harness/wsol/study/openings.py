"""Entering the final runs of a study into its ledger, before they are dispatched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from wsol.errors import SealError
from wsol.recipes import TrainSpec
from wsol.records import TestOpening
from wsol.study.identity import identity_hash
from wsol.study.job import Job
from wsol.study.ledger import (
    LedgerEntry,
    append,
    cell_name,
    check_chain,
    count_attempts,
    count_openings,
    read_ledger,
)
from wsol.study.run_records import ledger_heads
from wsol.study.selection import check_sealed, selection_seal
from wsol.study.test_data_names import TestDataNames


def opened_after(ledger: Path, train: TrainSpec, names: TestDataNames) -> bool:
    """Whether a final run of this study has opened the test data of a recipe.

    Args:
        ledger: The study's ledger.
        train: The recipe's training.
        names: Names of test data.

    Raises:
        DataError: The ledger is broken, or the list of test images is missing.
    """
    opened = {entry.data for entry in read_ledger(ledger).entries if entry.kind == "final"}
    return bool(opened) and names.of(train.benchmark) in opened


def check_ledger(ledger: Path, runs: Path) -> None:
    """Check the ledger of a study against what its records know of it.

    Args:
        ledger: The ledger.
        runs: The folder of the records.

    Raises:
        SealError: The ledger is missing, was cut or was edited.
        DataError: A line of the ledger, or a record, is broken.
    """
    wrong = check_chain(ledger, ledger_heads(runs))
    if wrong:
        raise SealError(f"{wrong[0]}; restore it from a copy, or give the study another name; nothing was opened")


def open_final_runs(jobs: Sequence[Job], names: TestDataNames, warned: Callable[[str], None]) -> list[Job]:
    """Append a line for each final run that is about to start; each run that is started again gets another line.

    Args:
        jobs: The jobs of one study.
        names: Names of test data.
        warned: Called with one line where an incomplete line of the ledger was set aside.

    Returns:
        The jobs with their openings.

    Raises:
        SealError: The ledger contradicts the study's records, or a job is not part of the sealed choices.
        DataError: The ledger cannot be written, or the list of test images is missing.
    """
    for ledger, runs in {(job.ledger, job.folder) for job in jobs}:
        check_ledger(Path(ledger or ""), Path(runs))
    return [_open(job, names, warned) for job in jobs]


def _open(job: Job, names: TestDataNames, warned: Callable[[str], None]) -> Job:
    run, ledger = job.run, Path(job.ledger or "")
    entry = LedgerEntry(
        kind="final",
        study=run.study,
        plan=run.plan,
        run=run.run_id,
        cells=tuple(cell_name(run.train, evaluation) for evaluation in run.evaluations),
        data=names.of(run.train.benchmark),
        selection=selection_seal(check_sealed(Path(job.selection or ""), run)),
        identities=identity_hash(job.identity),
    )
    before = read_ledger(ledger).entries
    attempt = 1 + count_attempts(before, entry)
    head = append(ledger, entry.model_copy(update={"attempt": attempt}), warned)
    opening = TestOpening(
        selection=entry.selection,
        identities=entry.identities,
        data=entry.data,
        attempt=attempt,
        evaluations=max(_evaluations([*before, entry], entry)),
        ledger=head,
    )
    return job.model_copy(update={"opening": opening})


def _evaluations(entries: Sequence[LedgerEntry], entry: LedgerEntry) -> Iterable[int]:
    """The test evaluations of each cell of an opening."""
    return (count_openings(entries, cell, entry.data).evaluations for cell in entry.cells)
