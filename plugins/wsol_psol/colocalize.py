"""DDT as a method: boxes, or raw heat maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from torch import Tensor

import wsol
from wsol_psol.ddt import CoLocalizer, DDTOptions


class DDT(wsol.Method):
    """Deep descriptor transformation: co-localizes a class with its first principal component. Trains nothing.

    The statistics come from the training images of a class, without their places; a test image is projected with
    those of its own class. The box surrounds the largest component of the positive cells.
    """

    name = "ddt"
    paper = "Wei et al., Unsupervised object discovery and co-localization by deep descriptor transformation, PR 2019"
    uses = frozenset({"backbone"})
    outputs: ClassVar[Literal["maps", "boxes"]] = "boxes"
    Options = DDTOptions
    options: DDTOptions

    def __init__(self, options: wsol.Options, parts: wsol.Parts) -> None:
        super().__init__(options, parts)
        features = parts.require("backbone", self.name).build()
        self.locator = CoLocalizer(features, parts.num_classes, parts.crop, self.options)

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """One phase that trains nothing: the statistics of every class."""
        yield wsol.Phase("colocalize", prepare=self.prepare)

    def prepare(self, train: wsol.TrainView) -> None:
        """Learn the statistics; the boxes of the training images are not used."""
        self.locator.fit(train)

    def localize(self, images: Tensor, labels: Tensor, extractor: wsol.Extractor | None) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → boxes float [B, 4] as shares of the sides."""
        return self.locator.boxes(self.locator.heat(images, labels))


class DDTMap(DDT):
    """Deep descriptor transformation as a raw heat map, for benchmarks that sweep thresholds."""

    name = "ddt_map"
    outputs = "maps"

    def localize(self, images: Tensor, labels: Tensor, extractor: wsol.Extractor | None) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → heat maps float [B, h, w], positive on the object."""
        return self.locator.heat(images, labels)
