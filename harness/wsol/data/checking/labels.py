"""Ids and classes of the images."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.errors import WsolError
from wsol.split_names import Split

ONE_CLASS = "all training images have one class, so their labels teach a network nothing; add images of other classes"
"""Said of data that can be trained on, and whose results mean little."""


class Ids(Inspection):
    """Reports images that are in two splits: a leak from training into evaluation."""

    of_images_only: ClassVar[bool] = True

    def __init__(self) -> None:
        self._seen: dict[str, Split] = {}

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        for image_id in split.images.ids:
            if image_id in self._seen:
                split.report("image in two splits", f"'{image_id}' is in {self._seen[image_id]} and in {split.split}")
            self._seen.setdefault(image_id, split.split)


class Classes(Inspection):
    """Reports classes without a training image, and labels that are no class; a single class is a note."""

    of_images_only: ClassVar[bool] = True

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        images, report = split.images, split.report
        try:
            names = split.benchmark.class_names()
        except WsolError:
            return  # reported when train is checked
        counts = np.bincount(images.labels[images.labels >= 0], minlength=len(names))
        empty = np.flatnonzero(counts[: len(names)] == 0).tolist() if split.split == "train" and len(images) else []
        hint = "; classes count from 0" if empty == [0] and len(names) > 1 and names[0] == "0" else ""
        for label in empty:
            report("empty class", f"class {label} ('{names[label]}') has no image in train{hint}")
        if split.split == "train" and len(names) == 1:
            report("one class", ONE_CLASS, note=True)
        for index in np.flatnonzero(images.labels >= len(names)).tolist():
            report("bad label", f"'{images.ids[index]}': class {images.labels[index]} of {len(names)} classes")
