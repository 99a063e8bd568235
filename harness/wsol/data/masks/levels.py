"""The pixel values of a mask file, as numbers or as colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wsol.arrays import Array, ByteArray, IntArray
from wsol.data.decoding.depth import has_deep_colour
from wsol.data.decoding.opening import opened
from wsol.data.decoding.settings import MAX_PIXELS
from wsol.data.decoding.tiff import check_samples, load_as_stored, white_is_zero
from wsol.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

NEARLY_GREY = 16
"""How far the channels of a pixel may differ where a threshold is given: JPEG tints grey a little."""
_WITH_ALPHA = ("LA", "PA", "RGBA")
_ALPHA_MODES = ("1", "L", "P", "RGB", *_WITH_ALPHA)
"""Modes whose transparency, a channel or one transparent value, can be read."""
_PLAIN = {"LA": "L", "PA": "P", "RGBA": "RGB"}


class UnsuitableMaskError(DataError):
    """A mask file of a kind that does not say what is the object.

    Args:
        path: The file.
        reason: What is wrong with it, and what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Levels:
    """The pixel values of a mask.

    Attributes:
        pixels: The values, [H, W], integers or float32; colours are 0xRRGGBB.
        coloured: Whether the values are colours.
        palette: Colours of the indices, uint8 [N, 3], where the values are indices of a palette.
    """

    pixels: Array
    coloured: bool = False
    palette: ByteArray | None = None

    def present(self) -> list[int]:
        """The values that occur, sorted; of float32 their whole parts, which are the values if :attr:`whole`."""
        if self.pixels.dtype in (np.uint8, np.uint16):
            found = np.flatnonzero(np.bincount(self.pixels.ravel()))
        else:
            found = np.unique(self.pixels.astype(np.int64))
        return [int(value) for value in found]

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return self.pixels.dtype != np.float32 or bool((self.pixels == np.trunc(self.pixels)).all())


def level_name(value: float, coloured: bool) -> str:
    """A value as options and messages write it: ``255``, ``'#ff0000'`` (with quotes, as YAML needs)."""
    return f"'#{int(value):06x}'" if coloured else f"{value:.10g}"


def read_levels(path: Path, *, alpha: bool | None, colours: bool, soft: bool, max_pixels: int = MAX_PIXELS) -> Levels:
    """Read the pixel values of a mask file.

    Grey of 8 bits and less is 0 to 255 (one bit: 0 and 255), of 16 bits 0 to 65535; 32 bits and floats are as stored;
    of a palette the indices count, unless all its colours are grey. Three equal channels are one; others are colours.

    Args:
        path: The file.
        alpha: True: transparency is the mask, 0 to 255 (255: opaque). False: it is ignored. None: it may not vary.
        colours: Whether palettes and grey of 8 bits are read as colours too.
        soft: Whether values are compared with a threshold, so that they must be grey, if only nearly.
        max_pixels: Files with more pixels are an error.

    Returns:
        The values.

    Raises:
        DataError: The file is missing, broken or too large, or has several frames.
        UnsuitableMaskError: It is of a kind that does not say what a pixel's value is.
    """
    with opened(path, max_pixels) as image:
        found = _levels(image, alpha, colours, soft)
    if isinstance(found, str):
        raise UnsuitableMaskError(path, found)
    return found


def _levels(image: Image, alpha: bool | None, colours: bool, soft: bool) -> Levels | str:
    """The values of an image, or what is wrong with it."""
    check_samples(image, deep=False)
    if has_deep_colour(image):  # of which Pillow keeps the upper 8 bits
        return "several channels of 16 bits; save the mask with one channel of 8 or 16 bits"
    if image.mode not in ("1", "L") and white_is_zero(image):  # Pillow inverts these two
        return "it stores white as 0 (TIFF); save it as PNG"
    image = load_as_stored(image)
    if alpha:
        return _transparency(image)
    if image.mode in _WITH_ALPHA:
        if alpha is None and np.ptp(np.asarray(image.getchannel("A"))):
            return "its transparency varies; say with 'alpha' whether it is the mask (true) or is ignored (false)"
        image = image.getchannel("P") if image.mode == "PA" else image.convert(_PLAIN[image.mode])
    return _plain(image, colours, soft)


def _transparency(image: Image) -> Levels | str:
    if image.mode not in _ALPHA_MODES or not (image.mode in _WITH_ALPHA or "transparency" in image.info):
        return f"no transparency in it (mode {image.mode}), which 'alpha: true' takes as the mask"
    return Levels(np.asarray(image.convert("RGBA").getchannel("A")))


def _plain(image: Image, colours: bool, soft: bool) -> Levels | str:
    """The values of an image without transparency."""
    if image.mode == "RGB":
        return _of_channels(image, colours, soft)
    if image.mode == "P":
        if soft:
            return "indices of a palette have no order, as a threshold needs; save the mask as grey"
        return _colours(np.asarray(image.convert("RGB"))) if colours else _indices(image)
    if image.mode in ("1", "L"):
        grey = np.asarray(image.convert("L"))
        return _colours(np.stack([grey] * 3, axis=2)) if colours else Levels(grey)
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return f"mode {image.mode} does not say what a pixel's value is; save the mask as grey or RGB"
    if colours:
        return f"mode {image.mode} has no colours, but 'object', 'outside' or 'ignore' name some"
    return _deep(np.asarray(image))


def _indices(image: Image) -> Levels:
    """The values of an image with a palette: greys if it has nothing else, or else indices, whose order has a meaning.

    Programs that make files smaller sort grey palettes as they like.
    """
    indices = np.asarray(image)
    palette = np.asarray(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    used = [value for value in Levels(indices).present() if value < len(palette)]
    if len(palette) > indices.max() and not np.ptp(palette, axis=1).any() and len({*palette[used, 0]}) == len(used):
        return Levels(palette[:, 0][indices])
    return Levels(indices, palette=palette)


def _deep(pixels: Array) -> Levels | str:
    """The values of 16 or 32 bits, of either byte order."""
    if pixels.dtype.kind != "f":
        return Levels(pixels.astype(np.uint16 if pixels.dtype.itemsize == 2 else np.int64))
    if not np.isfinite(pixels).all():
        return "values that are not finite"
    if np.abs(pixels).max(initial=0) > 2**31:
        return "values of more than 32 bits"
    return Levels(pixels.astype(np.float32))


def _of_channels(image: Image, colours: bool, soft: bool) -> Levels | str:
    pixels = np.asarray(image)
    spread = int(np.ptp(pixels, axis=2).max(initial=0))
    if colours or (spread and not soft):
        return _colours(pixels)
    if spread > NEARLY_GREY:
        return "its channels differ; a threshold is for grey masks"
    return Levels(np.asarray(image.convert("L")))


def _colours(pixels: ByteArray) -> Levels:
    red, green, blue = (pixels[..., channel].astype(np.int64) for channel in range(3))
    return Levels((red << 16) | (green << 8) | blue, coloured=True)


def masked(levels: Levels, values: Sequence[int]) -> Array:
    """Where the pixels have one of ``values``, bool [H, W]."""
    wanted: IntArray = np.array(values, dtype=np.int64)
    if levels.pixels.dtype == np.uint8:  # most masks; a table is several times faster than a search
        table = np.zeros(256, dtype=np.bool_)
        table[wanted[(wanted >= 0) & (wanted < len(table))]] = True
        return table[levels.pixels]
    return np.isin(levels.pixels, wanted)
