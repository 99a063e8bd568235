"""Conversion of every mode of Pillow to RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wsol.arrays import Array, ByteArray, Float32Array
from wsol.data.decoding import depth, tiff
from wsol.data.decoding.settings import Background, Decoding
from wsol.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""Pillow scales grey of 2 and 4 bits to 8, but not the grey that PNG files declare transparent."""


def rgb_pixels(image: Image, decoding: Decoding) -> ByteArray:
    """Decode an opened image.

    Args:
        image: The image, not decoded yet.
        decoding: What the user says about the files.

    Returns:
        uint8 [H, W, 3]. Images of up to 8 bits a channel without transparent pixels are those of PIL's
        ``convert("RGB")``; deeper ones are scaled and rounded to the nearest value.

    Raises:
        DataError: The image cannot be converted faithfully; the message does not name the file.
    """
    deep = depth.has_deep_colour(image)
    tiff.check_samples(image, deep)
    white, inverted = depth.stated_white(image), tiff.white_is_zero(image)
    step, content = _grey_step(image), depth.file_content(image) if deep else b""
    stored = tiff.load_as_stored(image)
    if stored.mode in _PREMULTIPLIED:
        stored = stored.convert(_PREMULTIPLIED[stored.mode])
    if deep:
        return _from_deep_colour(depth.read_deep_colour(content, str(image.format), stored), decoding)
    if stored.mode == "F" or stored.mode.startswith("I"):
        return _from_grey(stored, white, inverted, decoding)
    _check_palette(stored)
    colours = _from_lab(stored) if stored.mode == "LAB" else np.asarray(_as_rgb(stored))
    return flatten(colours, _opacity(stored, step), decoding.background)


def flatten(colours: Array, opacity: Float32Array | None, background: Background) -> ByteArray:
    """Draw an image on a background.

    Args:
        colours: RGB, [H, W, 3], 0 to 255, integers or floats.
        opacity: float32 [H, W] in [0, 1]; None: everything is opaque.
        background: See :class:`Decoding`.

    Returns:
        uint8 [H, W, 3], rounded to the nearest value.

    Raises:
        DataError: There are transparent pixels and no background.
    """
    if opacity is not None and background != "ignore" and opacity.min() < 1:
        if background is None:
            raise DataError(
                f"{int((opacity < 1).sum()):,} of {opacity.size:,} pixels are transparent; set the option "
                "'background' to the colour below them (white), or to ignore for the stored colours"
            )
        weight = opacity[..., None]
        colours = colours * weight + np.asarray(background, dtype=np.float32) * (1 - weight)
    return colours if colours.dtype == np.uint8 else np.rint(colours).astype(np.uint8)


def _from_grey(image: Image, white: int | None, inverted: bool, decoding: Decoding) -> ByteArray:
    """Convert one channel of floats or of whole numbers of more than 8 bits."""
    values = np.asarray(image)
    unit = depth.check_unit(values) if image.mode == "F" else depth.to_unit(values, white, decoding.bits)
    grey = np.repeat(255 * (1 - unit if inverted else unit)[..., None], 3, axis=2)
    clear = image.info.get("transparency")
    opacity = (values != clear).astype(np.float32) if isinstance(clear, int) else None
    return flatten(grey, opacity, decoding.background)


def _from_deep_colour(pixels: Array, decoding: Decoding) -> ByteArray:
    colours = 255 * depth.to_unit(pixels[..., :3], None, decoding.bits)
    opacity = depth.to_unit(pixels[..., 3], depth.WHITE, None) if pixels.shape[2] == 4 else None
    return flatten(colours, opacity, decoding.background)


def _as_rgb(image: Image) -> Image:
    return image if image.mode == "RGB" else image.convert("RGB")  # a copy costs a tenth of decoding JPEG


def _check_palette(image: Image) -> None:
    """Refuse pixels whose index the palette lacks, which Pillow makes black."""
    if image.mode == "P" and image.palette is not None:
        colours, largest = len(image.palette.palette) // len(image.palette.mode), int(np.asarray(image).max())
        if largest >= colours:
            raise DataError(f"pixels of colour {largest} in a palette of {colours} colours, from 0; save it as RGB")


def _from_lab(image: Image) -> ByteArray:
    """Convert CIE L*a*b* with white D50, as TIFF files store it, to sRGB; colours that sRGB lacks are clipped."""
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    exact = ImageCms.Flags.NOOPTIMIZE  # otherwise a coarse table is interpolated
    return np.asarray(ImageCms.buildTransform(lab, srgb, "LAB", "RGB", flags=exact).apply(image))


def _opacity(image: Image, step: int) -> Float32Array | None:
    """Alpha in [0, 1] of an image of up to 8 bits; None where it has none."""
    if not image.has_transparency_data:
        return None
    clear = image.info.get("transparency")
    if step > 1 and isinstance(clear, int):
        image.info["transparency"] = step * clear
    alpha: Float32Array = np.asarray(image.convert("RGBA").getchannel("A")).astype(np.float32) / np.float32(255)
    return alpha


def _grey_step(image: Image) -> int:
    """The factor by which Pillow scales grey of a PNG file."""
    if image.format != "PNG":
        return 1
    return max([1, *(_GREY_STEPS.get(mode, 1) for mode in depth.raw_modes(image))])
