"""The files of a leaderboard, found from what a user names: folders, single files, or a shell's ``results/*``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import wsol

RECORD_SUFFIX = ".record.json"
LEDGER_NAME = "ledger.jsonl"
SELECTION_NAME = "selection.jsonl"
EVIDENCE = (LEDGER_NAME, SELECTION_NAME)
LEVELS = 3
"""Folders in which the evidence of a record may be: its own, the one above (of the study), the one above that (of the
results)."""


@dataclass(frozen=True)
class Places:
    """Files by the folder that was given.

    Attributes:
        folders: Folder → the records below it.
        single: Records that were given as files.
        evidence: OpeningEvidence below the folders, those that were given, and those above the records.
        selections: Sealed choices, in the same places.
    """

    folders: dict[Path, list[Path]]
    single: list[Path]
    ledgers: list[Path]
    selections: list[Path]


def find_places(given: Sequence[Path]) -> Places:
    """Find records and ledgers; a file that is reached in several ways is listed once.

    Args:
        given: Folders, records and ledgers. Files of other kinds are an error if they are given alone, and are ignored
            among several places: ``results/*`` names whatever is stored there.

    Returns:
        The files, by their real paths.

    Raises:
        DataError: A place does not exist, or is a file that is neither a record nor a ledger.
    """
    folders: dict[Path, list[Path]] = {}
    files: list[Path] = []
    for place in dict.fromkeys(path.resolve() for path in map(_existing, given)):
        if place.is_dir():
            below = list(_walk(place))
            folders[place] = list(filter(_is_record, below))
            files += [path for path in below if not _is_record(path)]
        elif _is_record(place) or place.name in EVIDENCE:
            files.append(place)
        elif len(given) == 1:
            raise wsol.DataError(f"{given[0]}: neither a folder nor a record (*{RECORD_SUFFIX})")
    seen: set[Path] = set()
    folders = {folder: _once(paths, seen) for folder, paths in folders.items()}
    single = _once(filter(_is_record, files), seen)
    evidence = _once([*files, *_above(seen)], set())
    named = {name: [path for path in evidence if path.name == name] for name in EVIDENCE}
    return Places(folders, single, named[LEDGER_NAME], named[SELECTION_NAME])


def _existing(path: Path) -> Path:
    if not path.exists():
        raise wsol.DataError(f"{path}: no such folder or file")
    return path


def _is_record(path: Path) -> bool:
    return path.name.endswith(RECORD_SUFFIX) and not path.name.startswith(".")


def _walk(folder: Path) -> Iterator[Path]:
    """Records, ledgers and sealed choices below a folder, in a fixed order; hidden folders, as Ray's, are left out."""
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found = (Path(place, name) for name in sorted(names))
        yield from (path for path in found if path.name in EVIDENCE or _is_record(path))


def _once(paths: Iterable[Path], seen: set[Path]) -> list[Path]:
    """Real paths that are not in ``seen`` yet, to which they are added; the folders of ``paths`` are real already."""
    kept = []
    for path in paths:
        real = path.resolve() if path.is_symlink() else path
        if real not in seen:
            seen.add(real)
            kept.append(real)
    return kept


def _above(records: Iterable[Path]) -> list[Path]:
    inner = sorted({path.parent for path in records})
    folders = dict.fromkeys(above for folder in inner for above in (folder, *list(folder.parents)[: LEVELS - 1]))
    return [path for folder in folders for name in EVIDENCE if (path := folder / name).is_file()]
