"""What is unusual in one mask, and looks like a mistake in the description of the masks where it is in most of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from wsol.arrays import BoolArray
from wsol.data.benchmark import Report
from wsol.data.checking.mask_values import FileValues, count_values
from wsol.data.masks.advice import with_other_commands, write
from wsol.data.masks.rule import MaskRule

LARGE = 0.9
"""Objects cover a larger share of their image than this only in close-ups."""
_INVERTED = (
    f"the object covers more than {LARGE:.0%} of the image, or more than half of its outermost pixels and a smaller "
    "share of the image; if object and background are exchanged, state the values of the object"
)
_IGNORED = "more pixels are ignored than the object has; are the values of object and ignore exchanged?"


class UnusualMasks:
    """Counts unusual masks of a split."""

    def __init__(self) -> None:
        self._kinds: list[tuple[str, ...]] = []

    def add(self, objects: BoolArray, counted: BoolArray, *, is_image: bool) -> None:
        """Add a mask; called from several threads.

        Args:
            objects: The object, bool [H, W].
            counted: Pixels that are not ignored, bool [H, W].
            is_image: Whether its file has the bytes of the image.
        """
        found = {
            "void": not counted.any(),
            "empty": not objects.any() and bool(counted.any()),
            "inverted": looks_inverted(objects, counted),
            "ignored": bool(objects.any() and (~counted).sum() > objects[counted].sum()),
            "image": is_image,
        }
        self._kinds.append(tuple(kind for kind, there in found.items() if there))

    def report(self, rule: MaskRule | None, values: Sequence[FileValues], report: Report) -> None:
        """Note what was found in more than half of the masks; no object in any mask is a problem.

        Args:
            rule: What the values mean; None where the benchmark says it.
            values: The values of each mask.
            report: Receives notes and problems.
        """
        counts, count = Counter(kind for kinds in self._kinds for kind in kinds), len(self._kinds)
        seen = f"; {count_values(values)}" if any(file.values for file in values) else ""
        threshold = "" if rule is None or rule.threshold is None else f"; is the threshold {rule.threshold:g} too high?"
        example = write(", for example", object=0) if rule == MaskRule() else ""
        for kind, name, text in (
            ("void", "no object in masks", f"all pixels are ignored{seen}"),
            ("empty", "no object in masks", f"no pixel is the object{threshold or seen}"),
            ("inverted", "masks may be inverted", with_other_commands(f"{_INVERTED}{example}")),
            ("ignored", "many ignored pixels", _IGNORED),
            ("image", "masks are images", "the file is the image itself; is this the folder of the masks?"),
        ):
            if counts[kind] > count / 2:
                note = kind != "void" or counts[kind] < count
                report(name, f"in {counts[kind]:,} of {count:,} masks {text}", note=note)


def looks_inverted(objects: BoolArray, counted: BoolArray) -> bool:
    """Whether a mask looks as if object and background were exchanged.

    Args:
        objects: The object, bool [H, W].
        counted: Pixels that are not ignored, bool [H, W].

    Returns:
        Whether the object covers more than :data:`LARGE` of the image but not all of it, or more than half of the
        outermost pixels and a smaller share of the image. An object that fills the image up to its edge covers a
        smaller share of the outermost pixels than of the image.

    Example:
        >>> objects = np.ones((9, 9), dtype=bool)
        >>> objects[2:7, 2:7] = False
        >>> looks_inverted(objects, np.ones_like(objects)), looks_inverted(~objects, np.ones_like(objects))
        (True, False)
    """
    frame = np.ones_like(counted)
    frame[1:-1, 1:-1] = False
    frame &= counted
    share = float(objects[counted].mean()) if counted.any() else 0.0
    edge = float(objects[frame].mean()) if frame.any() else 0.0
    return LARGE < share < 1 or (edge > 1 / 2 and edge > share)
