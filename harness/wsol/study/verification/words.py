"""The word that a leaderboard shows for each record: the cheap part of a verification, remembered between calls."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from wsol.data.cache import default_cache
from wsol.errors import DataError
from wsol.evaluation.observation_file import observations_path
from wsol.files import hash_file, write_atomic
from wsol.plugins import load_plugins
from wsol.recipes import Model
from wsol.records import RunRecord, read_record
from wsol.registry import Plugins
from wsol.study.verification.checks import check_record
from wsol.study.verification.comparison import agrees
from wsol.study.verification.finding import Finding, Skipped
from wsol.study.verification.folders import RecordFile, gather
from wsol.study.verification.openings import LedgerReader, check_opening
from wsol.study.verification.scores import SCORES

Word = Literal["consistent", "rescored", "reproduced"]
WORDS: tuple[Word, ...] = ("consistent", "rescored", "reproduced")
"""All words, from the weakest to the strongest."""
FILE_NAME = "verified.json"


@dataclass(frozen=True)
class Verification:
    """What a verification can say of a record.

    Attributes:
        word: ``consistent``: the scores follow from the stored observations, and hashes and ledger hold; ``rescored``:
            they were also recomputed from stored maps and the annotations on this computer; ``reproduced``: the run
            was trained again, and its record is among those given. Empty where there is a finding, or a metric is not
            installed.
        finding: The first finding, as one line; empty without one.
    """

    word: Word | Literal[""]
    finding: str = ""


class Entry(Model):
    """What the cache remembers of a record.

    Attributes:
        word: The word that the files earned.
        finding: (what, expected, found) of the first finding.
        record: The record without its numbers, which is compared with ledgers; None: the file must be read.
    """

    word: Literal["consistent", "rescored"] = "consistent"
    finding: tuple[str, str, str] | None = None
    record: RunRecord | None = None


class _File(Model):
    entries: dict[str, Entry]


class WordCache:
    """Words by the hash of everything that they depend on, in a file of the user's cache folder.

    A file that is missing or broken is as good as an empty one.

    Args:
        folder: Its folder; None: that of decoded images.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (default_cache() if folder is None else folder) / FILE_NAME
        self.entries = self._read()
        self._changed = False
        self._keys: dict[Path, str] = {}

    def _read(self) -> dict[str, Entry]:
        try:
            return dict(_File.model_validate_json(self.path.read_bytes()).entries)
        except (OSError, ValidationError):
            return {}

    def read(self, path: Path) -> RunRecord:
        """Read a record, without its numbers where its word is known: reading all of it takes some milliseconds.

        Raises:
            DataError: The file is missing, broken, or of another schema version.
        """
        entry = self.entries.get(self.key(path))
        return read_record(path) if entry is None or entry.record is None else entry.record

    def key(self, path: Path) -> str:
        """The key of a record, computed once."""
        if path not in self._keys:
            self._keys[path] = cache_key(path)
        return self._keys[path]

    def put(self, key: str, entry: Entry) -> None:
        """Remember a word."""
        self._changed |= self.entries.get(key) != entry
        self.entries[key] = entry

    def save(self) -> None:
        """Write the file if anything changed; a disk that is full or read-only costs a later recomputation."""
        if not self._changed:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, _File(entries={**self._read(), **self.entries}).model_dump_json())
        except (OSError, DataError):
            return
        self._changed = False


def cache_key(record: Path) -> str:
    """The hash of a record, its observations as they are on the disk, and the version of this package.

    Args:
        record: The file of the record.
    """
    files = f"{_hash(record)} {_hash(observations_path(record))}"
    return hashlib.sha256(f"{files} {importlib.metadata.version('wsol')}".encode()).hexdigest()


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError:
        return ""


def without_numbers(record: RunRecord) -> RunRecord:
    """What the cache keeps of a record: all that ledgers and other records are compared with, but no scores.

    Args:
        record: The record.
    """
    results = tuple(result.model_copy(update={"metrics": {}, "sweep": {}}) for result in record.results)
    lean = {"history": (), "identity": {}, "distributions": {}, "versions": {}, "hardware": {}, "results": results}
    return record.model_copy(update=lean)


def verify_words(
    paths: Iterable[Path],
    plugins: Plugins | None = None,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Path, Verification]:
    """Verify the final and scored ones of some records, as far as that costs little.

    Observations and their hashes are checked once for each content of the files; ledgers are read each time. A record
    of a trial is in no row, and gets no word: ``wsol verify`` checks it.

    Args:
        paths: Files of records, those of reproductions among them.
        plugins: Where metrics are found; None: all installed ones.
        cache: Folder of the file that remembers words; None: that of decoded images.
        progress: Called with the number of records that were verified, and of all that get a word.

    Returns:
        Path as given → the verification of its record; a path that cannot be read has a finding.

    Example:
        >>> verify_words([])
        {}
    """
    known, ledgers = WordCache(cache), LedgerReader()
    evidence = gather(paths, known.read)
    shown = [file for file in evidence if file.record.stage != "search"]
    plugins = load_plugins() if plugins is None and shown else plugins
    found = {Path(finding.file): Verification("", finding.line()) for finding in evidence.broken}
    for done, file in enumerate(shown, 1):
        assert plugins is not None
        found[file.path] = _verification(file, plugins, known, ledgers)
        if progress is not None:
            progress(done, len(shown))
    known.save()
    return found | _reproduced(shown, found)


def weakest_verification(verifications: Iterable[Verification]) -> Verification:
    """Join the verifications of the records of one row: the first finding, or the weakest word.

    Args:
        verifications: Those of the row's records.

    Example:
        >>> weakest_verification([Verification("reproduced"), Verification("consistent")]).word
        'consistent'
    """
    joined: list[Verification] = list(verifications)
    findings = [verification for verification in joined if verification.finding]
    if not findings and not all(verification.word for verification in joined):
        return Verification("")
    words = [word for word in WORDS if any(verification.word == word for verification in joined)]
    return findings[0] if findings else Verification(words[0] if words else "")


def _verification(file: RecordFile, plugins: Plugins, known: WordCache, ledgers: LedgerReader) -> Verification:
    finding = next(check_opening(file, ledgers.of(file)), None)
    if finding is not None:
        return Verification("", finding.line())
    key = known.key(file.path)
    entry = known.entries.get(key)
    if entry is None:
        outcomes = list(check_record(file, plugins))
        found = next((outcome for outcome in outcomes if isinstance(outcome, Finding)), None)
        if found is None and (skipped := [o.check for o in outcomes if isinstance(o, Skipped)]):
            return Verification("" if SCORES in skipped else "consistent")  # all is checked once the plugin is there
        entry = Entry(finding=None if found is None else (found.what, found.expected, found.found))
        entry = entry.model_copy(update={"record": without_numbers(file.record)})
        known.put(key, entry)
    if entry.finding is not None:
        return Verification("", Finding(file.name, *entry.finding).line())
    return Verification(entry.word)


def _reproduced(files: Sequence[RecordFile], found: Mapping[Path, Verification]) -> dict[Path, Verification]:
    """The records that another record repeats, in every result and with scores that agree."""
    repeats = [f for f in files if f.record.reproduces is not None and found[f.path].word]
    by_hash = {file.sha256: file for file in files if found[file.path].word}
    words = {}
    for repeat in repeats:
        assert repeat.record.reproduces is not None
        original = by_hash.get(repeat.record.reproduces.record)
        if original is None or original.record.reproduces is not None:
            continue
        if agrees(read_record(original.path), read_record(repeat.path)):  # with their numbers
            words[original.path] = Verification("reproduced")
    return words
