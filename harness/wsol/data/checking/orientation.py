"""Images and masks whose files ask viewers to turn them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from wsol.arrays import ByteArray
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.report import Problem
from wsol.data.images import exif_orientation
from wsol.data.masks.reader import LabelMasks
from wsol.errors import DataError

NAMED = 5
"""Most images that are named."""


class Orientation(Inspection):
    """Notes how many images carry an orientation, which is not applied: annotation tools may have applied it."""

    of_images_only: ClassVar[bool] = True
    files: ClassVar[str] = "images"
    """What the files are, for the note."""
    advice: ClassVar[str] = "boxes and masks must refer to the pixels as stored"

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        self._turned: list[int] = []

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterable[Problem]:
        """See :class:`Inspection`."""
        paths = self.paths(split)
        if paths and _is_turned(Path(paths[index])):
            self._turned.append(index)
        return ()

    def paths(self, split: CheckedSplit) -> Sequence[str]:
        """The file of each image; empty if there are none."""
        return split.images.paths

    def end(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        if not self._turned:
            return
        ids = [split.images.ids[index] for index in sorted(self._turned)]
        more = f" … and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        named = ", ".join(f"'{image_id}'" for image_id in ids[:NAMED])
        split.report(
            "orientation not applied",
            f"{len(ids)} of {len(split.images)} {self.files} of {split.split} carry an EXIF orientation other than 1; "
            f"it is not applied, and {self.advice}: {named}{more}",
            note=True,
        )


class MaskOrientation(Orientation):
    """Notes how many masks carry an orientation, which is not applied either."""

    of_images_only: ClassVar[bool] = False
    files: ClassVar[str] = "masks"
    advice: ClassVar[str] = "the pixels of a mask as stored must be those of its image as stored"

    def paths(self, split: CheckedSplit) -> Sequence[str]:
        """The mask of each image; empty for those of benchmarks that read masks in a way of their own."""
        masks = None if split.annotations is None else split.annotations.masks
        return masks.paths if isinstance(masks, LabelMasks) else ()


def _is_turned(path: Path) -> bool:
    try:
        return exif_orientation(path) != 1
    except DataError:  # what the benchmark loads is another file than the one it names
        return False
