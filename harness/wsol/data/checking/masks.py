"""The content of masks."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Iterator

import numpy as np

from wsol.arrays import BoolArray, ByteArray, FloatArray
from wsol.data.benchmark import Masks
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.mask_values import FileValues, note_many_values, report_unsuitable, report_values
from wsol.data.checking.report import Problem
from wsol.data.checking.shares import summarize
from wsol.data.checking.unusual_masks import UnusualMasks
from wsol.data.files import MaskFiles
from wsol.data.masks.advice import MANY, write
from wsol.data.masks.levels import UnsuitableMaskError
from wsol.data.masks.reader import LabelMasks, UnclearMaskError
from wsol.errors import DataError

IS_IMAGE = write("the image itself, not a mask; if the transparency of the images is the mask", alpha="true")


class MaskContent(Inspection):
    """Measures masks, and reports those that cannot be read, are empty, cover their image or have unclear values.

    A mask that covers its image is a note in data with published splits, which are what they are.
    """

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        annotations = split.annotations
        if annotations is not None and annotations.masks is not None:
            split.report.masked = int(np.count_nonzero(annotations.sizes[:, 0]))
        self._shares: FloatArray = np.full(len(split.images), np.nan)
        self._full: list[int] = []
        self._unusual = UnusualMasks()
        self._values: dict[int, FileValues] = {}
        self._unsuitable: dict[int, str] = {}

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterator[Problem]:
        """See :class:`Inspection`."""
        annotations = split.annotations
        if annotations is None or annotations.masks is None or not annotations.sizes[index].all():
            return  # a size of 0 was reported when the sizes were read
        is_image = _is_image(split, annotations.masks, index)
        try:
            foreground, ignore = self._read(annotations.masks, index)
        except UnclearMaskError:
            if is_image:
                del self._values[index]
                self._unsuitable[index] = IS_IMAGE
            return  # reported at the end, with the values of the whole split
        except UnsuitableMaskError as error:
            self._unsuitable[index] = IS_IMAGE if is_image else error.reason
            return
        except DataError as error:
            yield Problem("unreadable mask", str(error))
            return
        objects = union(foreground)
        counted = ~ignore if ignore is not None and ignore.shape == objects.shape else np.ones_like(objects)
        self._unusual.add(objects, counted, is_image=is_image)
        if not counted.any():
            return  # the benchmark ignores the whole image
        if not objects.any():
            yield Problem("empty mask", f"'{split.images.ids[index]}': its mask has no pixel of an object")
            return
        self._shares[index] = objects[counted].mean()
        if objects[counted].all():
            self._full.append(index)

    def end(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        annotations, report = split.annotations, split.report
        if annotations is None or annotations.masks is None:
            return
        report.mask_shares = summarize(self._shares, split.images.ids)
        for index in sorted(self._full):
            message = f"'{split.images.ids[index]}': its mask covers the whole image"
            report("mask covers its image", message, note=split.benchmark.split_sizes is not None)
        values = [self._values[index] for index in sorted(self._values)]
        masks, rule = annotations.masks, None
        if isinstance(masks, LabelMasks):
            rule = masks.rule
            report_unsuitable(masks, self._unsuitable, report)
            report_values(masks, values, report)
        elif isinstance(masks, MaskFiles):
            hint = f"all pixels brighter than {masks.above} of 255 are read as the object"
            note_many_values(values, MANY if masks.above else 2, hint, report)
        self._unusual.report(rule, values, report)

    def _read(self, masks: Callable[[int], Masks], index: int) -> Masks:
        """Read a mask; note the values of its files, whether they are clear or not."""
        if isinstance(masks, MaskFiles):
            found, greys = masks.read(index)
            path = masks.instances[index][0]
            self._values[index] = FileValues(path, tuple((value, False) for value in greys))
            return found
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


def _is_image(split: CheckedSplit, masks: Callable[[int], Masks], index: int) -> bool:
    """Whether a mask file is its image again: the wrong folder, unless transparency is the mask."""
    if not isinstance(masks, LabelMasks) or masks.rule.alpha or not split.images.paths:
        return False
    try:
        return filecmp.cmp(split.images.paths[index], masks.paths[index], shallow=False)
    except OSError:  # reported when it is read
        return False


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
