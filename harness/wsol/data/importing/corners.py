"""How corners in whole pixels are counted, and the rule that finds it out from the boxes themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsol.data.importing.box_checks import Size
from wsol.data.importing.entry import Edges

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 as a file states them."""


@dataclass(frozen=True)
class CornerConvention:
    """How a file counts.

    Attributes:
        first_pixel: Number of the first column and row: 0 or 1.
        exclusive: Whether x1, y1 are the first pixel after the box (or its edge), not its last pixel.
    """

    first_pixel: int = 1
    exclusive: bool = False

    def edges(self, corners: Corners) -> Edges:
        """The positions of the edges.

        Example:
            >>> CornerConvention(first_pixel=1).edges((1, 1, 10, 5))  # the first ten columns, the first five rows
            (0, 0, 10, 5)
        """
        x0, y0, x1, y1 = corners
        start, end = self.first_pixel, self.first_pixel - (not self.exclusive)
        return x0 - start, y0 - start, x1 - end, y1 - end

    def __str__(self) -> str:
        last = "x1, y1 are the first pixel after the box" if self.exclusive else "x1, y1 belong to the box"
        return f"first_pixel={self.first_pixel}, exclusive={str(self.exclusive).lower()}: {last}"


def corner_convention(
    boxes: Sequence[tuple[Corners, Size]], standard: CornerConvention
) -> tuple[CornerConvention, str]:
    """Find out how the boxes of a source are counted.

    The rule: if most boxes have a fraction, corners are edges (from 0, exclusive). Otherwise, if the standard counts
    from 1 and a box starts at 0, the source counts from 0; then, if a box ends at its image's width or height, x1 and
    y1 are exclusive, else they belong to the box. Otherwise the standard holds.

    Args:
        boxes: Corners of every box, with the size of its image.
        standard: What the format prescribes.

    Returns:
        The convention, and why it is not the standard; empty if it is.
    """
    if not boxes:
        return standard, ""
    fractions = sum(any(value != int(value) for value in corners) for corners, _ in boxes)
    starts = sum(0 <= min(corners[:2]) < 1 for corners, _ in boxes)
    ends = sum(corners[2] == width or corners[3] == height for corners, (width, height) in boxes)
    if 2 * fractions > len(boxes):
        return CornerConvention(0, True), f"{fractions} of {len(boxes)} boxes have fractions of pixels"
    if standard.first_pixel == 1 and starts:
        reason = f"{starts} of {len(boxes)} boxes start at 0"
        return CornerConvention(0, bool(ends)), reason + (
            f", {ends} end at the image's width or height" if ends else ""
        )
    return standard, ""
