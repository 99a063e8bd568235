"""The parts of a check: each looks for one kind of problem."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, get_args

from wsol.arrays import ByteArray
from wsol.data.benchmark import Annotations, Benchmark, ImageList
from wsol.data.checking.report import Problem, SplitReport
from wsol.split_names import Split


@dataclass(frozen=True)
class CheckedSplit:
    """A split that is being checked.

    Attributes:
        benchmark: The data set.
        images: Images and labels of the split.
        annotations: Its annotations; None for train, where they cannot be read, and where the check may not read them.
        report: Receives problems and notes.
    """

    benchmark: Benchmark
    images: ImageList
    annotations: Annotations | None
    report: SplitReport

    @property
    def split(self) -> Split:
        """Name of the split."""
        return self.report.split

    @property
    def has_published_size(self) -> bool:
        """Whether the split has exactly the published number of images."""
        sizes = self.benchmark.split_sizes
        return sizes is not None and len(self.images) == sizes[get_args(Split).index(self.split)]


class Inspection:
    """Looks for one kind of problem.

    One object inspects the splits of a check one after the other, so that it can compare them. A subclass overrides
    what it needs.
    """

    of_images_only: ClassVar[bool] = False
    """Whether it looks at images and labels only, never at annotations."""

    def begin(self, split: CheckedSplit) -> None:
        """Called before the first image of a split is decoded."""

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterable[Problem]:
        """Called with each image that can be decoded; called from several threads.

        Args:
            split: The split.
            index: Position of the image.
            image: Its pixels, uint8 [H, W, 3], RGB, original size.

        Returns:
            Problems of this image.
        """
        return ()

    def end(self, split: CheckedSplit) -> None:
        """Called after the last image of a split."""

    def finish(self) -> None:
        """Called after the last split of a check: for what concerns several splits."""
