"""Images whose files ask viewers to turn them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from wsol.arrays import ByteArray
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.report import Problem
from wsol.data.images import exif_orientation
from wsol.errors import DataError

NAMED = 5
"""Most images that are named."""


class Orientation(Inspection):
    """Notes how many images carry an orientation, which is not applied: annotation tools may have applied it."""

    of_images_only: ClassVar[bool] = True

    def begin(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        self._turned: list[int] = []

    def image(self, split: CheckedSplit, index: int, image: ByteArray) -> Iterable[Problem]:
        """See :class:`Inspection`."""
        if split.images.paths and _is_turned(Path(split.images.paths[index])):
            self._turned.append(index)
        return ()

    def end(self, split: CheckedSplit) -> None:
        """See :class:`Inspection`."""
        if not self._turned:
            return
        ids = [split.images.ids[index] for index in sorted(self._turned)]
        more = f" … and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        named = ", ".join(f"'{image_id}'" for image_id in ids[:NAMED])
        split.report(
            "orientation not applied",
            f"{len(ids)} of {len(split.images)} images of {split.split} carry an EXIF orientation other than 1; it is "
            f"not applied, and boxes and masks must refer to the pixels as stored: {named}{more}",
            note=True,
        )


def _is_turned(path: Path) -> bool:
    try:
        return exif_orientation(path) != 1
    except DataError:  # what the benchmark loads is another file than the one it names
        return False
