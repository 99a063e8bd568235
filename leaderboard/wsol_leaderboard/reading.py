"""Reading records, each run once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import wsol


def read_records(folders: Sequence[Path], keep_going: bool = False) -> tuple[list[wsol.RunRecord], list[str]]:
    """Read all records below some folders.

    Args:
        folders: Folders, searched to any depth; they may overlap.
        keep_going: Skip records that cannot be read.

    Returns:
        The records, ordered by run id, and what is wrong with those that were skipped.

    Raises:
        DataError: A folder is missing, there is no record, a run has two different records, or, unless
            ``keep_going``, a record cannot be read.
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
        raise wsol.DataError(f"{where}: no records (*.record.json) here; give the results folder of a study")
    return distinct(sources), problems


def distinct(sources: Iterable[tuple[str, wsol.RunRecord]]) -> list[wsol.RunRecord]:
    """Drop repeated records.

    Args:
        sources: For each record, where it is from, for messages, and its content.

    Returns:
        Each run once, ordered by run id.

    Raises:
        DataError: Two records of one run id differ; the message names both sources.
    """
    kept: dict[str, tuple[str, wsol.RunRecord]] = {}
    for source, record in sources:
        first, known = kept.setdefault(record.run_id, (source, record))
        if known != record:
            raise wsol.DataError(f"{source}: run {record.run_id} differs from the one in {first}; keep one of the two")
    return [kept[run_id][1] for run_id in sorted(kept)]
