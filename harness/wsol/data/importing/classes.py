"""Renaming, joining and dropping classes of a source."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wsol.data.benchmark import Report
from wsol.data.importing.entry import SourceImage, SourceObject
from wsol.errors import UsageError
from wsol.files import read_lines
from wsol.options import suggest

ClassMap = Mapping[str, str]
"""Class of the source → class of the import; empty: its objects are left out."""


def read_class_map(path: Path) -> dict[str, str]:
    """Read a class map: a line ``OLD=NEW`` for each class; ``OLD=`` leaves it out; empty lines and ``#`` are skipped.

    Raises:
        DataError: The file cannot be read.
        UsageError: A line is wrong, with file and line.
    """
    lines = enumerate(read_lines(path), start=1)
    return class_map((f"{path}:{n}", line) for n, line in lines if line.strip() and not line.lstrip().startswith("#"))


def class_map(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Make a class map.

    Args:
        items: For each class where it was given, for messages, and ``OLD=NEW``; the last ``=`` divides the names.

    Raises:
        UsageError: An item without ``=`` or old name, or an old name with two new ones.

    Example:
        >>> class_map([("--class", "Tabby cat=cat"), ("--class", "person=")])
        {'Tabby cat': 'cat', 'person': ''}
    """
    found: dict[str, str] = {}
    for where, item in items:
        old, equals, new = (part.strip() for part in item.rpartition("="))
        if not equals or not old:
            raise UsageError(f"{where}: '{item.strip()}' should be OLD=NEW, or OLD= to leave a class out")
        if found.setdefault(old, new) != new:
            raise UsageError(f"{where}: class '{old}' is mapped to '{found[old]}' already")
    return found


def rename_classes(
    images: Sequence[SourceImage], mapping: ClassMap, report: Report, *, only_mapped: bool = False
) -> list[SourceImage]:
    """Apply a class map.

    Args:
        images: Images of a source.
        mapping: New names; classes that it does not name keep theirs.
        report: Receives names of the map that no object has, and class names that differ only by case or white space,
            as problems; numbers of renamed and dropped objects as notes.
        only_mapped: Whether classes that the map does not name are left out.

    Returns:
        The images with the remaining objects, also those without any.
    """
    counts = Counter(item.category for image in images for item in image.objects)
    for old in mapping:
        if old not in counts:
            report("unknown class", f"class map: no object of the class '{old}'{suggest(old, counts)}")
    new = {old: mapping.get(old, "" if only_mapped else old) for old in counts}
    _note_changes(counts, new, report)
    _check_alike(new.values(), report)
    return [replace(image, objects=_renamed(image.objects, new)) for image in images]


def _renamed(objects: Sequence[SourceObject], new: ClassMap) -> tuple[SourceObject, ...]:
    return tuple(replace(item, category=new[item.category]) for item in objects if new[item.category])


def _note_changes(counts: Mapping[str, int], new: ClassMap, report: Report) -> None:
    for old, count in counts.items():
        if not new[old]:
            report("dropped class", f"class '{old}': {count} objects left out", note=True)
        elif new[old] != old:
            report("renamed class", f"class '{old}' → '{new[old]}': {count} objects", note=True)


def _check_alike(names: Iterable[str], report: Report) -> None:
    """Report classes whose names differ only by case, white space or Unicode form: they are one class to a reader."""
    first: dict[str, str] = {}
    for name in sorted(set(names)):
        key = "".join(unicodedata.normalize("NFC", name).casefold().split())
        if name and first.setdefault(key, name) != name:
            hint = f"map one to the other, '{name}={first[key]}'"
            report("similar classes", f"classes '{first[key]}' and '{name}' differ only in case or spaces: {hint}")


def parse_class_options(given: Sequence[str], file: Path | None) -> dict[str, str]:
    """Join a file of classes and options; an option replaces a line of the file.

    Args:
        given: ``OLD=NEW`` of each option.
        file: A file as :func:`read_class_map` reads it, or None.

    Raises:
        UsageError: An item is wrong.
        DataError: The file cannot be read.
    """
    return {**(read_class_map(file) if file else {}), **class_map(("class map", item) for item in given)}
