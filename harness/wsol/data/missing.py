"""Files of a list that are not there: one message for a whole folder, not one for each of its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from wsol.data.benchmark import Report


@dataclass(frozen=True)
class MissingFiles:
    """At least two files of a list that are missing together.

    Attributes:
        folder: The folder of all of them: one that does not exist, or one that contains none of the list's files.
        rows: Their positions in the list.
    """

    folder: str
    rows: tuple[int, ...]

    def text(self, what: str) -> str:
        """What is missing, as the end of a sentence.

        Args:
            what: What the files are: ``"images of train"``.
        """
        if os.path.isdir(self.folder):
            return f"none of the {len(self.rows)} {what} is below the folder '{self.folder}'"
        return f"the folder '{self.folder}' does not exist, where {len(self.rows)} {what} should be"


def missing_together(paths: Sequence[str]) -> list[MissingFiles]:
    """Group the files that are missing because their folder is.

    Args:
        paths: The files; empty texts are skipped.

    Returns:
        One group if no file of the list exists, otherwise one for each folder that does not exist. A group has at least
        two files; single ones are in none.
    """
    rows = [row for row, path in enumerate(paths) if path]
    folders = {row: os.path.dirname(paths[row]) for row in rows}
    if len(rows) > 1 and not any(os.path.lexists(paths[row]) for row in rows):
        return [MissingFiles(_first_missing(os.path.commonpath(set(folders.values()))), tuple(rows))]
    absent = {folder: _first_missing(folder) for folder in set(folders.values()) if not os.path.isdir(folder)}
    groups: dict[str, list[int]] = {}
    for row in rows:
        if folders[row] in absent:
            groups.setdefault(absent[folders[row]], []).append(row)
    return [MissingFiles(folder, tuple(found)) for folder, found in groups.items() if len(found) > 1]


def report_missing(paths: Sequence[str], kind: str, what: str, report: Report) -> frozenset[str]:
    """Report the files that are missing together, one message a group.

    Args:
        paths: The files; empty texts are skipped.
        kind: Kind of the problems.
        what: What the files are: ``"masks"``.
        report: Receives the problems.

    Returns:
        The files that were reported.
    """
    groups = missing_together(paths)
    for group in groups:
        report(kind, f"{paths[group.rows[0]]}: no such image; {group.text(what)}")
    return frozenset(paths[row] for group in groups for row in group.rows)


def _first_missing(folder: str) -> str:
    """The folder, or the outermost one around it that does not exist."""
    while not os.path.isdir(folder) and folder != (parent := os.path.dirname(folder)):
        if os.path.isdir(parent):
            break
        folder = parent
    return folder
