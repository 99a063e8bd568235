"""Identities and data: equal for all runs of a recipe, unless a change was accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.recipes import content_hash, train_content
from wsol.records import RunRecord
from wsol.study.identity import differences
from wsol.study.verification.finding import Finding
from wsol.study.verification.folders import RecordFile

ACCEPTED = "changes accepted"
"""The mark of a run whose identity differs from that of the search or the seal, which the user accepted."""


def check_identities(files: Sequence[RecordFile]) -> Iterator[Finding]:
    """Compare identities and data of the complete runs of each recipe with those of its first trial.

    Args:
        files: The records of a study.

    Yields:
        A first run without an identity, and differences that no mark accepts; test data must be equal in any case.
    """
    cells: dict[str, list[RecordFile]] = {}
    for file in sorted(files, key=lambda f: (f.record.stage != "search", f.record.trial, f.record.run_id)):
        if file.record.status == "complete":
            cells.setdefault(content_hash(train_content(file.record.train)), []).append(file)
    for first, *others in cells.values():
        if not first.record.identity:
            yield Finding(first.name, "identity", "code, versions and rules", "none")
        for other in others:
            yield from _compare(first, other)
    yield from _test_data([file for found in cells.values() for file in found])


def _compare(first: RecordFile, other: RecordFile) -> Iterator[Finding]:
    if accepted(other.record):
        return
    before, now = (_without_weights(file.record) for file in (first, other))
    for line in differences(before, now, f"in {first.record.run_id}", later=f"in {other.record.run_id}"):
        yield Finding(other.name, "identity", f"that of {first.record.run_id}", line)
    for split in sorted((first.record.data.keys() & other.record.data.keys()) - {"test"}):
        line = first.record.data[split].difference(other.record.data[split])
        if line:
            yield Finding(other.name, f"data of {split}", f"those of {first.record.run_id}", line)


def _without_weights(record: RunRecord) -> dict[str, str]:
    """The identity of a run without its weights: trials may draw the file."""
    return {name: value for name, value in record.identity.items() if not name.startswith("weights ")}


def _test_data(files: Sequence[RecordFile]) -> Iterator[Finding]:
    """Compare the test data of all runs on one benchmark."""
    known: dict[str, RecordFile] = {}
    for file in files:
        test = file.record.data.get("test")
        if test is None:
            continue
        first = known.setdefault(file.record.train.benchmark.model_dump_json(), file)
        line = first.record.data["test"].difference(test)
        if line:
            yield Finding(file.name, "data of test", f"those of {first.record.run_id}", line)


def accepted(record: RunRecord) -> bool:
    """Whether the user accepted that the identity of a run differs from that of its search or seal."""
    mark = record.conditions.get(ACCEPTED)
    return mark is not None and mark.value != mark.default
