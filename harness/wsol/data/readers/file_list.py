"""Base class of benchmarks that read a data set's own files: a subclass lists the images and reads annotations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np

from wsol.arrays import IntArray
from wsol.data.benchmark import FOLDERS, Annotations, Benchmark, ImageList, ImageTable, Report, has_root, is_names
from wsol.data.files import ImageFiles, image_list
from wsol.data.readers.box_collector import BoxCollector
from wsol.data.readers.listed_files import HintedLoad, note_unlisted
from wsol.data.readers.names import id_problem
from wsol.data.readers.problems import raise_data_error, without_kind
from wsol.data.unpack_marks import refuse_unfinished
from wsol.errors import DataError, UsageError
from wsol.files import leads_outside
from wsol.split_names import Split


class ImageListBuilder:
    """Collects the images of a split line by line.

    Args:
        num_classes: Number of classes.
        report: Called for each problem.
        first: The first class number in the files; it becomes class 0.

    Example:
        >>> from wsol.data.readers.file_list import ImageListBuilder
        >>> from wsol.data.readers.problems import raise_data_error
        >>> builder = ImageListBuilder(num_classes=2, report=raise_data_error, first=1)
        >>> builder.add("list.txt:1", "cat/1.jpg", 2)
        >>> builder.listing().labels.tolist()
        [1]
    """

    def __init__(self, num_classes: int, report: Report, first: int = 0) -> None:
        self.num_classes = num_classes
        self.report = report
        self.first = first
        self._labels: dict[str, int] = {}
        self._places: dict[str, str] = {}

    def add(self, where: str, image_id: str, label: int) -> None:
        """Add an image; a repeated one is skipped, and a class that is out of range becomes -1.

        Args:
            where: Place of the image in the files, ``FILE:LINE``, for messages.
            image_id: Path of the image below the folder of the data set.
            label: Class number as in the files.
        """
        if problem := id_problem(image_id):
            self.report("bad line", f"{where}: {problem}")
        elif image_id in self._labels:
            self.report("duplicate id", f"{where}: '{image_id}' is repeated; it was at {self._places[image_id]}")
        else:
            index = label - self.first
            if not 0 <= index < self.num_classes:
                span = f"{self.first} to {self.num_classes + self.first - 1}"
                self.report("bad label", f"{where}: class {label} is out of range; classes are {span}")
                index = -1
            self._labels[image_id], self._places[image_id] = index, where

    def listing(self) -> ImageTable:
        """The images that were added, in order."""
        return ImageTable(list(self._labels), np.array(list(self._labels.values()), dtype=np.int64))


class FileListBenchmark(Benchmark):
    """Reads a data set from its own files.

    A subclass must define ``name``, ``metrics``, ``schedule``, ``landmark``, :meth:`class_names`, :meth:`listing` and
    :meth:`annotate`, and may define ``folders``, :meth:`annotation_files` and what :class:`wsol.Benchmark` lets it
    define. Its ``Options`` derive from :class:`wsol.BenchmarkOptions`. All this is checked when the plugin is loaded;
    what the methods return is checked at each call.
    """

    landmark: ClassVar[str | tuple[str, ...]]
    """A path in the folder of the data set, by which the folder is recognised; or several, of which one is enough."""
    folders: ClassVar[tuple[str, ...]] = ()
    """Folders below the root that may contain the data set instead of the root itself."""

    @abstractmethod
    def listing(self, split: Split, report: Report) -> ImageTable:
        """List the images of a split, without reading annotations; images with problems are skipped.

        Args:
            split: The split.
            report: Called for each problem.

        Returns:
            Ids and classes of the images.
        """

    @abstractmethod
    def annotate(self, split: Split, ids: Sequence[str], report: Report) -> Annotations:
        """Read the annotations of val or test; annotations with problems are skipped.

        Args:
            split: The split.
            ids: Ids of the images.
            report: Called for each problem.

        Returns:
            The annotations, in the order of ``ids``.
        """

    @cached_property
    def root(self) -> Path:
        """The folder of the data set; raises DataError when it is missing or not completely unpacked."""
        given = self.data_folder()
        refuse_unfinished(given)
        if given.name in self.folders:  # the archive was unpacked into the folder above
            refuse_unfinished(given.parent)
        for folder in (*self.folders, ""):
            if any((given / folder / landmark).exists() for landmark in self._landmarks()):
                return given / folder
        raise DataError(
            f"{given}: no '{self._landmarks()[0]}' there; 'wsol data info {self.name}' says what belongs in it, and "
            f"'wsol data prepare {self.name}' unpacks what its publisher offers"
        )

    def images(self, split: Split) -> ImageList:
        """See :meth:`wsol.Benchmark.images`."""
        listing = self.image_table(split)
        return image_list(f"{self.name}-{split}", listing.ids, listing.labels, self._paths(listing.ids), self.decoding)

    def image_table(self, split: Split) -> ImageTable:
        """See :meth:`wsol.Benchmark.image_table`: what :meth:`listing` gives, without opening an image."""
        listing = self.listing(split, raise_data_error)
        if not listing.ids:
            raise DataError(f"{self.root}: the split '{split}' has no image")
        return listing

    def annotations(self, split: Split) -> Annotations:
        """See :meth:`wsol.Benchmark.annotations`; annotations of train are never read."""
        if split == "train":
            raise UsageError(f"{self.name}: train has image labels only; its annotations are never read")
        return self.annotate(split, self.listing(split, raise_data_error).ids, raise_data_error)

    def examine(self, split: Split, report: Report) -> tuple[ImageList | None, Annotations | None]:
        """See :meth:`wsol.Benchmark.examine`; broken images are found when they are loaded."""
        images = self.examine_images(split, report)
        if split == "train":
            return images, None
        try:
            return images, self.annotate(split, images.ids, without_kind(report, "unreadable image"))
        except DataError as error:
            report("cannot be read", str(error))
            return images, None

    def examine_images(self, split: Split, report: Report) -> ImageList:
        """See :meth:`wsol.Benchmark.examine_images`."""
        listing = self.listing(split, report)
        if not listing.ids:
            report("empty split", f"{self.root}: the split '{split}' has no image")
        paths = self._paths(listing.ids)
        if split == "train":
            self._note_unlisted(report)
        return ImageList(
            listing.ids, listing.labels, HintedLoad(ImageFiles(paths, self.decoding), paths), "", paths=paths
        )

    def _note_unlisted(self, report: Report) -> None:
        """Note images on disk that are in no split, where all splits can be listed."""
        try:
            ids = [image_id for split in get_args(Split) for image_id in self.listing(split, raise_data_error).ids]
        except DataError:
            return  # reported when that split is checked
        folders = {image_id.partition("/")[0] for image_id in ids if "/" in image_id}
        note_unlisted([f"{self.root}/{folder}" for folder in sorted(folders)], self._paths(ids), report)

    def sizes(self, ids: Sequence[str], report: Report) -> IntArray:
        """Read the sizes of images from the headers of their files.

        Args:
            ids: Ids of the images.
            report: Called for each problem.

        Returns:
            Widths and heights, int64 [N, 2]; 0 for a file that is reported.
        """
        return ImageFiles(self._paths(ids), self.decoding).sizes(report)

    def boxed(
        self, ids: Sequence[str], boxes: Mapping[str, tuple[str, Sequence[int]]], source: Path, report: Report
    ) -> Annotations:
        """Make annotations of one box for each image.

        Args:
            ids: Image ids.
            boxes: For each image id, the place of its box in the files (``FILE:LINE``), and x0, y0, x1, y1 in pixels,
                or nothing for a box that was reported.
            source: File or folder that boxes come from, for messages.
            report: Called for each problem; the box is then left out.

        Returns:
            The boxes, with the sizes of the images.
        """
        sizes = self.sizes(ids, report)
        found = BoxCollector(source, ids, sizes, report)
        for row, image_id in enumerate(ids):
            where, box = boxes.get(image_id, ("", ()))
            if box:
                found.add(where, row, box)
            elif not where:
                report("missing line", f"{source}: no valid box for '{image_id}'")
        return Annotations(sizes, boxes=found.finish())

    @classmethod
    def check_class(cls) -> None:
        """See :meth:`wsol.Benchmark.check_class`."""
        super().check_class()
        landmark = getattr(cls, "landmark", ())
        several = landmark if isinstance(landmark, tuple) else (landmark,)
        inside = bool(several) and is_names(several) and not any(map(leads_outside, several))
        cls.require("landmark", inside, "a path below the folder of the data set, or a tuple of them")
        cls.require("folders", is_names(cls.folders) and not any(map(leads_outside, cls.folders)), FOLDERS)
        cls.require("Options", has_root(cls.Options), "a subclass of wsol.BenchmarkOptions, which have 'root'")
        cls.require_method("listing", "train", None)
        cls.require_method("annotate", "val", None, None)

    @classmethod
    def _landmarks(cls) -> tuple[str, ...]:
        return (cls.landmark,) if isinstance(cls.landmark, str) else cls.landmark

    def _paths(self, ids: Sequence[str]) -> list[str]:
        return [f"{self.root}/{image_id}" for image_id in ids]
