"""The checks of a verification in order: of each record by itself, and of each study."""

from __future__ import annotations

from collections.abc import Iterator

from wsol.registry import Plugins
from wsol.study.verification.finding import Outcome
from wsol.study.verification.folders import RecordFile
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
