"""The files of a verification: records, and the studies that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wsol.errors import DataError, one_line
from wsol.evaluation.observation_file import observations_path
from wsol.files import hash_file
from wsol.records import RunRecord, find_records, read_record
from wsol.study.verification.finding import Finding


@dataclass(frozen=True)
class RecordFile:
    """A record with its file.

    Attributes:
        path: The file.
        record: Its content.
    """

    path: Path
    record: RunRecord

    @property
    def name(self) -> str:
        """The file's name in findings."""
        return str(self.path)

    @property
    def observations(self) -> Path:
        """The file of observations beside it."""
        return observations_path(self.path)

    @cached_property
    def sha256(self) -> str:
        """The hash of the file."""
        return hash_file(self.path)

    @property
    def study_folder(self) -> Path | None:
        """The folder of the study that the record is stored in; None for a record that stands alone."""
        return self.path.parent.parent if self.path.parent.name == "runs" else None


@dataclass(frozen=True)
class Evidence:
    """All records below the folders of a verification.

    Attributes:
        studies: Folder of a study → its records.
        alone: Records that are in no study's folder.
        broken: Records that cannot be read.
    """

    studies: dict[Path, list[RecordFile]]
    alone: list[RecordFile]
    broken: list[Finding]

    def __iter__(self) -> Iterator[RecordFile]:
        yield from (file for files in self.studies.values() for file in files)
        yield from self.alone


def collect(folders: Sequence[Path]) -> Evidence:
    """Read all records below some folders.

    Args:
        folders: Folders, searched to any depth; they may overlap.

    Raises:
        DataError: A folder does not exist, or there is no record.
    """
    found = gather(dict.fromkeys(find_records(folders)))
    if not (found.studies or found.alone or found.broken):
        where = ", ".join(map(str, folders))
        raise DataError(f"{where}: no records (*.record.json) here; give the results folder of a study")
    return found


def gather(paths: Iterable[Path], read: Callable[[Path], RunRecord] = read_record) -> Evidence:
    """Read records and sort them by study.

    Args:
        paths: Files of records; a file that is named twice is read once.
        read: Reads a record.
    """
    found = Evidence({}, [], [])
    seen: set[Path] = set()
    for path in paths:
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        try:
            file = RecordFile(path, read(path))
        except DataError as error:
            found.broken.append(Finding(str(path), "record", "a readable record", one_line(error)))
            continue
        folder = file.study_folder
        (found.alone if folder is None else found.studies.setdefault(folder, [])).append(file)
    return found
