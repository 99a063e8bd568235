"""What a verification reports: one line for each thing that does not follow from what is stored."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True)
class Finding:
    """Something stored that does not follow from the rest of what is stored.

    Attributes:
        file: The file, as the user gave its folder.
        what: What is wrong, with the metric, split and evaluation where it belongs to one.
        expected: What follows from the other files.
        found: What is stored.

    Example:
        >>> Finding("runs/a.record.json", "seed", "17", "18").line()
        'runs/a.record.json: seed: expected 17, found 18'
    """

    file: str
    what: str
    expected: str
    found: str

    def line(self) -> str:
        """The finding as one line."""
        return " ".join(f"{self.file}: {self.what}: expected {self.expected}, found {self.found}".split())

    def to_json(self) -> dict[str, JsonValue]:
        """The finding as a JSON object."""
        return {"file": self.file, "what": self.what, "expected": self.expected, "found": self.found}


@dataclass(frozen=True)
class Skipped:
    """A check that was not made.

    Attributes:
        file: The file that was not checked.
        check: What was not checked.
        why: What it would need.
    """

    file: str
    check: str
    why: str

    def line(self) -> str:
        """The skipped check as one line."""
        return " ".join(f"{self.file}: not checked: {self.check}: {self.why}".split())

    def to_json(self) -> dict[str, JsonValue]:
        """The skipped check as a JSON object."""
        return {"file": self.file, "check": self.check, "why": self.why}


Outcome = Finding | Skipped
"""What a check yields."""
