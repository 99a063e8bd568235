"""Images and objects of an annotated source, in one form for all formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wsol.arrays import BoolArray
from wsol.data.benchmark import Report
from wsol.split_names import Split

Edges = tuple[float, float, float, float]
"""x0, y0, x1, y1: positions of a box's edges in pixels of the stored image. 0 is the left or top edge of the first
pixel, the width or height the right or bottom edge of the last one; a box of the first pixel alone is (0, 0, 1, 1)."""


@dataclass(frozen=True)
class SourceObject:
    """An object in an image.

    Attributes:
        category: Name of its class in the source.
        box: Its box; None where the source has none.
        mask: Reads its mask, bool [H, W], at the size of the image; None where the source has none.
    """

    category: str
    box: Edges | None = None
    mask: Callable[[], BoolArray] | None = None


@dataclass(frozen=True)
class SourceImage:
    """An image with its objects.

    Attributes:
        path: The image file.
        name: Its path below the source's image folder, with ``/``; unique in the source.
        size: Width and height of the stored image, in pixels.
        objects: Its objects; empty where the source lists none.
        split: The split that the source assigns it to; None where it assigns none.
        ignore: Reads the pixels to leave out of the score, bool [H, W]; None where there are none.
    """

    path: Path
    name: str
    size: tuple[int, int]
    objects: tuple[SourceObject, ...]
    split: Split | None = None
    ignore: Callable[[], BoolArray] | None = None


class AnnotationFormat(Protocol):
    """Reads one format of annotations."""

    def read(self, report: Report) -> Sequence[SourceImage]:
        """Read all images of the source, sorted by name.

        Args:
            report: Receives what cannot be imported, with file and line, and as notes what is left out.

        Raises:
            DataError: The source is missing, or nothing of it can be read.
        """
