"""What a check found: for each split its content, its problems, and what is worth knowing without being a problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wsol.data.checking.shares import ObjectShares
from wsol.split_names import Split

SHOWN = 20
"""Most messages of a kind that are printed by default."""


def unbroken(text: str) -> str:
    """A text as one line: line breaks are escaped."""
    return text.replace("\n", "\\n").replace("\r", "\\r")


@dataclass(frozen=True)
class Problem:
    """A problem in a data set, or a note about it.

    Attributes:
        kind: Groups problems in reports: ``bad box``, ``unreadable image``.
        message: What is wrong, and where: one line, in which line breaks of names are escaped.
    """

    kind: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", unbroken(self.message))


@dataclass
class SplitReport:
    """What a split contains, its problems and notes.

    It is a :class:`wsol.Report`: called with a kind and a message, it adds a problem, or with ``note=True`` a note.

    Attributes:
        split: The split.
        images: Number of images.
        classes: Number of classes with an image.
        boxes: Number of boxes.
        masked: Number of images with masks.
        box_shares: Shares of the boxes in their images; None without boxes.
        mask_shares: Shares of the objects in the pixels of masks that are not ignored; None without masks.
        usable: Whether a study can read the split despite its problems.
        problems: The problems, in the order they were found; the data are refused because of them.
        notes: What the user should know, for example files that are left out. The data are not refused.
    """

    split: Split
    images: int = 0
    classes: int = 0
    boxes: int = 0
    masked: int = 0
    box_shares: ObjectShares | None = None
    mask_shares: ObjectShares | None = None
    usable: bool = True
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def __call__(self, kind: str, message: str, *, note: bool = False) -> None:
        """Add a problem or a note.

        Args:
            kind: Kind of the problem.
            message: What is wrong, and where.
            note: Whether the data can be used as they are.
        """
        (self.notes if note else self.problems).append(Problem(kind, message))


@dataclass(frozen=True)
class ProblemGroup:
    """The problems or notes of one kind, as they are printed.

    Attributes:
        kind: The kind.
        count: Their number.
        messages: The first of their messages.
    """

    kind: str
    count: int
    messages: tuple[str, ...]

    def lines(self, rest: str) -> list[str]:
        """One line for each message, indented, and one for the messages that are left out.

        Args:
            rest: What prints them: ``"--limit 0"``.
        """
        left = self.count - len(self.messages)
        more = [f"  … and {left} more; {rest} prints all"] if left else []
        return [*(f"  {message}" for message in self.messages), *more]


@dataclass(frozen=True)
class CheckReport:
    """The result of checking a data set.

    Attributes:
        benchmark: Name of the benchmark.
        splits: The result for each split.
    """

    benchmark: str
    splits: tuple[SplitReport, ...]

    @property
    def problems(self) -> list[Problem]:
        """The problems of all splits."""
        return [problem for split in self.splits for problem in split.problems]

    @property
    def notes(self) -> list[Problem]:
        """The notes of all splits."""
        return [note for split in self.splits for note in split.notes]

    def counts(self) -> dict[str, int]:
        """The number of problems of each kind, the most frequent first."""
        return count_kinds(self.problems)


def count_kinds(problems: Iterable[Problem]) -> dict[str, int]:
    """Count problems by kind, the most frequent first."""
    return dict(Counter(problem.kind for problem in problems).most_common())


def grouped(problems: Sequence[Problem], limit: int = SHOWN) -> list[ProblemGroup]:
    """Group problems or notes by kind, the most frequent first.

    Args:
        problems: The problems.
        limit: Most messages of a kind; 0: all.
    """
    kinds = count_kinds(problems)
    messages = {kind: [problem.message for problem in problems if problem.kind == kind] for kind in kinds}
    return [ProblemGroup(kind, count, tuple(messages[kind][: limit or None])) for kind, count in kinds.items()]
