"""A contact sheet of a data set: random images of a split with class, boxes and masks, as the harness sees them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import cv2
import numpy as np

from wsol.arrays import ByteArray
from wsol.data.cache import Transform
from wsol.data.views import evaluation_protocol, evaluation_transform
from wsol.errors import DataError, printable
from wsol.evaluation.ground_truth import GroundTruthReader
from wsol.inference.overlay import IGNORED, MASK, overlay, tint

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from wsol.data.benchmark import Benchmark, ImageList
    from wsol.split_names import Split

_SMALLEST, _LARGEST = 192, 320
"""Sides in pixels between which tiles are kept."""
_MARGIN = 6
_LINE = 16
"""Height of a line of text."""


@dataclass(frozen=True)
class SheetImage:
    """One image of a contact sheet.

    Attributes:
        image_id: Its id.
        class_name: Name of its class.
        picture: The image with boxes and masks, uint8 [S, S, 3].
    """

    image_id: str
    class_name: str
    picture: ByteArray


def choose_rows(total: int, count: int, seed: int) -> list[int]:
    """Choose images at random, each with the same probability.

    Args:
        total: Number of images.
        count: Number to choose; all where there are no more.
        seed: Of the random numbers.

    Returns:
        Their positions, ascending.

    Raises:
        DataError: There is no image.

    Example:
        >>> choose_rows(5, 8, seed=0)
        [0, 1, 2, 3, 4]
    """
    if total == 0:
        raise DataError("the split is empty; there is nothing to show")
    chosen = np.random.default_rng(seed).permutation(total)[:count]
    return sorted(chosen.tolist())


def draw_images(
    benchmark: Benchmark, split: Split, protocol_name: str, images: ImageList, rows: Sequence[int]
) -> list[SheetImage]:
    """Draw images as the harness sees them.

    Those of train have the size that they are trained in, and no annotation is read. Those of val and test are squashed
    and cropped by the protocol, and boxes and masks are brought into the same frame as for scoring: boxes green, object
    pixels orange, ignored pixels grey.

    Args:
        benchmark: The data set.
        split: The split; the caller has recorded the inspection if it is test.
        protocol_name: Name of an evaluation protocol.
        images: Images of the split.
        rows: Positions of those to draw.

    Returns:
        The images, in the order of ``rows``.

    Raises:
        UsageError: There is no such protocol.
        DataError: An image or annotation is missing or broken.
    """
    protocol = evaluation_protocol(benchmark, protocol_name)
    if split == "train":
        transform, reader = Transform(benchmark.resize), None
    else:
        transform, annotations = evaluation_transform(benchmark, protocol), benchmark.annotations(split)
        # The frame is the network's input, also for a protocol that scores in another one.
        frame = replace(protocol.at(benchmark.resize, benchmark.crop), original_size=False)
        has_boxes, has_masks = annotations.boxes is not None, annotations.masks is not None
        reader = GroundTruthReader(annotations, images.ids, frame, boxes=has_boxes, masks=has_masks)
    names = benchmark.class_names()
    drawn = []
    for row in rows:
        picture = np.ascontiguousarray(transform(images.load(row)).transpose(1, 2, 0))
        label = int(images.labels[row])
        name = names[label] if 0 <= label < len(names) else f"class {label}"
        drawn.append(SheetImage(images.ids[row], name, picture if reader is None else _annotated(picture, reader, row)))
    return drawn


def _annotated(picture: ByteArray, reader: GroundTruthReader, row: int) -> ByteArray:
    """Draw the masks and boxes of an image over it."""
    truth, side = reader.read(row), picture.shape[0]
    for mask, colour in ((truth.foreground, MASK), (truth.ignore, IGNORED)):
        picture = picture if mask is None else tint(picture, mask, colour)
    return picture if truth.boxes is None else np.asarray(overlay(picture, None, truth=truth.boxes / side), np.uint8)


def make_sheet(title: str, images: Sequence[SheetImage]) -> ByteArray:
    """Arrange images in rows below a title, each with its class and id.

    Args:
        title: One line of text.
        images: The images, of one size; at least one.

    Returns:
        uint8 [H, W, 3].
    """
    from PIL import Image, ImageDraw

    tiles = [_tile(entry.picture) for entry in images]
    side, columns = len(tiles[0]), int(np.ceil(np.sqrt(len(tiles))))
    step = (side + _MARGIN, side + 2 * _LINE + _MARGIN)
    rows = -(-len(tiles) // columns)
    canvas = Image.new("RGB", (columns * step[0] + _MARGIN, rows * step[1] + _LINE + 2 * _MARGIN), "white")
    draw, font = ImageDraw.Draw(canvas), _font()
    _write(draw, font, (_MARGIN, _MARGIN // 2), title, canvas.width - 2 * _MARGIN)
    for place, (entry, tile) in enumerate(zip(images, tiles, strict=True)):
        left = _MARGIN + step[0] * (place % columns)
        top = _LINE + 2 * _MARGIN + step[1] * (place // columns)
        canvas.paste(Image.fromarray(tile), (left, top))
        _write(draw, font, (left, top + side), entry.class_name, side)
        _write(draw, font, (left, top + side + _LINE - 2), entry.image_id, side, grey=True)
    return np.asarray(canvas)


def _font() -> FreeTypeFont:
    """The font of matplotlib, which has Latin letters with accents, Greek, Cyrillic, Arabic and Hebrew ones."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), 11)


def _tile(picture: ByteArray) -> ByteArray:
    """Enlarge small pictures by a whole factor, so that every pixel is seen, and reduce large ones."""
    side = picture.shape[0]
    factor = -(-_SMALLEST // side) if side < _SMALLEST else min(1.0, _LARGEST / side)
    size = (round(side * factor), round(side * factor))
    return np.asarray(
        cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST if factor >= 1 else cv2.INTER_AREA), np.uint8
    )


def _write(
    draw: ImageDraw,
    font: FreeTypeFont,
    place: tuple[int, int],
    text: str,
    width: int,
    *,
    grey: bool = False,
) -> None:
    """Write one line, shortened in the middle where it is too long."""
    whole = normalize("NFC", printable(text))  # the font has accents on letters, not of their own

    def shortened(keep: int) -> str:
        return whole if keep >= len(whole) else f"{whole[: (keep + 1) // 2]}…{whole[len(whole) - keep // 2 :]}"

    kept = bisect_right(range(len(whole) + 1), float(width), key=lambda keep: float(font.getlength(shortened(keep))))
    draw.text(place, shortened(max(2, kept - 1)), fill=(110, 110, 110) if grey else (0, 0, 0), font=font)
