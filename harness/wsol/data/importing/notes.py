"""Notes that are counted: one line for each kind of thing, with how many there are and the first of them."""

from __future__ import annotations

from collections.abc import Sequence

from wsol.data.benchmark import Report

EXAMPLES = 3
"""Places that a note names."""


class CountedNotes:
    """Collects notes of equal text and reports each text once.

    Example:
        >>> notes = CountedNotes()
        >>> notes.add("flag", "objects marked difficult, kept", "a.xml:7")
        >>> notes.add("flag", "objects marked difficult, kept", "b.xml:7")
        >>> notes.report(lambda kind, message, note=False: print(message))
        objects marked difficult, kept: 2 (a.xml:7, b.xml:7)
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], list[str]] = {}

    def add(self, kind: str, text: str, place: str) -> None:
        """Count one more.

        Args:
            kind: Groups notes in reports.
            text: What is counted, in the plural, and what happens to it.
            place: Where it is.
        """
        self._places.setdefault((kind, text), []).append(place)

    def say(self, kind: str, text: str) -> None:
        """Add a note about the whole source, which is not counted."""
        self._places.setdefault((kind, text), [])

    def report(self, report: Report) -> None:
        """Report all notes, in the order in which their texts were first added."""
        for (kind, text), places in self._places.items():
            report(kind, f"{text}: {len(places)} ({listed(places)})" if places else text, note=True)


def listed(names: Sequence[str], most: int = EXAMPLES) -> str:
    """The first of many names.

    Example:
        >>> listed(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
