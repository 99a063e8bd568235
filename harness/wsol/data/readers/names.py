"""Matching the names in annotation files with those of files."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Callable, Sequence
from functools import cached_property

from wsol.data.benchmark import Report
from wsol.files import leads_outside

LONGEST = 1000
"""Most characters of a name in a message."""


class NameMatcher:
    """Finds names among those of files: exactly, or in another Unicode form.

    macOS may store ``é`` as two characters where another system stores one. Both look the same, so a name matches the
    only file with the same NFC form. Every other difference is an error, with a hint for a near miss.

    Args:
        names: Names of the files, each once.

    Example:
        >>> from wsol.data.readers.names import NameMatcher
        >>> matcher = NameMatcher(["cat/1.jpg", "dog/2.jpg"])
        >>> matcher.find("dog/2.jpg"), matcher.find("val/cat/1.JPG")
        (1, None)
        >>> matcher.near("val/cat/1.JPG")
        (0, "; did you mean 'cat/1.jpg' (upper and lower case differ)?")
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._rows = {name: row for row, name in enumerate(names)}
        self._other_forms: dict[str, str] = {}

    def find(self, name: str) -> int | None:
        """The position of a name; None if there is no such file, or there are several with the same NFC form."""
        row = self._rows.get(name)
        if row is None and not name.isascii():
            rows = self._by_form.get(nfc(name), [])
            if len(rows) == 1:
                row = rows[0]
                self._other_forms.setdefault(name, self.names[row])
        return row

    def near(self, name: str) -> tuple[int | None, str]:
        """Look for a file that an unknown name may mean.

        Args:
            name: A name that :meth:`find` does not find.

        Returns:
            The position of the only near miss, or None; and what to append to the message: a hint, or nothing.
        """
        parts = [part for part in nfc(name).replace("\\", "/").split("/") if part not in ("", ".")]
        for index in self._looser:
            for start in range(len(parts)):
                rows = index.rows("/".join(parts[start:]))
                if len(rows) == 1:
                    meant = self.names[rows[0]]
                    return rows[0], f"; did you mean '{meant}'{_difference(name, meant)}?"
                if rows and index is self._looser[0]:
                    forms = " and ".join(f"{self.names[row]!a}" for row in rows[:2])
                    return None, f"; {len(rows)} files have this name in other Unicode forms: {forms}; rename them"
                if rows:
                    return None, f"; {len(rows)} files have nearly this name, such as '{self.names[rows[0]]}'"
        return None, ""

    def note_other_forms(self, source: str, report: Report) -> None:
        """Note how many names were matched in another Unicode form.

        Args:
            source: Where the names come from.
            report: Receives the note.
        """
        if self._other_forms:
            count, (first, meant) = len(self._other_forms), next(iter(self._other_forms.items()))
            text = f"{source}: {count} {'name is' if count == 1 else 'names are'} stored in another Unicode form"
            report("other Unicode form", f"{text} than the files, and matched: {first!a}: {meant!a}", note=True)

    @cached_property
    def _by_form(self) -> dict[str, list[int]]:
        return _group(self.names, nfc)

    @cached_property
    def _looser(self) -> tuple[_Index, ...]:
        """Ways to compare names, the strictest first."""
        return tuple(_Index(self.names, form) for form in (nfc, _spaces, comparable_name, _stem, _file_stem))


class _Index:
    """Names by a form of them, which is computed when it is first used."""

    def __init__(self, names: Sequence[str], form: Callable[[str], str]) -> None:
        self._names = names
        self._form = form

    def rows(self, name: str) -> list[int]:
        """Positions of the names whose form is that of ``name``."""
        return self._grouped.get(self._form(name), [])

    @cached_property
    def _grouped(self) -> dict[str, list[int]]:
        return _group(self._names, self._form)


def nfc(name: str) -> str:
    """The composed Unicode form of a name."""
    return unicodedata.normalize("NFC", name)


def find_path(folder: str, name: str) -> str:
    """Find a file whose name may be stored in another Unicode form.

    Args:
        folder: An existing folder.
        name: Path below it, with slashes.

    Returns:
        The path of the file, or ``folder/name`` if it is not there or not the only one of this form.
    """
    given = path = f"{folder}/{name}"
    if name.isascii() or os.path.lexists(given):
        return given
    path = folder
    for part in name.split("/"):
        if not os.path.lexists(f"{path}/{part}"):
            same = [other for other in listed(path) if nfc(other) == nfc(part)]
            if len(same) != 1:
                return given
            part = same[0]
        path = f"{path}/{part}"
    return path


def listed(folder: str) -> list[str]:
    """Names in a folder, sorted; none if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def name_problem(name: str) -> str:
    """Check whether the name of a file can be an image id.

    Args:
        name: A path below the folder of a split.

    Returns:
        What is wrong with it, as the end of a sentence; an empty string for a name that can be used.
    """
    if name.isascii() and name.isprintable() and name == name.strip():
        return ""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        return "contains a line break or another control character"
    if name != name.strip():
        return "begins or ends with a space, which box files lose"
    return ""


def id_problem(name: str) -> str:
    """Check whether a name in an annotation file can be that of a file of the data set.

    Args:
        name: A path below the folder of the data set.

    Returns:
        What is wrong, as a sentence that begins with the name; an empty string for a name that can be used.

    Example:
        >>> from wsol.data.readers.names import id_problem
        >>> id_problem("../1.jpg")
        "'../1.jpg' leads out of the data folder"
    """
    if leads_outside(name):
        return f"'{shown(name)}' leads out of the data folder"
    problem = name_problem(name)
    return f"'{shown(name)}' {problem}" if problem else ""


def shown(name: str) -> str:
    """A name for messages: one line, printable, and not longer than any file name; other characters are escaped."""
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}…"
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def _group(names: Sequence[str], form: Callable[[str], str]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        grouped.setdefault(form(name), []).append(row)
    return grouped


def comparable_name(name: str) -> str:
    """A form that is equal for names which differ only in upper and lower case, spaces around parts or Unicode form."""
    return nfc(_spaces(name).casefold())


def _spaces(name: str) -> str:
    return "/".join(part.strip() for part in nfc(name).replace("\\", "/").split("/"))


def _stem(name: str) -> str:
    return posixpath.splitext(comparable_name(name))[0]


def _file_stem(name: str) -> str:
    return posixpath.basename(_stem(name))


def _difference(name: str, meant: str) -> str:
    """Why ``name`` is not ``meant``, in brackets; an empty string where several things differ."""
    name, meant = nfc(name), nfc(meant)
    if name.replace("\\", "/") == meant.replace("\\", "/"):
        return " (with '/' between folders)" if "\\" in name else " ('/' and '\\' differ)"
    if _spaces(name) == _spaces(meant):
        return " (spaces differ)"
    if name.endswith(f"/{meant}"):
        return f" (without '{name[: -len(meant)]}')"
    if meant.endswith(f"/{name}"):
        return " (with its folder)"
    if name.replace("\\", "/").rpartition("/")[2] == meant.rpartition("/")[2]:
        return " (in another folder)"
    if comparable_name(name).endswith(comparable_name(meant)):
        return " (upper and lower case differ)"
    return " (the ending differs)" if _stem(name) == _stem(meant) else ""
