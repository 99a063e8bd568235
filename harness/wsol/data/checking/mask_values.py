"""The pixel values of the masks of a split, and whether it is clear what each one means."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsol.data.benchmark import Report
from wsol.data.masks.advice import MANY, SHOWN, advise_few, advise_stating, looks_soft, with_other_commands
from wsol.data.masks.levels import level_name
from wsol.data.masks.reader import LabelMasks
from wsol.data.masks.rule import MaskRule

UNCLEAR_MASKS = "undeclared mask values"
UNSUITABLE_MASKS = "unsuitable mask"
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
        more = f" (and {count - 1:,} more masks)" if count > 1 else ""
        report(UNSUITABLE_MASKS, with_other_commands(f"{first}: {reason}{more}"))


def report_values(masks: LabelMasks, files: Sequence[FileValues], report: Report) -> None:
    """Report values whose meaning is not clear, each with the number of masks that have it.

    Args:
        masks: What reads the masks.
        files: The values of each mask that could be read.
        report: Receives one problem at most, and a note.
    """
    unclear = [file for file in files if not file.clear]
    if unclear:
        report(UNCLEAR_MASKS, with_other_commands(_unclear(masks, files, unclear)))
        return
    following = sorted({file.follows for file in files if file.follows is not None})
    if len(following) > 1:
        role = masks.rule.follows
        what = "the object" if role == "object" else "the background"
        advice = with_other_commands(advise_stating(role, following))
        report(UNCLEAR_MASKS, f"{count_values(files, following)}, each the only one that could be {what}; {advice}")
    hint = "if these are blurred edges rather than numbered objects, state a threshold instead of values"
    note_many_values(files, MANY, hint, report)


def note_many_values(files: Sequence[FileValues], most: int, hint: str, report: Report) -> None:
    """Note masks with more than ``most`` values, which are read nevertheless.

    Args:
        files: The values of each mask that could be read.
        most: Most values that are not worth a note.
        hint: What they may be, and what then to do.
        report: Receives the note.
    """
    many = [file for file in files if len(file.values) > most and file.clear]
    if many:
        levels = max(len(file.values) for file in many)
        text = f"{len(many):,} of {len(files):,} masks have up to {levels} values, first {many[0].path}: {hint}"
        report("many mask values", text, note=True)


def _unclear(masks: LabelMasks, files: Sequence[FileValues], unclear: Sequence[FileValues]) -> str:
    """The values of masks, not all of which are clear, with advice."""
    named = _values(files)
    coloured = any(colour for _, colour in named)
    numbers = [value for value, colour in named if colour == coloured]
    most = max(len(file.values) for file in unclear)
    absent = masks.rule.object is not None and not any(value in masks.rule.object for value in numbers)
    none = ", none of them stated to be the object" if absent else ""
    advice = "" if looks_soft(numbers, coloured, most) else _advice_for_few(masks, files, len(unclear), named)
    return (
        f"{count_values(files, named)}{none}, and not every one is stated to be object or background; "
        f"{advice or masks.advise(numbers, coloured, most)}"
    )


def _advice_for_few(
    masks: LabelMasks, files: Sequence[FileValues], unclear: int, named: Sequence[tuple[int, bool]]
) -> str:
    """Advice where most masks are clear as they are, and agree; otherwise empty."""
    usual = {file.follows for file in files if file.follows is not None}
    if masks.rule != MaskRule() or len(usual) != 1 or unclear > len(files) / 2:
        return ""
    (value,) = usual
    rest = [other for other, colour in named if (other, colour) != value and other and colour == value[1]]
    return advise_few(value, rest, unclear) if 0 < len(rest) <= SHOWN else ""


def count_values(files: Sequence[FileValues], named: Sequence[tuple[int, bool]] | None = None) -> str:
    """The values with the number of masks that have each, and the first of a few.

    Args:
        files: The values of each mask.
        named: The values to count; None: all.
    """
    named = _values(files) if named is None else named
    counts = Counter(value for file in files for value in file.values)
    texts = []
    for value in named[:SHOWN]:
        name, count = level_name(*value), counts[value]
        first = next(file.path for file in files if value in file.values)
        texts.append(f"{name} (in {count:,}" + (f", first {first})" if count <= FEW and count < len(files) else ")"))
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"{_folder(files)}: {len(files):,} masks have the values {', '.join(texts)}{more}"


def _values(files: Sequence[FileValues]) -> list[tuple[int, bool]]:
    """All values, numbers first, sorted."""
    return sorted({value for file in files for value in file.values}, key=lambda value: (value[1], value[0]))


def _folder(files: Sequence[FileValues]) -> str:
    """The folder that contains all files."""
    return os.path.commonpath([os.path.dirname(file.path) for file in files])
