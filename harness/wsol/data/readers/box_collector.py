"""Collecting the boxes of a file: single boxes are checked, and then what all of them look like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsol.arrays import IntArray
from wsol.data.benchmark import Report
from wsol.data.readers.box_formats import edge_hint, other_format
from wsol.data.readers.problems import box_problem

LARGEST = 2**31 - 1
"""Largest coordinate that is accepted; the size of an image may be unknown."""


class BoxCollector:
    """Collects boxes, and reports what is wrong with them: the only check of annotated boxes.

    Args:
        source: The file of the boxes, for messages about all of them.
        names: The images, N of them.
        sizes: Widths and heights of the images in pixels, int64 [N, 2]; 0 where unknown.
        report: Receives problems and notes; a box with a problem is left out.
        exclusive: Whether x1 and y1 are the first pixel after the box, not its last one.
        edges: Whether boxes must include their last pixel, so that a file of another convention gets a note.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from wsol.data.readers.box_collector import BoxCollector
        >>> from wsol.data.readers.problems import raise_data_error
        >>> boxes = BoxCollector(Path("val.csv"), ["a.jpg"], np.array([[20, 10]]), raise_data_error)
        >>> boxes.add("val.csv:3", 0, (1, 2, 5, 6))
        >>> boxes.finish()
        [array([[1, 2, 5, 6]])]
    """

    def __init__(
        self,
        source: Path,
        names: Sequence[str],
        sizes: IntArray,
        report: Report,
        *,
        exclusive: bool = False,
        edges: bool = False,
    ) -> None:
        self.source = source
        self.names = names
        self.sizes = sizes
        self.report = report
        self.exclusive = exclusive
        self.edges = edges
        self._given: list[tuple[int, tuple[float, ...]]] = []
        self._boxes: list[list[tuple[int, ...]]] = [[] for _ in names]
        self._repeated: list[str] = []
        self._wrong = 0

    def add(self, where: str, row: int, numbers: Sequence[float]) -> None:
        """Add a box.

        Args:
            where: Its place, ``FILE:LINE``, for messages.
            row: Position of its image.
            numbers: The four numbers as they are in the file.
        """
        self._given.append((row, tuple(numbers)))
        box, problem = self._box(numbers, self.sizes[row].tolist())
        if problem:
            self._wrong += 1
            given = ", ".join(f"{number:.10g}" for number in numbers)
            self.report("bad box", f"{where}: box ({given}) of '{self.names[row]}' {problem}")
            return
        if box in self._boxes[row]:
            self._repeated.append(f"{box} of '{self.names[row]}' at {where}")
        self._boxes[row].append(box)

    def finish(self) -> list[IntArray]:
        """Report what all boxes look like.

        Returns:
            For each image int64 [G, 4]: x0, y0, x1, y1 in pixels.
        """
        known = [(row, box) for row, box in self._given if self.sizes[row].all() and all(map(math.isfinite, box))]
        given = np.array([box for _, box in known], dtype=np.float64).reshape(-1, 4)
        sizes = self.sizes[[row for row, _ in known]].reshape(-1, 2)
        hint = other_format(given, sizes)
        if hint:
            doubt = "" if self._wrong else "; if these boxes are right, ignore this note"
            text = f"{self.source}: its {len(given)} boxes {hint}{doubt}"
            self.report("box format", text, note=not self._wrong)
        elif self.edges and not self.exclusive and (hint := edge_hint(given, sizes)):
            self.report("box format", f"{self.source}: its {len(given)} boxes {hint}", note=True)
        self._note("repeated box", "repeated", self._repeated)
        self._note_thin()
        return [np.array(found, dtype=np.int64).reshape(-1, 4) for found in self._boxes]

    def _box(self, numbers: Sequence[float], size: Sequence[int]) -> tuple[tuple[int, ...], str]:
        """The box in whole pixels, and what is wrong with it (an empty string for a valid one)."""
        if not all(map(math.isfinite, numbers)):
            return (), "has a value that is not finite"
        if max(map(abs, numbers)) > LARGEST:
            return (), "has a value that is too large for pixels"
        if not all(float(number).is_integer() for number in numbers):
            return (), "should be whole numbers: pixels of the stored image"
        x0, y0, x1, y1 = (int(number) for number in numbers)
        if self.exclusive and (x0 == x1 or y0 == y1):
            return (), "has no pixel: it ends where it starts, and its end is exclusive"
        box = (x0, y0, x1 - self.exclusive, y1 - self.exclusive)
        return box, box_problem(box, size)

    def _note_thin(self) -> None:
        thin = [
            f"{box} of '{name}'"
            for name, boxes in zip(self.names, self._boxes, strict=True)
            for box in boxes
            if box[0] == box[2] or box[1] == box[3]
        ]
        self._note("thin box", "one pixel wide or high", thin)

    def _note(self, kind: str, what: str, boxes: Sequence[str]) -> None:
        """Note the number of boxes of a kind, with the first of them."""
        if boxes:
            verb = "box is" if len(boxes) == 1 else "boxes are"
            self.report(kind, f"{self.source}: {len(boxes)} {verb} {what}, such as {boxes[0]}", note=True)
