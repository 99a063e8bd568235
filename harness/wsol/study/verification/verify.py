"""The whole verification of some folders: every check in order, each yielding what it finds."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from wsol.registry import Plugins
from wsol.study.ledger import FILE_NAME as LEDGER_NAME
from wsol.study.study_folder import PLAN_NAME, SELECTION_NAME
from wsol.study.verification.checks import check_alone, check_gallery, check_record, check_study
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import Evidence, collect
from wsol.study.verification.maps import MAPS, Rescoring
from wsol.study.verification.scores import SCORES
from wsol.study.verification.words import Entry, Word, WordCache, cache_key, without_numbers

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
        rescored: Whether the test maps of all final runs were scored again.
    """

    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    records: int
    studies: int
    rescored: bool = False

    @property
    def word(self) -> Word | Literal[""]:
        """What the verification can say of all records; empty if anything is wrong, or a metric is not installed."""
        if self.findings or any(skipped.check == SCORES for skipped in self.skipped):
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
    rescoring: Rescoring | None = None,
    cache: Path | None = None,
    progress: VerifyProgress | None = None,
) -> VerificationReport:
    """Check that everything below some folders follows from what is stored there.

    Args:
        folders: Folders with records, searched to any depth.
        plugins: Where metrics and, for the plan, all other components are found.
        rescoring: Also score stored maps again; this opens annotations, of test too. None: no annotation is opened.
        cache: Folder of the file that remembers which records were rescored; None: that of decoded images.
        progress: Called after each record.

    Returns:
        The findings.

    Raises:
        DataError: A folder does not exist or cannot be read, there is no record, or the ledger cannot be written.
    """
    evidence = collect(folders)
    outcomes = [*evidence.broken, *_outcomes(evidence, plugins, progress)]
    if rescoring is not None:
        outcomes += _rescored(evidence, rescoring, {o.file for o in outcomes if isinstance(o, Finding)}, cache)
    skipped = tuple(outcome for outcome in outcomes if isinstance(outcome, Skipped))
    return VerificationReport(
        findings=tuple(outcome for outcome in outcomes if isinstance(outcome, Finding)),
        skipped=skipped,
        records=len(list(evidence)) + len(evidence.broken),
        studies=len(evidence.studies),
        rescored=rescoring is not None and not any(s.check.startswith(MAPS) for s in skipped),
    )


def _outcomes(evidence: Evidence, plugins: Plugins, progress: VerifyProgress | None) -> Iterator[Outcome]:
    files = list(evidence)
    for done, file in enumerate(files, 1):
        yield from check_record(file, plugins)
        yield from check_gallery(file)
        if progress is not None:
            progress(done, len(files))
    for folder, records in evidence.studies.items():
        yield from check_study(folder, records, plugins)
    for file in evidence.alone:
        yield from check_alone(file)


def _rescored(evidence: Evidence, rescoring: Rescoring, wrong: Container[str], cache: Path | None) -> Iterator[Outcome]:
    """Score the maps of all records again, except where anything of their study is wrong: its test stays closed."""
    known = WordCache(cache)
    for folder, files in [*evidence.studies.items(), *((file.path, [file]) for file in evidence.alone)]:
        names = [str(folder), *(file.name for file in files), *(str(file.observations) for file in files)]
        names += [str(folder / name) for name in (LEDGER_NAME, PLAN_NAME, SELECTION_NAME)]
        if any(name in wrong for name in names):
            yield Skipped(str(folder), MAPS, "there are findings, so that test stays closed")
            continue
        for file in files:
            outcomes = list(rescoring.check(file))
            if not outcomes and file.record.stage == "final" and file.record.status == "complete":
                known.put(cache_key(file.path), Entry(word="rescored", record=without_numbers(file.record)))
            yield from outcomes
    known.save()
