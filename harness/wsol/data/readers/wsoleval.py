"""Base class of benchmarks in the wsoleval metadata layout: CUB, ImageNet, OpenImages, or your own data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, get_args

from wsol.arrays import IntArray
from wsol.data.benchmark import FOLDERS, Annotations, Benchmark, ImageList, ImageTable, Report, has_root
from wsol.data.files import ImageFiles, MaskFiles, image_list
from wsol.data.readers.listed_files import HintedLoad, note_unlisted
from wsol.data.readers.metadata import SplitFiles
from wsol.data.readers.names import find_path, id_problem
from wsol.data.readers.problems import raise_data_error
from wsol.data.unpack_marks import refuse_unfinished
from wsol.errors import DataError, UsageError
from wsol.files import leads_outside
from wsol.split_names import EvalSplit, Split

PROBED = 50
"""Number of images of a split that are searched for to find their folder."""


class WsolevalBenchmark(Benchmark):
    """Reads ``<root>/metadata/<split>/*.txt``, with the images below ``<root>/images`` or, without that, ``<root>``.

    A subclass sets name, metrics, schedule and texts, and the folders that unpacking its archives leaves, so that users
    need not move files. The root is the option ``root``, or else ``$WSOL_DATA/<name>``. The number of classes follows
    from the largest label of train.

    A subclass must define ``name``, ``metrics`` and ``schedule``; the attributes below have defaults. They are checked
    when the plugin is loaded: folders are paths below the root, and ``Options`` derive from
    :class:`wsol.BenchmarkOptions`.
    """

    annotation: ClassVar[Literal["boxes", "masks"]] = "boxes"
    """What ``localization.txt`` contains."""
    upstream: ClassVar[str] = ""
    """Name of the data set in the public metadata, which is in ``metadata/<upstream>/<split>``."""
    metadata_folders: ClassVar[tuple[str, ...]] = ("metadata", "wsolevaluation-master/metadata")
    """Folders below the root that may contain the text files; the first one that does is read."""
    image_folders: ClassVar[tuple[str, ...]] = ("images", "")
    """Folders below the root that may contain the images; the first one with an image of a split is used for it."""
    mask_folders: ClassVar[tuple[str, ...]] = ("masks", "")
    """Folders below the root that may contain the mask files; the first one that exists is used."""

    @classmethod
    def check_class(cls) -> None:
        """See :meth:`wsol.Benchmark.check_class`."""
        super().check_class()
        cls.require("annotation", cls.annotation in ("boxes", "masks"), "'boxes' or 'masks'")
        cls.require(
            "upstream", isinstance(cls.upstream, str) and not leads_outside(cls.upstream), "the name of a folder"
        )
        for name in ("metadata_folders", "image_folders", "mask_folders"):
            folders = getattr(cls, name)
            texts = isinstance(folders, tuple | list) and all(isinstance(folder, str) for folder in folders)
            cls.require(name, texts and bool(folders) and not any(map(leads_outside, folders)), FOLDERS)
        cls.require("Options", has_root(cls.Options), "a subclass of wsol.BenchmarkOptions, which have 'root'")
        cls.require_method("labelled", "train")
        cls.require_method("class_name", "cat")
        cls.require_method("image_paths", "train", None)

    @cached_property
    def root(self) -> Path:
        """The folder of the data set; raises DataError when it is missing or not completely unpacked."""
        root = self.data_folder()
        refuse_unfinished(root)
        if not any((root / folder).is_dir() for folder in self.metadata_folders):
            raise DataError(f"{root}: no folder 'metadata' there; 'wsol data info {self.name}' says what belongs in it")
        return root

    def class_names(self) -> Sequence[str]:
        """Names from the folders in train's ids, if each class has a folder of its own; otherwise numbers."""
        ids, labels = self._train
        folders: list[set[str]] = [set() for _ in range(self._num_classes)]
        for image_id, label in zip(ids, labels.tolist(), strict=True):
            folders[label].add(image_id.rpartition("/")[0])
        names = [self.class_name(*found) if len(found) == 1 else "" for found in folders]
        return names if len(set(names) - {""}) == len(names) else [str(number) for number in range(len(names))]

    def class_name(self, folder: str) -> str:
        """The name of a class whose images are in ``folder``."""
        return folder.rpartition("/")[2]

    def labelled(self, split: Split, report: Report | None = None) -> tuple[list[str], IntArray]:
        """Read the ids and classes of the images of a split.

        Classes of val and test are compared with those of train, as far as the files of train can be read.

        Args:
            split: The split.
            report: Called for each problem; None: the first problem is raised as DataError.

        Returns:
            Image ids, and their classes, int64 [N].
        """
        if split == "train" and report is None:
            return self._train
        files = self.split_files(split, report)
        ids = files.ids()
        if split == "train":
            return ids, files.labels(ids, dense=True)
        return ids, files.labels(ids, self._known_classes(report))

    def image_paths(self, split: Split, ids: Sequence[str]) -> list[str]:
        """Paths of images, which may not exist.

        Args:
            split: The split.
            ids: Ids of the images.

        Raises:
            DataError: An id leads out of the data folder, or cannot be the name of a file.
        """
        folder = self._image_folder(ids[:PROBED])
        return [find_path(folder, self.inside(image_id)) for image_id in ids]

    def image_table(self, split: Split) -> ImageTable:
        """See :meth:`wsol.Benchmark.image_table`: from the text files alone."""
        return ImageTable(*self.labelled(split))

    def images(self, split: Split) -> ImageList:
        """See :meth:`wsol.Benchmark.images`."""
        return self.image_list(split, *self.labelled(split))

    def image_list(self, split: Split, ids: list[str], labels: IntArray) -> ImageList:
        """Open images of a split.

        Args:
            split: The split.
            ids: Ids of the images.
            labels: Their classes, int64 [N].

        Raises:
            DataError: An image is missing, or an id leads out of the data folder.
        """
        return image_list(f"{self.name}-{split}", ids, labels, self.image_paths(split, ids), self.decoding)

    def annotations(self, split: Split) -> Annotations:
        """See :meth:`wsol.Benchmark.annotations`; ``localization.txt`` of train is never opened."""
        if split == "train":
            raise UsageError(f"{self.name}: train has image labels only; its localization.txt is never read")
        files = self.split_files(split)
        return self._annotations(files, files.ids())

    def annotation_files(self, split: EvalSplit) -> Sequence[Path]:
        """See :meth:`wsol.Benchmark.annotation_files`: the text files, and the PNG files in the folders of masks.

        The names of masks are in ``localization.txt``, which is not parsed: every PNG file counts that is in the folder
        of masks for one of the images' folders.
        """
        files = self.split_files(split)
        if self.annotation == "boxes":
            return files.files()
        folders = {self.inside(image_id).rpartition("/")[0] for image_id in files.ids()}
        masks = next(place for place in self._places(self.mask_folders) if place.is_dir())
        return [
            *files.files(),
            *(path for folder in sorted(folders) for path in sorted((masks / folder).glob("*.png"))),
        ]

    def examine(self, split: Split, report: Report) -> tuple[ImageList | None, Annotations | None]:
        """See :meth:`wsol.Benchmark.examine`; missing images are found when they are loaded."""
        images = self.examine_images(split, report)
        files = self.split_files(split, report)
        if split == "train":
            return images, Annotations(files.sizes(images.ids)) if files.has_sizes() else None
        try:
            return images, self._annotations(files, images.ids)
        except DataError as error:
            report("cannot be read", str(error))
            return images, None

    def examine_images(self, split: Split, report: Report) -> ImageList:
        """See :meth:`wsol.Benchmark.examine_images`."""
        ids, labels = self.labelled(split, report)
        wrong = {row: self._wrong_id(problem) for row, image_id in enumerate(ids) if (problem := id_problem(image_id))}
        found = iter(self.image_paths(split, [image_id for row, image_id in enumerate(ids) if row not in wrong]))
        paths = ["" if row in wrong else next(found) for row in range(len(ids))]
        self._note_other_forms(split, zip(ids, paths, strict=True), report)
        if split == "train":
            self._note_unlisted(report)
        return ImageList(ids, labels, HintedLoad(ImageFiles(paths, self.decoding), paths, wrong), "", paths=paths)

    def _note_other_forms(self, split: Split, files: Iterable[tuple[str, str]], report: Report) -> None:
        """Note how many ids were matched with files in another Unicode form."""
        count = sum(bool(path) and not image_id.isascii() and not path.endswith(image_id) for image_id, path in files)
        if count:
            what = "name is" if count == 1 else "names are"
            text = f"{count} {what} stored in another Unicode form than the files, and matched"
            report("other Unicode form", f"{self.split_files(split).folder}: {text}", note=True)

    def _note_unlisted(self, report: Report) -> None:
        """Note images on disk that are in no split, where all splits can be listed."""
        listed: list[str] = []
        folders: set[str] = set()
        for split in get_args(Split):
            try:
                ids = self.split_files(split).ids()
                listed += self.image_paths(split, ids)
            except DataError:
                return  # reported when that split is checked
            folders.add(self._image_folder(ids[:PROBED]))
        if str(self.root) in folders:  # the root contains other things than images
            folders = {os.path.dirname(path) for path in listed}
        note_unlisted(folders, listed, report)

    def split_files(self, split: Split, report: Report | None = None) -> SplitFiles:
        """The text files of a split.

        Args:
            split: The split.
            report: Called for each problem; None: the first problem is raised as DataError.
        """
        own = [self.root / folder / split for folder in self.metadata_folders]
        public = [self.root / folder / self.upstream / split for folder in self.metadata_folders]
        there = (folder for folder in [*own, *public] if folder.is_dir())
        beside_others = (folder for folder in [*public, *own] if folder.parent.is_dir())
        return SplitFiles(next(there, next(beside_others, own[0])), report or raise_data_error)

    @cached_property
    def _train(self) -> tuple[list[str], IntArray]:
        """Ids and classes of all of train, which determines the classes, even for runs that use a part of it."""
        files = self.split_files("train")
        ids = files.ids()
        return ids, files.labels(ids, dense=True)

    @property
    def _num_classes(self) -> int:
        return int(self._train[1].max()) + 1

    def _known_classes(self, report: Report | None) -> int | None:
        """The number of classes; None without the files of train, whose problems are reported when they are used."""
        try:
            return self._num_classes
        except DataError as error:
            if report is not None:
                report("cannot be read", str(error))
            return None

    def _annotations(self, files: SplitFiles, ids: Sequence[str]) -> Annotations:
        if self.annotation == "boxes":
            sizes = files.sizes(ids)
            return Annotations(sizes, boxes=files.boxes(ids, sizes))
        folder = next(str(place) for place in self._places(self.mask_folders) if place.is_dir())
        names = files.masks(ids)
        masks = MaskFiles(
            [[find_path(folder, self.inside(name)) for name in names.instances] for names in names],
            [names.ignore and find_path(folder, self.inside(names.ignore)) for names in names],
            max_pixels=self.decoding.max_pixels,
        )
        return Annotations(masks.sizes(files.report), masks=masks)

    def _image_folder(self, ids: Sequence[str]) -> str:
        """The folder of the images; without any image the first existing folder, for the error message."""
        places = [place for place in self._places(self.image_folders) if place.is_dir()]
        holding = (p for p in places if any(os.path.isfile(find_path(str(p), image_id)) for image_id in ids))
        return str(next(holding, places[0]))

    def _places(self, folders: Sequence[str]) -> list[Path]:
        return [*(self.root / folder for folder in folders), self.root]

    def inside(self, name: str) -> str:
        """Return ``name``; raises DataError if it leads out of the data folder, or cannot be the name of a file."""
        if problem := id_problem(name):
            raise DataError(self._wrong_id(problem))
        return name

    def _wrong_id(self, problem: str) -> str:
        return f"{self.root}: {problem}"
