"""A CSV file of boxes, ``image_id,x0,y0,x1,y1`` in pixels of the original images, one line an image."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsol.arrays import Array, FloatArray, IntArray
from wsol.data.benchmark import ImageList
from wsol.errors import DataError
from wsol.evaluation.geometry import clip_boxes_to_crop
from wsol.evaluation.predictions.problems import Problems
from wsol.evaluation.predictions.source import PredictionKind
from wsol.protocols import EvalProtocol

_WRONG = "lines are not image_id,x0,y0,x1,y1 with x0 <= x1 and y0 <= y1"


@dataclass(frozen=True)
class PixelBoxes:
    """``pixels`` float64 [N, 4]: a box an image in original pixels; :meth:`framed` makes it a source."""

    pixels: FloatArray
    ids: Sequence[str]
    labels: IntArray
    kind: PredictionKind = "boxes"
    logits: Array | None = None

    def outside(self, sizes: IntArray) -> list[str]:
        """Ids of the images, of ``sizes`` int64 [N, 2] (width, height), that their box leaves."""
        reach = (self.pixels[:, :2] < 0).any(axis=1) | (self.pixels[:, 2:] > sizes).any(axis=1)
        return [self.ids[int(i)] for i in np.flatnonzero(reach)]

    def framed(self, sizes: IntArray, protocol: EvalProtocol) -> BoxTable:
        """The boxes as shares of the protocol's test images; ``sizes`` int64 [N, 2]: (width, height)."""
        if protocol.centre_crop:
            crops = [
                clip_boxes_to_crop(box[None], (int(width), int(height)), protocol.resize, protocol.crop)[0]
                for box, (width, height) in zip(self.pixels, sizes, strict=True)
            ]
            return BoxTable(np.stack(crops) / protocol.crop, self.ids, self.labels)
        return BoxTable(self.pixels / np.tile(sizes, 2), self.ids, self.labels)


@dataclass(frozen=True)
class BoxTable:
    """``boxes`` float64 [N, 4]: a box an image, as shares of the sides; a source for evaluation."""

    boxes: Array
    ids: Sequence[str]
    labels: IntArray
    kind: PredictionKind = "boxes"
    logits: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def map(self, i: int) -> Array:
        """There is none: raises DataError."""
        raise DataError("boxes have no maps")


def read_boxes(path: Path, images: ImageList, findings: Problems) -> PixelBoxes:
    """The box of every image of the split; raises DataError that names everything that is wrong with the file."""
    boxes: dict[str, list[float]] = {}
    for line, row in _rows(path):
        box = _box(row)
        if box is None:
            findings.error(_WRONG, f"line {line}")
        elif row[0] in boxes:
            findings.error("images come twice", f"{row[0]} (line {line})")
        else:
            boxes[row[0]] = box
    if boxes and all(0 <= value <= 1 for box in boxes.values() for value in box):
        findings.error("boxes are shares of the sides, not pixels of the original images", "all of them")
    findings.compare(boxes, images.ids)
    findings.check(path)
    return PixelBoxes(np.array([boxes[name] for name in images.ids]), images.ids, images.labels)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of a CSV file, without blank lines and a header."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.reader(file), 1):
                cells = [cell.strip() for cell in row]
                if cells and not (number == 1 and cells[1:] == ["x0", "y0", "x1", "y1"]):
                    yield number, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from None


def _box(row: list[Any]) -> list[float] | None:
    try:
        box = [float(cell) for cell in row[1:]]
    except ValueError:
        return None
    fits = len(box) == 4 and all(map(math.isfinite, box)) and box[0] <= box[2] and box[1] <= box[3]
    return box if fits else None
