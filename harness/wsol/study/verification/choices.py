"""The sealed choices: made among the stored trials, the best of them on val, and what the final runs were made from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from wsol.recipes import JsonObject, train_content
from wsol.records import RunRecord, record_hash
from wsol.study.identity import identity_hash
from wsol.study.selection import (
    INHERITED,
    STEP_MARKS,
    SealedChoice,
    Selection,
    selection_marks,
    selection_seal,
    val_result,
)
from wsol.study.verification.equality import differences
from wsol.study.verification.finding import Finding
from wsol.study.verification.folders import RecordFile
from wsol.study.verification.identities import accepted
from wsol.study.verification.sweep import best_index


def check_choice(choice: SealedChoice, where: str, files: Sequence[RecordFile]) -> Iterator[Finding]:
    """Check that the chosen trial is the best one on val by the records of the trials that were there.

    Args:
        choice: A sealed choice.
        where: The file that it is stored in, for findings.
        files: The records of the study.

    Yields:
        Trials whose records are missing or were changed after the choice, and a choice that is not the best one.
    """
    trials = {f.record.run_id: f for f in files if f.record.stage == "search" and same_training(f.record, choice)}
    what = f"line {choice.number}"
    for run_id, sealed in choice.records.items():
        if run_id not in trials:
            yield Finding(where, f"{what} record of {run_id}", "one, as the choice was made among it", "none")
            continue
        found = trials[run_id]
        # The file is what was sealed. A later version, whose records have further fields, seals what it read.
        if sealed not in (found.sha256, record_hash(found.record)):
            yield Finding(found.name, "content since the choice", f"{sealed[:16]}…", f"{found.sha256[:16]}…")
    among = [trials[run_id].record for run_id in choice.records if run_id in trials]
    for place, expected, stored in _best(choice, sorted(among, key=lambda trial: trial.trial)):
        yield Finding(where, f"{what}{place}", expected, stored)


def same_training(record: RunRecord, choice: SealedChoice) -> bool:
    """Whether a record is of the training that a choice was made for, wherever the data set is stored."""
    return train_content(record.train) == train_content(choice.train)


def _best(choice: SealedChoice, trials: Sequence[RunRecord]) -> Iterator[tuple[str, str, str]]:
    found = [(trial, result) for trial in trials if (result := val_result(trial, choice.evaluation)) is not None]
    scores = [
        (trial, result, result.metrics[result.primary]) for trial, result in found if result.primary in result.metrics
    ]
    if not scores:
        yield "", "the best of its trials", "no trial with a score"
        return
    values = [value.value for _, _, value in scores]
    trial, result, value = scores[best_index(values, scores[0][2].higher_is_better)]
    expected: JsonObject = {
        "trial": trial.trial,
        "hparams": trial.hparams,
        "swept": result.swept,
        "metric": result.primary,
        "value": value.value,
        "trials_done": sum(map(math.isfinite, values)),
    }
    yield from differences(expected, choice.model_dump(include=set(expected)))


def check_final(file: RecordFile, selection: Selection | None) -> Iterator[Finding]:
    """Check that a final run is of sealed choices.

    Args:
        file: The record of a final run.
        selection: The sealed choices of its study; None where there are none.

    Yields:
        What the run has that was not sealed.
    """
    record = file.record
    if selection is None:
        yield Finding(file.name, "selection", "a sealed choice of this study", "none")
        return
    used = []
    for index, evaluation in enumerate(record.evaluations):
        choice = next((c for c in selection.choices if same_training(record, c) and c.evaluation == evaluation), None)
        if choice is None:
            yield Finding(file.name, f"evaluation {index}", "a sealed choice", "none for its recipe")
        else:
            used.append(choice)
            yield from _check_chosen(file, index, choice)
    yield from _check_opening(file, used)
    yield from _check_marks(file, used)


def _check_marks(file: RecordFile, used: Sequence[SealedChoice]) -> Iterator[Finding]:
    """Check that the run has the marks of its choices; more of them where its data were checked again."""
    if file.record.status != "complete" or not used:
        return
    for mark in STEP_MARKS:
        expected, found = mark in selection_marks(used), mark in file.record.conditions
        if expected != found and not (mark in INHERITED and found):
            yield Finding(file.name, f"condition '{mark}'", f"{expected}, as sealed", str(found))


def _check_opening(file: RecordFile, used: Sequence[SealedChoice]) -> Iterator[Finding]:
    """Check that test was opened for the sealed choices, with the sealed identity."""
    record = file.record
    if record.test is None or not used:
        return
    seal, identities = selection_seal(used), identity_hash(used[0].identity)
    if record.test.selection != seal:
        yield Finding(file.name, "test selection", f"{seal}, as sealed", record.test.selection)
    if record.test.identities != identities and not accepted(record):
        yield Finding(file.name, "test identities", f"{identities}, as sealed", record.test.identities)


def _check_chosen(file: RecordFile, index: int, choice: SealedChoice) -> Iterator[Finding]:
    record = file.record
    names = ("plan", "trial", "hparams", "chosen_among")
    sealed: JsonObject = {name: getattr(choice, name) for name in names}
    stated: JsonObject = {name: getattr(record, name) for name in names}
    for result in record.results:
        if result.evaluation == choice.evaluation:
            sealed[f"{result.split} swept"], stated[f"{result.split} swept"] = choice.swept, result.swept
    for place, expected, found in differences(sealed, stated):
        yield Finding(file.name, f"evaluation {index}{place}", f"{expected}, as sealed", found)
    if record.seed not in choice.seeds:
        yield Finding(file.name, "seed", f"one of the sealed {list(choice.seeds)}", str(record.seed))
    if record.status == "complete" and not accepted(record):
        for line in choice.identity_differences(record):
            yield Finding(file.name, "identity", "that of the sealed trial", line)
