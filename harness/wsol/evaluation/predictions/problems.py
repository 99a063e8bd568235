"""What is wrong with third-party predictions, collected by kind and reported all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from wsol.errors import DataError

NAMES_SHOWN = 10
_FORMS = {
    "s": ("", "s"),
    "es": ("", "es"),
    "are": ("is", "are"),
    "have": ("has", "have"),
    "they": ("it", "they"),
    "them": ("it", "them"),
    **{verb: (f"{verb}s", verb) for verb in ("come", "count", "end", "leave", "seem", "start")},
}
"""Word in a kind of problem → its singular and its plural."""


def counted(number: int, kind: str) -> str:
    """A number with a kind of problem, in the singular or the plural.

    Args:
        number: How many there are.
        kind: Template with words that have a plural in braces, as in the example.

    Returns:
        The number and the kind.

    Example:
        >>> counted(1, "box{es} {have} no area"), counted(2, "box{es} {have} no area")
        ('1 box has no area', '2 boxes have no area')
    """
    return f"{number} {kind.format_map({word: forms[number != 1] for word, forms in _FORMS.items()})}"


@dataclass
class Problems:
    """Problems found in a file or folder.

    Attributes:
        errors: Kind of problem → names of images, files or lines. Any error stops the command. A kind is a template for
            :func:`counted`.
        warnings: The same for problems that are only reported.
    """

    errors: dict[str, list[str]] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)

    def error(self, kind: str, *names: str) -> None:
        """Add names under a kind of error.

        Args:
            kind: Kind of error, a template for :func:`counted`.
            names: Names of images, files or lines; without any, nothing is added.
        """
        if names:
            self.errors.setdefault(kind, []).extend(names)

    def warn(self, kind: str, *names: str) -> None:
        """Add names under a kind of warning.

        Args:
            kind: Kind of warning, a template for :func:`counted`.
            names: Names of images, files or lines; without any, nothing is added.
        """
        if names:
            self.warnings.setdefault(kind, []).extend(names)

    def compare(self, found: Iterable[str], expected: Iterable[str]) -> None:
        """Add an error for expected images that are missing, and a warning for names that are not expected.

        Args:
            found: Names in the predictions.
            expected: Names of the split's images.
        """
        there, wanted = dict.fromkeys(found), dict.fromkeys(expected)
        self.error("image{s} of the split {are} missing", *(name for name in wanted if name not in there))
        self.warn(
            "name{s} {are} no image{s} of the split, and ignored", *(name for name in there if name not in wanted)
        )

    def check(self, path: Path) -> None:
        """Raise DataError with one line for each kind of error and warning if there is any error."""
        if self.errors:
            raise DataError("\n".join([f"{path}: cannot be used", *_lines(self.errors), *_lines(self.warnings)]))

    def warning_lines(self) -> list[str]:
        """One line for each kind of warning: the number, the kind and the first names."""
        return _lines(self.warnings)


def _lines(kinds: dict[str, list[str]]) -> list[str]:
    lines = []
    for kind, names in kinds.items():
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        lines.append(f"{counted(len(names), kind)}: {', '.join(names[:NAMES_SHOWN])}{more}")
    return lines
