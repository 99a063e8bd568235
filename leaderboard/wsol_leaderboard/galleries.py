"""Pictures of test images for the page, from the galleries that final runs left; no data set is opened."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import wsol
from wsol_leaderboard.evidence import RunKey
from wsol_leaderboard.reading import FoundRecord
from wsol_leaderboard.rows import Row

PAGE_BYTES = 15_000_000
"""Most bytes of pictures in a page. In it they take a third more, because it holds them as text."""


@dataclass
class Galleries:
    """The galleries of some final runs, which are read when the page shows them.

    Attributes:
        records: Final run → its record, which its gallery is found by.
        hashes: Final run → the hash of its gallery; another gallery is not shown.
        left: Bytes of pictures that the page still has room for.
    """

    records: Mapping[RunKey, Path] = field(default_factory=dict)
    hashes: Mapping[RunKey, str] = field(default_factory=dict)
    left: int = PAGE_BYTES

    @classmethod
    def of(cls, found: Sequence[FoundRecord]) -> Galleries:
        """Find the galleries of records.

        Args:
            found: The records.
        """
        finals = [each for each in found if each.record.stage == "final"]
        return cls(
            {RunKey.of(each.record): each.path for each in finals},
            {RunKey.of(each.record): each.record.gallery for each in finals},
        )

    def of_row(self, row: Row) -> Row:
        """Select what a row of the table shows: the pictures of its first final run.

        A recipe's pictures are shown once, in the ranking by its primary metric.

        Args:
            row: The row, with lists and mappings instead of JSON.

        Returns:
            ``pictures``: for each one its caption's parts and a ``data:`` address; ``note``: why there is none. Both
            are empty where nothing is to be shown.
        """
        run = RunKey(row["study"], row["plan"], row["record_ids"][0]) if row["record_ids"] else None
        path = self.records.get(run) if run else None
        if run is None or path is None or not row["primary"]:
            return {"pictures": [], "note": ""}
        try:
            gallery = wsol.read_gallery(path, self.hashes[run])
            shown = [each for each in gallery if each.image.recipe == row["recipe"]]
        except wsol.DataError as error:
            return {"pictures": [], "note": str(error)}
        size = sum(len(each.jpeg) for each in shown)
        if size > self.left:
            folder = path.name.removesuffix(".record.json")
            return {"pictures": [], "note": f"The page has no room for more pictures; these are in {folder}/gallery."}
        self.left -= size
        return {"pictures": [_picture(each) for each in shown], "note": ""}


def _picture(shown: wsol.ShownImage) -> Row:
    image = shown.image
    return {
        "group": image.group,
        "image": image.image_id,
        "iou": "" if image.iou is None else f"IoU {image.iou:.2f}",
        "problem": image.problem,
        "address": "data:image/jpeg;base64," + base64.b64encode(shown.jpeg).decode(),
    }
