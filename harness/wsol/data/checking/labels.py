"""Ids and classes of the images."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from wsol.data.benchmark import Benchmark
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.errors import DataError
from wsol.split_names import Split

ONE_CLASS = "all training images have one class, so their labels teach a network nothing; add images of other classes"
"""Said of data that can be trained on, and whose results mean little."""


class Ids(Inspection):
    """Reports images that are in two splits, a leak from training into evaluation, and tables of other images."""

    of_images_only: ClassVar[bool] = True

    def __init__(self) -> None:
        self._seen: dict[str, Split] = {}

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        for image_id in split.images.ids:
            if image_id in self._seen:
                split.report("image in two splits", f"'{image_id}' is in {self._seen[image_id]} and in {split.split}")
            self._seen.setdefault(image_id, split.split)
        if type(split.benchmark).image_table is not Benchmark.image_table:
            _check_table(split)


def _check_table(split: CheckedSplit) -> None:
    """Report a table that differs from the images: stored maps would be scored with annotations of other images."""
    try:
        table = split.benchmark.image_table(split.split)
    except DataError:
        return  # what is wrong with the lists was reported when the images were listed
    ids, images = list(table.ids), list(split.images.ids)
    if len(ids) != len(images):
        message = f"image_table has {len(ids):,} images, images {len(images):,}"
    else:
        same = np.equal(table.labels, split.images.labels) & [a == b for a, b in zip(ids, images, strict=True)]
        if same.all():
            return
        first = int(same.argmin())
        message = (
            f"image_table has '{ids[first]}' of class {table.labels[first]} where images has '{images[first]}' of "
        )
        message += f"class {split.images.labels[first]}"
    split.report("other image table", f"{split.split}: {message}; both must have the same images in the same order")


class Classes(Inspection):
    """Reports classes without a training image, and labels that are no class; a single class is a note."""

    of_images_only: ClassVar[bool] = True

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        images, report = split.images, split.report
        try:
            names = split.benchmark.class_names()
        except DataError as error:
            if split.split == "train":  # where most data sets have the names of their classes
                report("cannot be read", str(error))
            return
        counts = np.bincount(images.labels[images.labels >= 0], minlength=len(names))
        empty = np.flatnonzero(counts[: len(names)] == 0).tolist() if split.split == "train" and len(images) else []
        hint = "; classes count from 0" if empty == [0] and len(names) > 1 and names[0] == "0" else ""
        for label in empty:
            report("empty class", f"class {label} ('{names[label]}') has no image in train{hint}")
        if split.split == "train" and len(names) == 1:
            report("one class", ONE_CLASS, note=True)
        for index in np.flatnonzero(images.labels >= len(names)).tolist():
            report("bad label", f"'{images.ids[index]}': class {images.labels[index]} of {len(names)} classes")
