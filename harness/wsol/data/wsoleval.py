"""Base of benchmarks in the wsoleval metadata layout: CUB, ImageNet, OpenImages, or anybody's own data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from wsol.components import IntArray
from wsol.data.files import ImageFiles, MaskFiles, digest
from wsol.data.metadata import SplitFiles, refuse
from wsol.data.splits import Annotations, Benchmark, ImageList, Report, Split
from wsol.errors import DataError, UsageError


class WsolevalBenchmark(Benchmark):
    """Reads ``<root>/metadata/<split>/*.txt``, with the images below ``<root>/images`` or, without that, ``<root>``.

    A subclass adds name, metrics, schedule and texts. The root is the option ``root``, or else ``$WSOL_DATA/<name>``.
    There are as many classes as the largest label of train says.
    """

    annotation: ClassVar[Literal["boxes", "masks"]] = "boxes"
    """What ``localization.txt`` holds."""
    upstream: ClassVar[str] = ""
    """Name of the data set in the public metadata, where its splits lie in ``metadata/<upstream>/<split>``."""

    @cached_property
    def root(self) -> Path:
        """The data set's folder; raises DataError when it is not there."""
        given, shared = self.options.root, os.environ.get("WSOL_DATA")
        if not given and not shared:
            raise DataError(f"{self.name}: no data folder; set the benchmark's option 'root', or WSOL_DATA")
        root = Path(given or Path(shared or "", self.name)).expanduser().absolute()
        if not (root / "metadata").is_dir():
            raise DataError(f"{root}: no folder 'metadata' there; 'wsol data info {self.name}' says what belongs in it")
        return root

    def class_names(self) -> Sequence[str]:
        """Names from the folders in train's ids, where every class has one of its own; else the numbers."""
        ids, labels = self._train
        folders: list[set[str]] = [set() for _ in range(self._num_classes)]
        for image_id, label in zip(ids, labels.tolist(), strict=True):
            folders[label].add(image_id.rpartition("/")[0])
        names = [self.class_name(*found) if len(found) == 1 else "" for found in folders]
        return names if len(set(names) - {""}) == len(names) else [str(number) for number in range(len(names))]

    def class_name(self, folder: str) -> str:
        """The name of a class whose images lie in ``folder``."""
        return folder.rpartition("/")[2]

    def image_path(self, image_id: str) -> str:
        """Where the image of an id lies; raises DataError for an id that leads out of the data folder."""
        return self._inside(self._folder("images"), image_id)

    def images(self, split: Split) -> ImageList:
        """Images and labels; raises DataError with file and line, or naming the image that is missing."""
        files = self._files(split)
        ids = files.ids()
        labels = files.labels(ids, None if split == "train" else self._num_classes)
        load = ImageFiles([self.image_path(image_id) for image_id in ids])
        content, stamp = load.identity()
        fingerprint = digest("\n".join(ids), labels.tobytes(), content)
        return ImageList(ids, labels, load, f"{self.name}-{split}-{fingerprint}", stamp)

    def annotations(self, split: Split) -> Annotations:
        """Boxes or masks. Raises UsageError for train, whose ``localization.txt`` is never opened."""
        if split == "train":
            raise UsageError(f"{self.name}: train has image labels only; its localization.txt is never read")
        files = self._files(split)
        return self._annotations(files, files.ids())

    def examine(self, split: Split, report: Report) -> tuple[ImageList | None, Annotations | None]:
        """Everything that can be read, with every problem told to ``report``. Missing images show when loaded."""
        files = self._files(split, report)
        ids = files.ids()
        labels = files.labels(ids, None if split == "train" else self._num_classes)
        images = ImageList(ids, labels, ImageFiles([self.image_path(image_id) for image_id in ids]), "")
        if split != "train":
            return images, self._annotations(files, ids)
        return images, Annotations(files.sizes(ids)) if files.has_sizes() else None

    @cached_property
    def _train(self) -> tuple[list[str], IntArray]:
        files = self._files("train")
        ids = files.ids()
        return ids, files.labels(ids)

    @property
    def _num_classes(self) -> int:
        return int(self._train[1].max()) + 1

    def _files(self, split: Split, report: Report = refuse) -> SplitFiles:
        own = self.root / "metadata" / split
        public = self.root / "metadata" / self.upstream / split
        return SplitFiles(public if public.is_dir() and not own.is_dir() else own, report)

    def _annotations(self, files: SplitFiles, ids: Sequence[str]) -> Annotations:
        if self.annotation == "boxes":
            sizes = files.sizes(ids)
            return Annotations(sizes, boxes=files.boxes(ids, sizes))
        folder = self._folder("masks")
        names = files.masks(ids)
        masks = MaskFiles(
            [[self._inside(folder, name) for name in names.instances] for names in names],
            [names.ignore and self._inside(folder, names.ignore) for names in names],
        )
        return Annotations(masks.sizes(files.report), masks=masks)

    def _folder(self, kind: str) -> str:
        folder = self.root / kind
        return str(folder if folder.is_dir() else self.root)

    def _inside(self, folder: str, name: str) -> str:
        path = os.path.normpath(name)
        if os.path.isabs(path) or path.startswith(".."):
            raise DataError(f"{self.root}: '{name}' leads out of the data folder")
        return os.path.join(folder, path)
