"""The conditions of a ranking: those that follow from the record and its sealed choices, no more and no less."""

from __future__ import annotations

from collections.abc import Iterator

from wsol.errors import WsolError, one_line
from wsol.records import Condition, RunRecord
from wsol.registry import Plugins
from wsol.study.components_used import used_components
from wsol.study.conditions import Facts, file_marks, ranking_conditions
from wsol.study.identity import SPLIT
from wsol.study.selection import STEP_MARKS
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import RecordFile


def check_conditions(file: RecordFile, plugins: Plugins) -> Iterator[Outcome]:
    """Check that the conditions of a complete run are those of its options and accepted changes.

    The condition ``split`` follows from the identity. Marks that the steps of a study give do not follow from the
    record; those of a final run follow from the sealed choice, see :func:`wsol.study.selection.selection_marks`.

    Args:
        file: The record.
        plugins: Where components are found; without those of the run, marks of its options are not checked.

    Yields:
        Conditions that were removed, added or changed.
    """
    record = file.record
    if record.status != "complete":
        return
    marks = tuple(name for name in record.conditions if name in STEP_MARKS)
    try:
        of_files = _file_marks(record, plugins)
    except WsolError as error:
        yield Skipped(file.name, "marks of options", one_line(error))
        of_files = tuple(name for name in record.conditions if name not in ("changes accepted", SPLIT, *marks))
    expected = ranking_conditions(Facts(of_files, record.changes, marks, record.identity.get(SPLIT, "")))
    for name in dict.fromkeys([*expected, *record.conditions]):
        wanted, found = expected.get(name), record.conditions.get(name)
        if wanted != found:
            yield Finding(file.name, f"condition '{name}'", _shown(wanted), _shown(found))


def _file_marks(record: RunRecord, plugins: Plugins) -> tuple[str, ...]:
    if record.stage == "score":
        return ()  # of maps that were made elsewhere
    metrics = () if record.settings is None else record.settings.metrics
    return file_marks(used_components(record.train, record.evaluations, metrics, plugins, record.hparams))


def _shown(condition: Condition | None) -> str:
    return "none" if condition is None else f"{condition.value} (by default {condition.default})"
