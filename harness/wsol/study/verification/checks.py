"""The checks of a verification in order: of each record by itself, and of each study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from wsol.errors import WsolError, one_line
from wsol.registry import Plugins
from wsol.study.selection import Selection, read_selection
from wsol.study.study_folder import SELECTION_NAME
from wsol.study.verification.choices import check_choice, check_final
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import RecordFile
from wsol.study.verification.identities import check_identities
from wsol.study.verification.marks import check_conditions
from wsol.study.verification.openings import check_opening, check_recorded, ledgers_above, study_ledger
from wsol.study.verification.plans import check_plan
from wsol.study.verification.scores import check_scores
from wsol.study.verification.sweep import check_sweep
from wsol.study.verification.values import check_values


def check_record(file: RecordFile, plugins: Plugins) -> Iterator[Outcome]:
    """Check what a record states against its own observations.

    Args:
        file: The record.
        plugins: Where components are found.

    Yields:
        What does not follow, and checks that were not made.
    """
    yield from check_values(file)
    yield from check_scores(file, plugins)
    yield from check_sweep(file, plugins)
    yield from check_conditions(file, plugins)


def check_study(folder: Path, files: Sequence[RecordFile], plugins: Plugins) -> Iterator[Outcome]:
    """Check the records of a study against each other, its plan, its sealed choices and its ledger.

    Args:
        folder: The study's folder.
        files: Its records.
        plugins: Where components are found.

    Yields:
        What does not follow, and checks that were not made.
    """
    ledgers = study_ledger(folder)
    yield from check_recorded(folder, files, ledgers)
    for file in files:
        yield from check_opening(file, ledgers)
    if all(file.record.reproduces is not None for file in files):
        return  # its plan and choices are those of the recorded study
    yield from check_identities(files)
    selection: Selection | None = None
    path = folder / SELECTION_NAME
    if path.exists():
        try:
            selection = read_selection(path)
        except WsolError as error:
            yield Finding(str(path), "selection", "sealed choices", one_line(error))
    for choice in selection.choices if selection is not None else ():
        yield from check_choice(choice, str(path), files)
    for file in files:
        if file.record.stage == "final":
            yield from check_final(file, selection)
    yield from check_plan(folder, files, selection, plugins)


def check_alone(file: RecordFile) -> Iterator[Outcome]:
    """Check a record outside the folder of a study: of third-party maps, the opening of test.

    Args:
        file: The record.

    Yields:
        What does not follow, and checks that were not made.
    """
    if file.record.stage == "score":
        yield from check_opening(file, ledgers_above(file))
    else:
        yield Skipped(file.name, "plan, choice and ledger", "it is not in the folder 'runs' of its study")
