"""Heat maps: the map over the image, with the predicted box, and the true box where it is known."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from wsol.arrays import Array, BoolArray, ByteArray, FloatArray

PREDICTED = (255, 64, 64)
TRUE = (64, 255, 64)
MASK = (255, 160, 0)
IGNORED = (128, 128, 128)


def overlay(
    image: Array,
    score_map: FloatArray | None,
    predicted: Array | None = None,
    truth: Array | None = None,
    *,
    line: int | None = None,
) -> Array:
    """Draw a map as colours over an image, predicted boxes red and true boxes green.

    Args:
        image: uint8 [H, W, 3], RGB.
        score_map: float64 [h, w] of any size, in [0, 1]; None draws boxes only.
        predicted: Boxes [N, 4], (x0, y0, x1, y1) as shares of the image sides; those that are not finite, end before
            they start, or are (0, 0, 0, 0), which stands for no box, are not drawn, and others are clipped.
        truth: Boxes, as above.
        line: Width of the lines in pixels; None: 1/150 of the image's width.

    Returns:
        uint8 [H, W, 3].
    """
    height, width = image.shape[:2]
    canvas = image.copy()
    if score_map is not None:
        resized = cv2.resize(score_map, (width, height), interpolation=cv2.INTER_LINEAR)
        heat = cv2.applyColorMap((np.clip(resized, 0, 1) * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
        canvas = cv2.addWeighted(canvas, 0.5, cv2.cvtColor(heat, cv2.COLOR_BGR2RGB), 0.5, 0)
    line = line or max(1, width // 150)
    for boxes, colour in ((truth, TRUE), (predicted, PREDICTED)):
        for box in drawable(boxes):
            x0, y0, x1, y1 = (box * [width, height, width, height]).round().astype(int).tolist()
            cv2.rectangle(canvas, (x0, y0), (min(x1, width - 1), min(y1, height - 1)), colour, line)
    return canvas


def tint(image: ByteArray, mask: BoolArray, colour: tuple[int, int, int]) -> ByteArray:
    """Mix the pixels of a mask with a colour, half and half.

    Args:
        image: uint8 [H, W, 3], RGB.
        mask: bool [H, W].
        colour: RGB, 0 to 255.

    Returns:
        uint8 [H, W, 3].
    """
    tinted = image.copy()
    tinted[mask] = (image[mask].astype(np.uint16) + np.asarray(colour, dtype=np.uint16)) // 2
    return tinted


def drawable(boxes: Array | None) -> FloatArray:
    """The boxes that a picture can show, clipped to the image; see :func:`overlay`.

    Args:
        boxes: (x0, y0, x1, y1) as shares of the image sides, [N, 4]; None: there are none.

    Returns:
        float64 [M, 4] in [0, 1].
    """
    given = np.zeros((0, 4)) if boxes is None else np.asarray(boxes, dtype=np.float64)
    finite = given[np.isfinite(given).all(axis=1)]
    shown: FloatArray = finite[(finite[:, :2] <= finite[:, 2:]).all(axis=1) & finite.any(axis=1)]
    return np.clip(shown, 0, 1)


def contact_sheet(rows: Sequence[tuple[str, Sequence[Array]]], tile: int = 192) -> Array:
    """Arrange rows of pictures, each below its title.

    Args:
        rows: Title and pictures, uint8 [H, W, 3] of any size, of each row.
        tile: Side in pixels that pictures are resized to.

    Returns:
        uint8 [H, W, 3].
    """
    title = 24
    columns = max(len(pictures) for _, pictures in rows)
    sheet = np.full((len(rows) * (tile + title), columns * tile, 3), 255, dtype=np.uint8)
    for r, (name, pictures) in enumerate(rows):
        top = r * (tile + title)
        cv2.putText(sheet, name, (4, top + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        for c, picture in enumerate(pictures):
            fitted = cv2.resize(picture, (tile, tile), interpolation=cv2.INTER_AREA)
            sheet[top + title : top + title + tile, c * tile : (c + 1) * tile] = fitted
    return sheet
