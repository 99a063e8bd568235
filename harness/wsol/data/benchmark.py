"""What benchmarks give and what stages get: images with labels, and, apart from them, annotations."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from wsol.arrays import Array, IntArray
from wsol.components import Component
from wsol.errors import DataError
from wsol.options import Options as AnyOptions
from wsol.options import option

Split = Literal["train", "val", "test"]
CacheMode = Literal["memmap", "ram", "device", "none"]
"""How decoded images are kept. ``memmap``: in a file that all runs of a node share; ``ram``: in each run's own memory;
``device``: the same, and the training images on the GPU; ``none``: decoded again whenever they are needed."""
Masks = tuple[Array | list[Array], Array | None]
"""Foreground, or a mask an instance, and what to ignore."""
Report = Callable[[str, str], None]
"""Takes the kind of a problem and a message that says where it is."""


@dataclass(frozen=True)
class ImageList:
    """The images of a split and their labels, without any annotation of where the object is.

    ``load(i)`` decodes image i: uint8 [H, W, 3], RGB, original size; raises DataError naming the file when broken.
    ``fingerprint`` identifies the content, the same on every machine (names, labels and sizes of files, or the
    generator's version and seed): it goes into records. ``stamp`` tells what else a cache of decoded images depends on
    here (places and times of files).
    """

    ids: Sequence[str]
    labels: IntArray
    load: Callable[[int], Array]
    fingerprint: str
    stamp: str = ""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Annotations:
    """Where the objects are. ``sizes`` int64 [N, 2]: (width, height) of the original images.

    ``boxes``: per image int64 [G, 4], (x0, y0, x1, y1) in original pixels, or None for a benchmark without boxes.
    ``masks(i)``: (foreground bool [H, W], ignore bool [H, W] or None) at original size, or None without masks. Where
    the public masks of an image have sizes of their own, foreground is a list: each is resized once, to the frame.
    """

    sizes: IntArray
    boxes: Sequence[IntArray] | None = None
    masks: Callable[[int], Masks] | None = None


@dataclass(frozen=True)
class Schedule:
    """A benchmark's published training schedule; a study may change any of it.

    The learning rate is multiplied by ``decay`` at the start of every ``decay_every``-th epoch, counted from 1.
    """

    epochs: int
    decay_every: int
    batch_size: int = 32
    decay: float = 0.1


@dataclass(frozen=True)
class Archive:
    """One file of a data set as its publisher offers it, for ``wsol data info`` and ``wsol data prepare``.

    Unpacked into the folder ``into`` below the root; ``gives`` is a path below the root that is there afterwards.
    ``size`` in bytes and ``md5`` are None where they are not known; neither is then checked.
    """

    name: str
    url: str
    gives: str
    into: str = "."
    size: int | None = None
    md5: str | None = None
    optional: bool = False
    """Not needed by the benchmark's default options."""
    note: str = ""
    """What its user must know: a registration, a licence to accept, files to move."""
    download: bool = False
    """Whether ``wsol data prepare --download`` may get it: torchvision keeps a downloader for this address."""


class BenchmarkOptions(AnyOptions):
    """Options of benchmarks that are read from files."""

    root: str | None = option(None, "folder that holds the data set")


class Benchmark(Component, ABC):
    """A data set with its splits, schedule and primary metric.

    Readers are split in two so that a stage can be given images without annotations: :meth:`images` never touches
    an annotation, and :meth:`annotations` is called by the engine alone: for val when a search starts, for test only
    after a selection was sealed, for train never.

    ``metrics``, ``resize`` and ``crop`` are the class's; an instance whose options change them sets its own.
    """

    Options: ClassVar[type[AnyOptions]] = BenchmarkOptions
    metrics: tuple[str, ...]
    """Metric names; the first is the primary one, which selection and ranking use."""
    protocol: ClassVar[str] = "wsoleval-v2"
    schedule: ClassVar[Schedule]
    resize: int = 256
    """Side in pixels that training images are squashed to."""
    crop: int = 224
    """Side in pixels of a network input."""
    cache: ClassVar[CacheMode] = "memmap"
    """How decoded images are kept, unless the study says otherwise."""
    split_sizes: ClassVar[tuple[int, int, int] | None] = None
    """Images of train, val and test as published, for lists and for estimates where the data are not at hand."""
    licence: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    source: ClassVar[str] = ""
    """What to get from where, and the folder layout expected, for ``wsol data info``."""
    archives: ClassVar[tuple[Archive, ...]] = ()
    """The files to get, for ``wsol data prepare``."""

    @abstractmethod
    def class_names(self) -> Sequence[str]:
        """Names of the classes, in order of their indices."""

    @abstractmethod
    def images(self, split: Split) -> ImageList:
        """Images and labels of a split; reads no annotation. Raises DataError with file and line."""

    @abstractmethod
    def annotations(self, split: Split) -> Annotations:
        """Boxes or masks of a split, in the order of :meth:`images`. Raises DataError with file and line."""

    def training_images(self, *, search: bool) -> ImageList:
        """What trials (``search``) or final runs are trained on: train, unless trials see fewer images of it."""
        return self.images("train")

    def data_folder(self) -> Path:
        """Where the files are, absolute: the option ``root``, or else ``$WSOL_DATA/<name>``.

        For benchmarks with :class:`BenchmarkOptions`; raises DataError when neither is set.
        """
        given, shared = self.options.root, os.environ.get("WSOL_DATA")
        if not given and not shared:
            raise DataError(f"{self.name}: no data folder; set the benchmark's option 'root', or WSOL_DATA")
        return Path(given or Path(shared or "", self.name)).expanduser().absolute()

    def examine(self, split: Split, report: Report) -> tuple[ImageList | None, Annotations | None]:
        """:meth:`images` and :meth:`annotations` with what is wrong told to ``report``; None for what cannot be read.

        A benchmark that can go on behind a problem overrides this, so that ``wsol data check`` finds all of them.
        """
        images, annotations = None, None
        try:
            images = self.images(split)
            annotations = None if split == "train" else self.annotations(split)
        except DataError as error:
            report("cannot be read", str(error))
        return images, annotations

    @classmethod
    def describe_class(cls) -> dict[str, Any]:
        """What ``wsol benchmarks`` lists."""
        return {
            "name": cls.name,
            "summary": cls.summary(),
            "paper": cls.paper,
            "splits": None if cls.split_sizes is None else dict(zip(get_args(Split), cls.split_sizes, strict=True)),
            "metrics": list(cls.metrics),
            "protocol": cls.protocol,
            "schedule": vars(cls.schedule),
            "licence": cls.licence,
        }
