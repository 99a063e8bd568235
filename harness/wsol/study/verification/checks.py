"""The checks of a verification in order: of each record by itself, and of each study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from wsol.errors import DataError, WsolError, one_line
from wsol.registry import Plugins
from wsol.study.gallery_file import gallery_folder, hash_gallery
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


def check_gallery(file: RecordFile) -> Iterator[Outcome]:
    """Check that the stored pictures of a run are those that it drew.

    Args:
        file: The record; pictures that were deleted decide no number.

    Yields:
        Other pictures, and those that are not stored as not checked.
    """
    folder = gallery_folder(file.path)
    try:
        found = hash_gallery(folder)
    except DataError as error:
        yield Finding(str(folder), "gallery", "pictures that can be read", one_line(error))
        return
    if not found and file.record.gallery:
        yield Skipped(str(folder), "gallery", "it is not stored")
    elif found != file.record.gallery:
        yield Finding(str(folder), "SHA-256", f"{file.record.gallery[:16] or 'no gallery'} of the record", found[:16])


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
