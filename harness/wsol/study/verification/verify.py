"""The whole verification of some folders: every check in order, each yielding what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from wsol.registry import Plugins
from wsol.study.verification.checks import check_record
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import Evidence, collect

CONSISTENT = "consistent"
VerifyProgress = Callable[[int, int], None]
"""Called with the number of records that were checked, and of all records."""


@dataclass(frozen=True)
class Report:
    """What a verification found.

    Attributes:
        findings: What does not follow from what is stored.
        skipped: Checks that were not made.
        records: Number of records that were read.
        studies: Number of studies that they belong to.
    """

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    records: int
    studies: int

    def lines(self) -> list[str]:
        """One line for each finding, then one for each check that was not made."""
        return [*(finding.line() for finding in self.findings), *(skipped.line() for skipped in self.skipped)]

    def summary(self) -> str:
        """What was checked and found, in one line."""
        verdict = f"findings: {len(self.findings)}" if self.findings else CONSISTENT
        skipped = f", checks not made: {len(self.skipped)}" if self.skipped else ""
        return f"records: {self.records}, studies: {self.studies}, {verdict}{skipped}"

    def to_json(self) -> dict[str, JsonValue]:
        """The report as a JSON object."""
        return {
            "word": "" if self.findings else CONSISTENT,
            "records": self.records,
            "studies": self.studies,
            "findings": [finding.to_json() for finding in self.findings],
            "skipped": [skipped.to_json() for skipped in self.skipped],
        }


def verify(folders: Sequence[Path], plugins: Plugins, progress: VerifyProgress | None = None) -> Report:
    """Check that everything below some folders follows from what is stored there; opens no annotation.

    Args:
        folders: Folders with records, searched to any depth.
        plugins: Where metrics and, for the plan, all other components are found.
        progress: Called after each record.

    Returns:
        The findings.

    Raises:
        DataError: A folder does not exist or cannot be read, or there is no record.
    """
    evidence = collect(folders)
    outcomes = [*evidence.broken, *_outcomes(evidence, plugins, progress)]
    return Report(
        findings=tuple(outcome for outcome in outcomes if isinstance(outcome, Finding)),
        skipped=tuple(outcome for outcome in outcomes if isinstance(outcome, Skipped)),
        records=len(list(evidence)) + len(evidence.broken),
        studies=len(evidence.studies),
    )


def _outcomes(evidence: Evidence, plugins: Plugins, progress: VerifyProgress | None) -> Iterator[Outcome]:
    files = list(evidence)
    for done, file in enumerate(files, 1):
        yield from check_record(file, plugins)
        if progress is not None:
            progress(done, len(files))
