"""The content of masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from wsol.arrays import BoolArray, ByteArray, FloatArray
from wsol.data.benchmark import Masks, Report
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.mask_values import FileValues, report_unsuitable, report_values
from wsol.data.checking.report import Problem
from wsol.data.checking.shares import summarize
from wsol.data.masks.advice import write
from wsol.data.masks.levels import UnsuitableMaskError
from wsol.data.masks.reader import LabelMasks, UnclearMaskError
from wsol.data.masks.rule import MaskRule
from wsol.errors import DataError

LARGE = 0.9
"""Objects cover a larger share of their image than this only in close-ups."""


class MaskContent(Inspection):
    """Measures masks, and reports those that cannot be read, are empty, cover their image or have unclear values.

    A mask that covers its image is a note in data with published splits, which are what they are.
    """

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        annotations, count = split.annotations, len(split.images)
        if annotations is not None and annotations.masks is not None:
            split.report.masked = int(np.count_nonzero(annotations.sizes[:, 0]))
        self._shares: FloatArray = np.full(count, np.nan)
        self._full: BoolArray = np.zeros(count, dtype=np.bool_)
        self._inverted: BoolArray = np.zeros(count, dtype=np.bool_)
        self._ignored: BoolArray = np.zeros(count, dtype=np.bool_)
        self._values: dict[int, FileValues] = {}
        self._unsuitable: dict[int, str] = {}

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterator[Problem]:
        """See :class:`Inspection`."""
        annotations = split.annotations
        if annotations is None or annotations.masks is None or not annotations.sizes[index].all():
            return  # a size of 0 was reported when the sizes were read
        try:
            foreground, ignore = self._read(annotations.masks, index)
        except UnclearMaskError:
            return  # reported at the end, with the values of the whole split
        except UnsuitableMaskError as error:
            self._unsuitable[index] = error.reason
            return
        except DataError as error:
            yield Problem("unreadable mask", str(error))
            return
        if ignore is not None and ignore.all():
            return  # the benchmark ignores the whole image
        objects = union(foreground)
        if not objects.any():
            yield Problem("empty mask", f"'{split.images.ids[index]}': its mask has no pixel of an object")
            return
        counted = ~ignore if ignore is not None and ignore.shape == objects.shape else np.ones_like(objects)
        self._shares[index] = objects[counted].mean() if counted.any() else np.nan
        self._full[index] = objects[counted].all()
        self._inverted[index] = looks_inverted(objects, counted)
        self._ignored[index] = (~counted).sum() > objects[counted].sum()

    def end(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        annotations, report = split.annotations, split.report
        if annotations is None or annotations.masks is None:
            return
        report.mask_shares = summarize(self._shares, split.images.ids)
        for index in np.flatnonzero(self._full).tolist():
            message = f"'{split.images.ids[index]}': its mask covers the whole image"
            report("mask covers its image", message, note=split.benchmark.split_sizes is not None)
        example = ""
        if isinstance(annotations.masks, LabelMasks):
            report_unsuitable(annotations.masks, self._unsuitable, report)
            report_values(annotations.masks, [self._values[index] for index in sorted(self._values)], report)
            example = write(", for example", object=0) if annotations.masks.rule == MaskRule() else ""
        self._note_most(
            self._inverted,
            "masks may be inverted",
            f"the object covers more than {LARGE:.0%} of the image, or more than half of its outermost pixels and a "
            "smaller share of the image; if object and background are exchanged, state the values of the object"
            + example,
            report,
        )
        text = "more pixels are ignored than the object has; are the values of object and ignore exchanged?"
        self._note_most(self._ignored, "many ignored pixels", text, report)

    def _note_most(self, found: BoolArray, kind: str, text: str, report: Report) -> None:
        """Note what was found in more than half of the masks that were measured."""
        count, known = int(found.sum()), int((~np.isnan(self._shares)).sum())
        if count > known / 2:
            report(kind, f"in {count:,} of {known:,} masks {text}", note=True)

    def _read(self, masks: Callable[[int], Masks], index: int) -> Masks:
        """Read a mask; of an image of labels, note its values, whether they are clear or not."""
        if not isinstance(masks, LabelMasks):
            return masks(index)
        path = str(masks.paths[index])
        try:
            mask = masks.read(index)
        except UnclearMaskError as error:
            self._values[index] = FileValues(path, error.values, clear=False)
            raise
        self._values[index] = FileValues(path, mask.values, follows=mask.follows)
        return mask.foreground, mask.ignore


def union(foreground: BoolArray | list[BoolArray]) -> BoolArray:
    """The pixels of any instance, at the size of the first one.

    Args:
        foreground: One mask, bool [H, W], or several, whose sizes may differ.

    Returns:
        The union, bool [H, W]; masks of another size are resized by nearest neighbour.
    """
    if not isinstance(foreground, list):
        return foreground
    height, width = foreground[0].shape if foreground else (1, 1)
    found = np.zeros((height, width), dtype=np.bool_)
    for mask in foreground:
        rows, columns = np.arange(height) * mask.shape[0] // height, np.arange(width) * mask.shape[1] // width
        found |= mask[np.ix_(rows, columns)]
    return found


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
