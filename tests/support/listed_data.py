"""A benchmark of images that a test writes to ``SPLIT/CLASS/NAME``, and the same images as published data."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

import wsol

CLASSES = ("cat", "dog")


class Listed(wsol.Benchmark):
    """Images of the paths ``SPLIT/CLASS/NAME`` below a folder."""

    name = "listed"
    metrics: ClassVar = ("maxboxaccv2",)
    schedule = wsol.Schedule(1, 1)

    def class_names(self) -> tuple[str, ...]:
        return CLASSES

    def images(self, split: wsol.Split) -> wsol.ImageList:
        root = self.data_folder()
        paths = sorted(path for path in (root / split).glob("*/*"))
        labels = np.array([CLASSES.index(path.parent.name) for path in paths], dtype=np.int64)
        ids = [path.relative_to(root).as_posix() for path in paths]
        return wsol.image_list(f"listed-{split}", ids, labels, [str(path) for path in paths], self.decoding)

    def annotations(self, split: wsol.Split) -> wsol.Annotations:
        images = self.images(split)
        sizes = wsol.ImageFiles(images.paths).sizes(wsol.ignore_problem)
        return wsol.Annotations(sizes, [np.array([[0, 0, 5, 5]])] * len(images))


class Published(Listed):
    """The same images as published data."""

    split_sizes = (3, 2, 2)
