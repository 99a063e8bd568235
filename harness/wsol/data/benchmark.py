"""Benchmarks: what they provide, images with labels and, separately, annotations."""

from __future__ import annotations

import itertools
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, get_args

import numpy as np

from wsol.arrays import BoolArray, ByteArray, IntArray
from wsol.components import Component
from wsol.data.decoding.options import DecodingOptions
from wsol.data.decoding.settings import DEFAULT_DECODING, Decoding
from wsol.data.holdout import hold_out
from wsol.errors import DataError, PluginError, UsageError
from wsol.files import leads_outside
from wsol.foreign_code import ContractError
from wsol.isolation import immutable
from wsol.options import Options as AnyOptions
from wsol.options import option
from wsol.protocols import get_protocol
from wsol.split_names import EvalSplit, Split

CacheMode = Literal["memmap", "ram", "device", "none"]
"""How decoded images are kept: ``memmap`` in a file that all runs on a machine share, ``ram`` in each run's own memory,
``device`` also the training images on the GPU, ``none`` not at all: images are decoded whenever they are needed."""
Masks = tuple[BoolArray | list[BoolArray], BoolArray | None]
"""The foreground, or one mask for each instance, bool [H, W]; and the pixels to ignore, bool [H, W] or None."""


class Report(Protocol):
    """Receives what is found while a data set is read."""

    def __call__(self, kind: str, message: str, *, note: bool = False) -> None:
        """Report a problem.

        Args:
            kind: Groups problems in reports: ``"bad box"``.
            message: What is wrong, and where.
            note: Whether the data can be used as they are, and the user should only know it: a file that is left out.
        """


@dataclass(frozen=True)
class ImageList:
    """The images of a split and their labels, without any annotation of where objects are.

    Attributes:
        ids: Image ids, each once.
        labels: Classes, int64 [N]; a read-only copy of what is given.
        load: Decodes image i: uint8 [H, W, 3], RGB, original size. Raises DataError that names a broken file.
        fingerprint: Identifies the content, equally on every machine (ids, labels and sizes of files, or a generator's
            version and seed); recorded with results.
        stamp: Identifies what else a cache of decoded images depends on, on this machine (paths and times of files).
        paths: The files, in the same order; empty for images that are not files of their own. Checks read them: copies,
            orientation.
    """

    ids: Sequence[str]
    labels: IntArray
    load: Callable[[int], ByteArray]
    fingerprint: str
    stamp: str = ""
    paths: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", immutable(np.asarray(self.labels)))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class ImageTable:
    """The images of a split by name, without the images.

    Attributes:
        ids: Image ids, each once; of data sets in files the paths below their folder, with slashes.
        labels: Classes, int64 [N]; -1 for an unknown class.
        fingerprint: What else identifies the split besides ids, classes and the files of its annotations: a generator's
            version and seed. Empty for data in files.
    """

    ids: Sequence[str]
    labels: IntArray
    fingerprint: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def held_out(self, per_class: int, val: bool) -> ImageTable:
        """The images that :func:`wsol.hold_out` chooses (``val``), or all others, in this order.

        Args:
            per_class: Images to hold out of each class.
            val: Whether to return the images that are held out, or the rest.
        """
        rows = np.flatnonzero(hold_out(self.ids, self.labels, per_class) == val)
        return ImageTable([self.ids[row] for row in rows.tolist()], self.labels[rows])


@dataclass(frozen=True)
class Annotations:
    """Where the objects are, image by image; sizes and boxes are read-only copies of what is given.

    Attributes:
        sizes: Width and height of the original images, int64 [N, 2].
        boxes: Boxes of each image, int64 [G, 4]: x0, y0, x1, y1 in original pixels. None without boxes.
        masks: Reads the masks of image i: the foreground and the pixels to ignore, at original size. Where public
            masks have sizes of their own, the foreground is a list, and each mask is resized once, to the evaluation
            frame. None without masks.
    """

    sizes: IntArray
    boxes: Sequence[IntArray] | None = None
    masks: Callable[[int], Masks] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", immutable(np.asarray(self.sizes)))
        if self.boxes is not None:
            given = itertools.islice(self.boxes, self.sizes.size + 1)  # what is given may never end
            object.__setattr__(self, "boxes", tuple(immutable(np.asarray(boxes)) for boxes in given))


@dataclass(frozen=True)
class Schedule:
    """A benchmark's published training schedule; a study may change any value.

    Attributes:
        epochs: Number of epochs.
        decay_every: The learning rate decays at the start of every ``decay_every``-th epoch, counted from 1.
        batch_size: Images in a batch.
        decay: Factor on the learning rate at each decay.
    """

    epochs: int
    decay_every: int
    batch_size: int = 32
    decay: float = 0.1


@dataclass(frozen=True)
class Archive:
    """One file of a data set as its publisher offers it, for ``wsol data info`` and ``wsol data prepare``.

    Attributes:
        name: File name.
        url: Where to get it.
        gives: A path below the root that exists once the file is in place.
        into: Folder below the root that the file is unpacked into.
        size: Size in bytes; None where it is unknown, and then not checked.
        md5: MD5 checksum in hexadecimal; None where it is unknown, and then not checked.
        optional: Whether the benchmark's default options do not need it.
        note: What the user must know: a registration, a licence to accept, files to move.
        download: Whether ``wsol data prepare --download`` may get it: torchvision keeps a downloader for this address.
    """

    name: str
    url: str
    gives: str
    into: str = "."
    size: int | None = None
    md5: str | None = None
    optional: bool = False
    note: str = ""
    download: bool = False

    def problem(self) -> str:
        """What is wrong with the description; empty for a valid one."""
        texts = {key: getattr(self, key) for key in ("name", "url", "gives", "into", "note")}
        if wrong := [key for key, text in texts.items() if not isinstance(text, str)]:
            return f"{wrong[0]} of archive {self.name!r:.80} is {texts[wrong[0]]!r:.80}, not text"
        if leads_outside(self.gives) or leads_outside(self.into):
            return f"archive '{self.name}' leads out of the data folder"
        if self.size is not None and not is_count(self.size):
            return f"size of archive '{self.name}' is {self.size!r:.80}, not a number of bytes or None"
        if self.md5 is not None and not (isinstance(self.md5, str) and re.fullmatch("[0-9a-f]{32}", self.md5)):
            return f"md5 of archive '{self.name}' is {self.md5!r:.80}, not 32 hexadecimal digits or None"
        return ""


class BenchmarkOptions(DecodingOptions):
    """Options of benchmarks that are read from files."""

    root: str | None = option(None, "folder that holds the data set")


class Benchmark(Component, ABC):
    """A data set with its splits, schedule and metrics.

    Images and annotations are read by separate methods, so that a stage gets the one without the other: :meth:`images`
    reads no annotation, and only the engine calls :meth:`annotations`: for val when a search starts, for test after a
    selection was sealed, for train never.

    ``metrics``, ``resize`` and ``crop`` are set by the class; an instance whose options change them sets its own.
    ``Options`` need no ``root`` where nothing is read from files.

    A subclass must define ``name``, ``metrics``, ``schedule``, :meth:`class_names`, :meth:`images` and
    :meth:`annotations`. Types and ranges of class attributes, and the parameters of methods, are checked when the
    plugin is loaded (:meth:`check_class`); what methods return is checked at each call, as in docs/plugins.md.
    """

    Options: ClassVar[type[AnyOptions]] = BenchmarkOptions
    metrics: tuple[str, ...]
    """Names of metrics; selection and ranking use the first one."""
    protocol: ClassVar[str] = "wsoleval-v2"
    schedule: ClassVar[Schedule]
    resize: int = 256
    """Side in pixels that training images are resized to, ignoring the aspect ratio."""
    crop: int = 224
    """Side in pixels of a network input."""
    cache: ClassVar[CacheMode] = "memmap"
    """How decoded images are kept by default; a study may say otherwise."""
    split_sizes: ClassVar[tuple[int, int, int] | None] = None
    """Published numbers of images of train, val and test, for lists, and for estimates without the data."""
    licence: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    source: ClassVar[str] = ""
    """What to get from where, and the expected folder layout, for ``wsol data info``."""
    archives: ClassVar[tuple[Archive, ...]] = ()
    """The publisher's files, for ``wsol data prepare``."""
    reads_imports: ClassVar[bool] = False
    """Whether this is the benchmark that reads what ``wsol data import`` writes; one class at most."""
    study_template: ClassVar[str] = ""
    """A commented study for ``wsol data new-study``: a Jinja template of YAML, filled in by
    :func:`wsol.study.new_study.write_study`; empty: there is none."""

    @abstractmethod
    def class_names(self) -> Sequence[str]:
        """Names of the classes in the order of their indices; raises DataError when they cannot be read."""

    @abstractmethod
    def images(self, split: Split) -> ImageList:
        """Images and labels of a split, without reading an annotation.

        Raises:
            DataError: A file is missing or broken; the message names file and line.
        """

    def image_table(self, split: Split) -> ImageTable:
        """Ids and classes in the order of :meth:`images`; what scoring stored maps needs besides the annotations.

        By default the images are listed. A benchmark whose metadata name the images overrides this, so that it works
        without image files and without the files of other splits.

        Raises:
            DataError: A file is missing or broken; the message names file and line.
        """
        images = self.images(split)
        return ImageTable(images.ids, images.labels, images.fingerprint)

    @abstractmethod
    def annotations(self, split: Split) -> Annotations:
        """Boxes or masks of a split, in the order of :meth:`images`.

        Raises:
            UsageError: The split is train.
            DataError: A file is missing or broken; the message names file and line.
        """

    def annotation_files(self, split: EvalSplit) -> Sequence[Path]:
        """The files that :meth:`annotations` reads for val or test, in a fixed order, without parsing one.

        Before the choice is sealed only their bytes are hashed, so that a change after it is noticed. A benchmark that
        reads no files has none.
        """
        return ()

    def split_rule(self) -> str:
        """How images were assigned to train, val and test where that is not published; part of a run's identity.

        Returns:
            For example ``"seed 0, 60/20/20"``; an empty string for published splits and for splits that the user made.
        """
        return ""

    def training_images(self, *, search: bool) -> ImageList:
        """The images that trials (``search``) or final runs are trained on; trials may see fewer of them."""
        return self.images("train")

    @property
    def decoding(self) -> Decoding:
        """How image files are decoded by the options; for :func:`wsol.image_list` and :class:`wsol.ImageFiles`."""
        return self.options.decoding() if isinstance(self.options, BenchmarkOptions) else DEFAULT_DECODING

    def data_folder(self) -> Path:
        """The absolute path of the data set: the option ``root``, or else ``$WSOL_DATA/<name>``.

        Raises:
            DataError: Neither is set.
        """
        given = self.options.root if isinstance(self.options, BenchmarkOptions) else None
        shared = os.environ.get("WSOL_DATA")
        if not given and not shared:
            raise DataError(f"{self.name}: no data folder; set the benchmark's option 'root', or WSOL_DATA")
        return Path(given or Path(shared or "", self.name)).expanduser().absolute()

    def examine(self, split: Split, report: Report) -> tuple[ImageList | None, Annotations | None]:
        """Read a split for ``wsol data check``; a benchmark that can go on after a problem overrides this.

        Args:
            split: The split.
            report: Called for each problem.

        Returns:
            Images and annotations; None for what cannot be read, and for annotations of train.
        """
        images = self.examine_images(split, report)
        if images is None or split == "train":
            return images, None
        try:
            return images, self.annotations(split)
        except DataError as error:
            report("cannot be read", str(error))
            return images, None

    def examine_images(self, split: Split, report: Report) -> ImageList | None:
        """List a split for a check that may not read its annotations; like :meth:`examine` without annotations.

        A missing or broken file does not stop it: the file is reported here, or when it is decoded.

        Args:
            split: The split.
            report: Called for each problem.

        Returns:
            The images; None if they cannot be listed.
        """
        try:
            return self.images(split)
        except DataError as error:
            report("cannot be read", str(error))
            return None

    @classmethod
    def check_class(cls) -> None:
        """Check class attributes, and that each method can be called as the engine calls it."""
        super().check_class()
        for name in ("protocol", "licence", "source", "citation", "study_template"):
            cls.require(name, isinstance(getattr(cls, name), str), "text")
        cls._check_schedule()
        metrics = getattr(cls, "metrics", ())
        distinct = is_names(metrics) and len(set(metrics)) == len(metrics) > 0
        cls.require("metrics", distinct, "a tuple of names, each once")
        try:
            get_protocol(cls.protocol)
        except UsageError as error:
            raise PluginError(f"{cls.__name__}.protocol: {error}") from None
        cls.require("resize", is_count(cls.resize), "a whole number of at least 1")
        cls.require("crop", is_count(cls.crop) and cls.crop <= cls.resize, f"a whole number from 1 to {cls.resize}")
        cls.require("cache", cls.cache in get_args(CacheMode), f"one of {', '.join(get_args(CacheMode))}")
        cls.require("reads_imports", isinstance(cls.reads_imports, bool), "True or False")
        sizes = cls.split_sizes
        three = isinstance(sizes, tuple) and len(sizes) == len(get_args(Split)) and all(map(is_count, sizes))
        cls.require("split_sizes", sizes is None or three, "three numbers, of train, val and test, or None")
        cls._check_archives()
        for name, arguments in CALLS.items():
            cls.require_method(name, *arguments)
        cls.require_method("training_images", search=True)

    @classmethod
    def _check_schedule(cls) -> None:
        schedule = getattr(cls, "schedule", None)
        cls.require("schedule", isinstance(schedule, Schedule), "a wsol.Schedule")
        assert schedule is not None
        numbers = (schedule.epochs, schedule.decay_every, schedule.batch_size)
        whole = all(map(is_count, numbers)) and schedule.batch_size >= 2
        share = isinstance(schedule.decay, int | float) and 0 < schedule.decay <= 1
        wanted = "a wsol.Schedule of whole numbers of at least 1, a batch size of at least 2 and a decay in (0, 1]"
        cls.require("schedule", whole and share, wanted)

    @classmethod
    def _check_archives(cls) -> None:
        archives = cls.archives
        listed = isinstance(archives, tuple) and all(isinstance(archive, Archive) for archive in archives)
        cls.require("archives", listed, "a tuple of wsol.Archive")
        for archive in archives:
            if problem := archive.problem():
                raise PluginError(f"{cls.__name__}.archives: {problem}")

    def check_built(self) -> None:
        """Check the attributes that a constructor may set: metrics, resize and crop."""
        super().check_built()
        if not (is_names(self.metrics) and len(set(self.metrics)) == len(self.metrics) > 0):
            raise ContractError(f"sets metrics to {self.metrics!r:.80}; a tuple of names, each once, is needed")
        if not (is_count(self.resize) and is_count(self.crop) and self.crop <= self.resize):
            raise ContractError(
                f"sets resize to {self.resize!r:.40} and crop to {self.crop!r:.40}; whole numbers of at least 1 are "
                "needed, crop at most resize"
            )


CALLS: dict[str, tuple[str | None, ...]] = {
    "__init__": (None,),
    "class_names": (),
    "images": ("train",),
    "image_table": ("train",),
    "annotations": ("val",),
    "annotation_files": ("val",),
    "split_rule": (),
    "examine": ("train", None),
    "examine_images": ("train", None),
}
"""Methods that the engine calls → arguments for which they must have a place."""


def is_count(value: float | None) -> bool:
    """Whether a value is a whole number of at least 1, and neither a bool nor another type."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_names(values: Sequence[str]) -> bool:
    """Whether a value is a tuple or list of texts that are not empty."""
    return isinstance(values, tuple | list) and all(isinstance(value, str) and value for value in values)


FOLDERS = "a tuple of paths below the folder of the data set"
"""What a class attribute that names folders must be."""


def has_root(options: type[AnyOptions]) -> bool:
    """Whether options of a benchmark say where its files are."""
    return isinstance(options, type) and issubclass(options, BenchmarkOptions)


def gives_trials_other_images(benchmark: Benchmark) -> bool:
    """Whether a benchmark may train trials on other images than final runs, see :meth:`Benchmark.training_images`."""
    return type(benchmark).training_images is not Benchmark.training_images
