"""Where pseudo boxes come from, apart from DDT: a classifier's maps, or a file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

import wsol
from wsol_psol.boxes import positive_boxes, resize

COLUMNS = ("image_id", "x0", "y0", "x1", "y1")


def cam_boxes(classifier: wsol.Classifier, train: wsol.TrainView, side: int, theta: float) -> Tensor:
    """Boxes of the class activation maps of all training images for their labels, float32 [N, 4].

    Maps are upsampled to ``side`` and min-max normalised; the box surrounds the largest component above ``theta``
    (Zhou et al., CVPR 2016). The classifier must be in evaluation mode.
    """
    return torch.cat(
        [
            boxes_above(class_maps(classifier, batch.images, batch.labels), side, theta)
            for batch in train.batches(batch_size=64)
        ]
    )


def class_maps(classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """Images float [B, 3, H, W], labels int64 [B] → sum over channels of the label's weights times the features."""
    return torch.einsum("bk,bkhw->bhw", classifier.head.weight[labels], classifier.features(images))


def boxes_above(maps: Tensor, side: int, theta: float) -> Tensor:
    """Boxes float32 [B, 4] of raw maps float [B, h, w], at ``theta`` between their smallest and largest value."""
    maps = resize(maps[:, None], side)[:, 0]
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return positive_boxes(maps - low - theta * (high - low))


def read_boxes(path: Path, ids: Sequence[str]) -> Tensor:
    """The boxes of the images ``ids`` from a CSV file with the columns image_id, x0, y0, x1, y1: float32 [N, 4].

    Corners are shares of the image sides. Images that are not asked for are passed over. Raises DataError, naming the
    line, for a file that cannot be read, a box outside of the image or without area, and an image that has none or two.
    """
    found: dict[str, list[float]] = {}
    for where, row in _rows(path):
        if row["image_id"] in found:
            raise wsol.DataError(f"{where}: image '{row['image_id']}' comes twice")
        found[row["image_id"]] = _box(row, where)
    missing = [i for i in ids if i not in found]
    if missing:
        raise wsol.DataError(f"{path}: {len(missing)} of {len(ids)} training images have no box, '{missing[0]}' first")
    return torch.tensor([found[i] for i in ids], dtype=torch.float32)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(file and line, cells by column)."""
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            if not {*COLUMNS} <= {*(reader.fieldnames or ())}:
                raise wsol.DataError(f"{path}:1: the header lacks one of the columns {', '.join(COLUMNS)}")
            yield from ((f"{path}:{reader.line_num}", row) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise wsol.DataError(f"{path}: cannot be read: {error}") from None


def _box(row: dict[str, str], where: str) -> list[float]:
    try:
        box = [float(row[column]) for column in COLUMNS[1:]]
    except (TypeError, ValueError):
        raise wsol.DataError(f"{where}: a box needs four numbers") from None
    if not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
        raise wsol.DataError(f"{where}: 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1 do not hold for {box}")
    return box


def write_boxes(path: Path, boxes: Iterable[tuple[str, Sequence[float]]]) -> None:
    """Write (image id, corners as shares of the sides) as a file for :func:`read_boxes`; DataError when it cannot."""
    try:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows([name, *(f"{value:.6f}" for value in box)] for name, box in boxes)
    except OSError as error:
        raise wsol.DataError(f"{path}: cannot be written: {error.strerror or error}") from None
