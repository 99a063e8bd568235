"""Records from folders, each run once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import wsol


def read_records(folders: Sequence[Path], keep_going: bool = False) -> tuple[list[wsol.RunRecord], list[str]]:
    """All records below ``folders``, which may overlap, and what was wrong with those that were skipped.

    Raises DataError for a missing folder, for folders without any record, for two different records of one run, and,
    unless ``keep_going``, for a record that cannot be read (the message names the file).
    """
    sources: list[tuple[str, wsol.RunRecord]] = []
    problems: list[str] = []
    for path in dict.fromkeys(path.resolve() for path in wsol.find_records(folders)):
        try:
            sources.append((str(path), wsol.read_record(path)))
        except wsol.DataError as error:
            if not keep_going:
                raise
            problems.append(str(error))
    if not sources and not problems:
        where = ", ".join(map(str, folders))
        raise wsol.DataError(f"{where}: no records (*.record.json) here; give the folder that `wsol run` wrote")
    return distinct(sources), problems


def distinct(sources: Iterable[tuple[str, wsol.RunRecord]]) -> list[wsol.RunRecord]:
    """Each run once, ordered by run id; raises DataError, naming both sources, when one id has two contents."""
    kept: dict[str, tuple[str, wsol.RunRecord]] = {}
    for source, record in sources:
        first, known = kept.setdefault(record.run_id, (source, record))
        if known != record:
            raise wsol.DataError(f"{source}: run {record.run_id} differs from the one in {first}; keep one of the two")
    return [kept[run_id][1] for run_id in sorted(kept)]
