"""What is wrong with somebody's score maps, gathered by kind and reported all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from wsol.errors import DataError

NAMES_SHOWN = 10


@dataclass
class Problems:
    """Kind of problem → names of images, files or lines. Errors stop the scoring, warnings do not."""

    errors: dict[str, list[str]] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)

    def error(self, kind: str, *names: str) -> None:
        """Add names under a kind that stops the scoring."""
        if names:
            self.errors.setdefault(kind, []).extend(names)

    def warn(self, kind: str, *names: str) -> None:
        """Add names under a kind that is reported only."""
        if names:
            self.warnings.setdefault(kind, []).extend(names)

    def compare(self, found: Iterable[str], expected: Iterable[str]) -> None:
        """Images of the split that are missing are an error, names of no image of it a warning."""
        there, wanted = dict.fromkeys(found), dict.fromkeys(expected)
        self.error("images of the split are missing", *(name for name in wanted if name not in there))
        self.warn("names are no images of the split, and ignored", *(name for name in there if name not in wanted))

    def check(self, path: Path) -> None:
        """Raise DataError with one line a kind, warnings too, when there is any error."""
        if self.errors:
            raise DataError("\n".join([f"{path}: cannot be scored", *_lines(self.errors), *_lines(self.warnings)]))

    def warning_lines(self) -> list[str]:
        """One line a kind of warning: how many, what, and the first names."""
        return _lines(self.warnings)


def _lines(kinds: dict[str, list[str]]) -> list[str]:
    lines = []
    for kind, names in kinds.items():
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        lines.append(f"{len(names)} {kind}: {', '.join(names[:NAMES_SHOWN])}{more}")
    return lines
