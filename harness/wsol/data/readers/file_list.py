"""Base of benchmarks that read a data set's own files: a subclass lists images and annotates them, the rest is here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from wsol.arrays import IntArray
from wsol.data.benchmark import Annotations, Benchmark, ImageList, Report, Split
from wsol.data.files import ImageFiles, image_list
from wsol.data.holdout import hold_out
from wsol.data.readers.problems import box_problem, leads_outside, raise_data_error
from wsol.data.unpack_marks import refuse_unfinished
from wsol.errors import DataError, UsageError


@dataclass(frozen=True)
class ImageTable:
    """Image ids (paths below the data set's folder, with slashes) and their classes, int64 [N]; -1: unknown."""

    ids: Sequence[str]
    labels: IntArray

    def held_out(self, per_class: int, val: bool) -> ImageTable:
        """The images that :func:`hold_out` chooses (``val``), or all others, in the order they have here."""
        rows = np.flatnonzero(hold_out(self.ids, self.labels, per_class) == val)
        return ImageTable([self.ids[row] for row in rows.tolist()], self.labels[rows])


class ImageListBuilder:
    """Collects a listing line by line; what is wrong goes to ``report`` with where it stands.

    Classes in the files run from ``first`` on; ``names`` counts them.
    """

    def __init__(self, num_classes: int, report: Report, first: int = 0) -> None:
        self.num_classes = num_classes
        self.report = report
        self.first = first
        self._labels: dict[str, int] = {}
        self._places: dict[str, str] = {}

    def add(self, where: str, image_id: str, label: int) -> None:
        """An image whose line stands at ``where`` (file:line). A repeated one is left out, a bad class becomes -1."""
        if leads_outside(image_id):
            self.report("bad line", f"{where}: '{image_id}' leads out of the data folder")
        elif image_id in self._labels:
            self.report("duplicate id", f"{where}: '{image_id}' was there already, at {self._places[image_id]}")
        else:
            index = label - self.first
            if not 0 <= index < self.num_classes:
                span = f"{self.first} to {self.num_classes + self.first - 1}"
                self.report("bad label", f"{where}: class {label} is out of range; classes are {span}")
                index = -1
            self._labels[image_id], self._places[image_id] = index, where

    def listing(self) -> ImageTable:
        """What was collected."""
        return ImageTable(list(self._labels), np.array(list(self._labels.values()), dtype=np.int64))


class FileListBenchmark(Benchmark):
    """Reads images named by a data set's own lists. A subclass gives :meth:`listing` and :meth:`annotate`."""

    landmark: ClassVar[str]
    """A path that is in the data set's folder whenever the data are."""
    folders: ClassVar[tuple[str, ...]] = ()
    """Folders below the root that the data set may lie in, beside the root itself."""

    @abstractmethod
    def listing(self, split: Split, report: Report) -> ImageTable:
        """The images of a split, without looking at annotations; tells ``report`` what is wrong and goes on."""

    @abstractmethod
    def annotate(self, split: Split, ids: Sequence[str], report: Report) -> Annotations:
        """Annotations of val or test, in the order of ``ids``; tells ``report`` what is wrong and goes on."""

    @cached_property
    def root(self) -> Path:
        """The data set's folder; raises DataError when it is not there or not wholly unpacked."""
        given = self.data_folder()
        refuse_unfinished(given)
        if given.name in self.folders:  # an archive was unpacked beside it
            refuse_unfinished(given.parent)
        for folder in (*self.folders, ""):
            if (given / folder / self.landmark).exists():
                return given / folder
        raise DataError(
            f"{given}: no '{self.landmark}' there; 'wsol data info {self.name}' says what belongs in it, and "
            f"'wsol data prepare {self.name}' unpacks what its publisher offers"
        )

    def images(self, split: Split) -> ImageList:
        """Images and labels; raises DataError with file and line, or naming the image that is missing."""
        listing = self.listing(split, raise_data_error)
        if not listing.ids:
            raise DataError(f"{self.root}: the split '{split}' has no image")
        return image_list(f"{self.name}-{split}", listing.ids, listing.labels, self._paths(listing.ids))

    def annotations(self, split: Split) -> Annotations:
        """Boxes or masks. Raises UsageError for train, whose annotations are never read."""
        if split == "train":
            raise UsageError(f"{self.name}: train has image labels only; where its objects are is never read")
        return self.annotate(split, self.listing(split, raise_data_error).ids, raise_data_error)

    def examine(self, split: Split, report: Report) -> tuple[ImageList | None, Annotations | None]:
        """Everything that can be read, with every problem told to ``report``. Broken images show when loaded."""

        def without_images(kind: str, message: str) -> None:
            if kind != "unreadable image":
                report(kind, message)

        listing = self.listing(split, report)
        if not listing.ids:
            report("empty split", f"{self.root}: the split '{split}' has no image")
        images = ImageList(listing.ids, listing.labels, ImageFiles(self._paths(listing.ids)), "")
        return images, None if split == "train" else self.annotate(split, listing.ids, without_images)

    def sizes(self, ids: Sequence[str], report: Report) -> IntArray:
        """(width, height) of images from the headers of their files, int64 [N, 2]; 0 for one that cannot be read."""
        return ImageFiles(self._paths(ids)).sizes(report)

    def boxed(
        self, ids: Sequence[str], boxes: Mapping[str, tuple[str, Sequence[int]]], source: Path, report: Report
    ) -> Annotations:
        """Annotations of one box an image: ``boxes`` has (where it stands, (x0, y0, x1, y1)) by image id."""
        sizes = self.sizes(ids, report)
        found = []
        for image_id, size in zip(ids, sizes, strict=True):
            where, box = boxes.get(image_id, ("", ()))
            problem = box_problem(box, size) if where else ""
            if not where:
                report("missing line", f"{source}: no valid box for '{image_id}'")
            elif problem:
                report("bad box", f"{where}: box {tuple(box)} of '{image_id}' {problem}")
            good = [tuple(box)] if where and not problem else []
            found.append(np.array(good, dtype=np.int64).reshape(-1, 4))
        return Annotations(sizes, boxes=found)

    def _paths(self, ids: Sequence[str]) -> list[str]:
        return [f"{self.root}/{image_id}" for image_id in ids]
