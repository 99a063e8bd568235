"""The whole verification of some folders: every check in order, each yielding what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from wsol.registry import Plugins
from wsol.study.verification.checks import check_alone, check_record, check_study
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import Evidence, collect
from wsol.study.verification.words import Word

VerifyProgress = Callable[[int, int], None]
"""Called with the number of records that were checked, and of all records."""


@dataclass(frozen=True)
class VerificationReport:
    """What a verification found.

    Attributes:
        findings: What does not follow from what is stored.
        skipped: Checks that were not made.
        records: Number of records that were read.
        studies: Number of studies that they belong to.
        rescored: Whether the maps of all records were scored again.
    """

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    records: int
    studies: int
    rescored: bool = False

    @property
    def word(self) -> Word | Literal[""]:
        """What the verification can say of everything that it read; empty with a finding."""
        if self.findings:
            return ""
        return "rescored" if self.rescored else "consistent"

    def lines(self) -> list[str]:
        """One line for each finding, then one for each check that was not made."""
        return [*(finding.line() for finding in self.findings), *(skipped.line() for skipped in self.skipped)]

    def summary(self) -> str:
        """What was checked and found, in one line."""
        verdict = self.word or f"findings: {len(self.findings)}"
        skipped = f", checks not made: {len(self.skipped)}" if self.skipped else ""
        return f"records: {self.records}, studies: {self.studies}, {verdict}{skipped}"

    def to_json(self) -> dict[str, JsonValue]:
        """The report as a JSON object."""
        return {
            "word": self.word,
            "records": self.records,
            "studies": self.studies,
            "findings": [finding.to_json() for finding in self.findings],
            "skipped": [skipped.to_json() for skipped in self.skipped],
        }


def verify(
    folders: Sequence[Path],
    plugins: Plugins,
    *,
    progress: VerifyProgress | None = None,
) -> VerificationReport:
    """Check that everything below some folders follows from what is stored there.

    Args:
        folders: Folders with records, searched to any depth.
        plugins: Where metrics and, for the plan, all other components are found.
        progress: Called after each record.

    Returns:
        The findings.

    Raises:
        DataError: A folder does not exist or cannot be read, there is no record, or the ledger cannot be written.
    """
    evidence = collect(folders)
    outcomes = [*evidence.broken, *_outcomes(evidence, plugins, progress)]
    skipped = tuple(outcome for outcome in outcomes if isinstance(outcome, Skipped))
    return VerificationReport(
        findings=tuple(outcome for outcome in outcomes if isinstance(outcome, Finding)),
        skipped=skipped,
        records=len(list(evidence)) + len(evidence.broken),
        studies=len(evidence.studies),
    )


def _outcomes(evidence: Evidence, plugins: Plugins, progress: VerifyProgress | None) -> Iterator[Outcome]:
    files = list(evidence)
    for done, file in enumerate(files, 1):
        yield from check_record(file, plugins)
        if progress is not None:
            progress(done, len(files))
    for folder, records in evidence.studies.items():
        yield from check_study(folder, records, plugins)
    for file in evidence.alone:
        yield from check_alone(file)
