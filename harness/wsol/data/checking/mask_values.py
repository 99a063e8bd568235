"""The pixel values of the masks of a split, and whether it is clear what each one means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsol.data.benchmark import Report
from wsol.data.masks.advice import MANY, SHOWN, advise_stating
from wsol.data.masks.levels import level_name
from wsol.data.masks.reader import LabelMasks

KIND = "undeclared mask values"
FEW = 3
"""A value in at most so many masks is named with the first of them."""


@dataclass(frozen=True)
class FileValues:
    """The values of one mask.

    Attributes:
        path: The file.
        values: The values, each with whether it is a colour.
        clear: Whether it is clear what each one means.
        follows: The value whose meaning is not stated but follows, see :class:`wsol.MaskRule`; None if there is none.
    """

    path: str
    values: tuple[tuple[int, bool], ...]
    clear: bool = True
    follows: tuple[int, bool] | None = None


def report_unsuitable(masks: LabelMasks, reasons: Mapping[int, str], report: Report) -> None:
    """Report mask files of kinds that do not say what is the object, each reason once.

    Args:
        masks: What reads the masks.
        reasons: Index of a mask → what is wrong with it.
        report: Receives the problems.
    """
    for reason, count in Counter(reasons.values()).most_common():
        first = masks.paths[min(index for index, other in reasons.items() if other == reason)]
        report("unsuitable mask", f"{first}: {reason}" + (f" (and {count - 1:,} more masks)" if count > 1 else ""))


def report_values(masks: LabelMasks, files: Sequence[FileValues], report: Report) -> None:
    """Report values whose meaning is not clear, each with the number of masks that have it.

    Args:
        masks: What reads the masks.
        files: The values of each mask that could be read.
        report: Receives one problem at most, and a note.
    """
    unclear = [file for file in files if not file.clear]
    rule = masks.rule
    if unclear:
        named = sorted({value for file in files for value in file.values}, key=lambda value: (value[1], value[0]))
        coloured = any(colour for _, colour in named)
        numbers = [value for value, colour in named if colour == coloured]
        most = max(len(file.values) for file in unclear)
        absent = rule.object is not None and not any(value in rule.object for value in numbers)
        report(
            KIND,
            f"{_counts(files, named)}{', none of them stated to be the object' if absent else ''}, and not every one "
            f"is stated to be object or background; {masks.advise(numbers, coloured, most)}",
        )
    following = Counter(file.follows for file in files if file.follows is not None)
    if len(following) > 1 and not unclear:
        what = "the object" if rule.follows == "object" else "the background"
        advice = advise_stating(rule.follows, sorted(following)[:SHOWN])
        report(KIND, f"{_counts(files, sorted(following))}, each the only one that could be {what}; {advice}")
    soft = [file for file in files if len(file.values) > MANY and file.clear]
    if soft:
        levels = max(len(file.values) for file in soft)
        report(
            "many mask values",
            f"{len(soft):,} of {len(files):,} masks have up to {levels} values, first {soft[0].path}: if these are "
            "blurred edges rather than numbered objects, state a threshold instead of values",
            note=True,
        )


def _counts(files: Sequence[FileValues], named: Sequence[tuple[int, bool]]) -> str:
    """The values with the number of masks that have each, and the first of a few."""
    counts = Counter(value for file in files for value in file.values)
    texts = []
    for value in named[:SHOWN]:
        name, count = level_name(*value), counts[value]
        first = next(file.path for file in files if value in file.values)
        texts.append(f"{name} (in {count:,}" + (f", first {first})" if count <= FEW and count < len(files) else ")"))
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"{len(files):,} masks have the values {', '.join(texts)}{more}"
