"""Every mode of mask files: its values against formulas of this file, or an error that names the file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from wsol.data.masks.levels import Levels, UnsuitableMaskError, level_name, masked, read_levels
from wsol.errors import DataError

VALUES = np.random.default_rng(3).choice([0, 1, 2, 255], (7, 11)).astype(np.uint8)
BINARY = VALUES > 1
RED = np.stack([255 * BINARY, 0 * BINARY, 0 * BINARY], axis=2).astype(np.uint8)
PALETTE = [0, 0, 0, 255, 0, 0, 0, 255, 0, *([9, 9, 9] * 253)]


def read(path: Path, **changes: Any) -> Any:
    return read_levels(path, **{"alpha": None, "colours": False, "soft": False, **changes})


def indexed(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values, "P")
    image.putpalette(PALETTE)
    return image


def with_alpha(alpha: np.ndarray, mode: str = "RGBA") -> Image.Image:
    image = Image.new("RGB" if mode == "RGBA" else "L", alpha.shape[::-1], 77 if mode == "LA" else (1, 2, 3))
    image.putalpha(Image.fromarray(alpha))
    return image


GREY: dict[str, tuple[str, Callable[[], Image.Image], np.ndarray]] = {
    "1": ("png", lambda: Image.fromarray(BINARY), 255 * BINARY),
    "L": ("png", lambda: Image.fromarray(VALUES), VALUES),
    "P": ("png", lambda: indexed(VALUES), VALUES),
    "LA": ("png", lambda: Image.merge("LA", [Image.fromarray(VALUES), Image.new("L", (11, 7), 255)]), VALUES),
    "RGB": ("png", lambda: Image.fromarray(VALUES).convert("RGB"), VALUES),
    "RGBA": ("png", lambda: Image.fromarray(VALUES).convert("RGBA"), VALUES),
    "I;16": ("png", lambda: Image.fromarray(VALUES.astype(np.uint16) * 257), VALUES.astype(np.int64) * 257),
    "I;16 TIFF": ("tif", lambda: Image.fromarray(VALUES.astype(np.uint16) + 256), VALUES.astype(np.int64) + 256),
    "I;16B": ("tif", lambda: Image.fromarray(VALUES.astype(">u2") * 3), VALUES.astype(np.int64) * 3),
    "I": ("tif", lambda: Image.fromarray(VALUES.astype(np.int32) * 70000 - 1), VALUES.astype(np.int64) * 70000 - 1),
    "F": ("tif", lambda: Image.fromarray(VALUES.astype(np.float32) / 2), VALUES / 2),
    "GIF": ("gif", lambda: Image.fromarray(VALUES), VALUES),
    "BMP": ("bmp", lambda: Image.fromarray(BINARY), 255 * BINARY),
}


@pytest.mark.parametrize("kind", GREY)
def test_grey_and_palettes_keep_their_values(tmp_path: Path, kind: str) -> None:
    suffix, make, expected = GREY[kind]
    path = tmp_path / f"mask.{suffix}"
    make().save(path)
    levels = read(path)
    assert np.array_equal(levels.pixels, expected)
    assert not levels.coloured
    assert levels.whole == (kind != "F")
    if levels.whole:
        assert levels.present() == np.unique(expected).tolist()


@pytest.mark.parametrize(("bits", "scale"), [(2, 85), (4, 17)])
def test_grey_of_few_bits_is_scaled_to_eight(tmp_path: Path, bits: int, scale: int) -> None:
    path = tmp_path / "mask.png"
    values = np.arange(2**bits, dtype=np.uint8).reshape(1, -1)
    packed = np.packbits(np.unpackbits(values.reshape(-1, 1), axis=1)[:, 8 - bits :])
    path.write_bytes(grey_png(values.shape[1], bits, packed.tobytes()))
    assert np.array_equal(read(path).pixels, values * scale)


def grey_png(width: int, bits: int, row: bytes) -> bytes:
    """A PNG file of one row of grey pixels with any number of bits, which Pillow does not write."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, 1, bits, 0, 0, 0, 0),
        b"IDAT": zlib.compress(b"\0" + row),
        b"IEND": b"",
    }
    made = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def test_a_palette_of_greys_is_grey_in_any_order(tmp_path: Path) -> None:
    image = Image.fromarray(BINARY.astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 9, 9, 9])
    image.save(tmp_path / "mask.png")
    assert np.array_equal(read(tmp_path / "mask.png").pixels, np.where(BINARY, 9, 255))
    image.putpalette([7, 7, 7, 7, 7, 7])  # greys that do not tell the indices apart
    image.save(tmp_path / "mask.png")
    assert np.array_equal(read(tmp_path / "mask.png").pixels, BINARY)


def test_unequal_channels_are_colours(tmp_path: Path) -> None:
    Image.fromarray(RED).save(tmp_path / "mask.png")
    levels = read(tmp_path / "mask.png")
    assert levels.coloured
    assert np.array_equal(levels.pixels, 0xFF0000 * BINARY)
    assert level_name(0xFF00, True) == "'#00ff00'"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Image.fromarray(RED), 0xFF0000 * BINARY),
        (lambda: Image.fromarray(BINARY), 0xFFFFFF * BINARY),
        (lambda: Image.fromarray(VALUES), 0x010101 * VALUES.astype(np.int64)),
        (lambda: indexed(VALUES), np.select([VALUES == 0, VALUES == 1, VALUES == 2], [0, 0xFF0000, 0xFF00], 0x090909)),
    ],
)
def test_every_8_bit_mode_has_colours_where_colours_are_stated(
    tmp_path: Path, make: Callable[[], Image.Image], expected: np.ndarray
) -> None:
    make().save(tmp_path / "mask.png")
    levels = read(tmp_path / "mask.png", colours=True)
    assert levels.coloured
    assert np.array_equal(levels.pixels, expected)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_varying_transparency_is_the_mask_or_ignored_only_if_stated(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    with_alpha(VALUES, mode).save(path)
    with pytest.raises(UnsuitableMaskError, match=r"mask.png: its transparency varies; say with 'alpha'"):
        read(path)
    assert np.array_equal(read(path, alpha=True).pixels, VALUES)
    assert set(read(path, alpha=False).present()) == ({77} if mode == "LA" else {0x010203})


def test_one_transparent_value_is_transparency_too(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(VALUES).save(path, transparency=0)
    assert np.array_equal(read(path).pixels, VALUES)
    assert np.array_equal(read(path, alpha=True).pixels, 255 * (VALUES != 0))
    indexed(VALUES).save(path, transparency=bytes([0, 7, 255]))
    expected = np.select([VALUES == 0, VALUES == 1], [0, 7], 255)
    assert np.array_equal(read(path, alpha=True).pixels, expected)
    assert np.array_equal(read(path).pixels, VALUES)


def test_an_alpha_channel_of_a_palette_is_separate(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    image = Image.merge("PA", [Image.fromarray(VALUES), Image.fromarray(255 * BINARY.astype(np.uint8))])
    image.putpalette(PALETTE)
    image.save(path)
    with Image.open(path) as stored:
        assert stored.mode == "PA"
    assert np.array_equal(read(path, alpha=False).pixels, VALUES)
    assert np.array_equal(read(path, alpha=True).pixels, 255 * BINARY)


UNSUITABLE: list[tuple[str, Callable[[], Image.Image], dict[str, Any], str]] = [
    ("tif", lambda: Image.fromarray(VALUES).convert("CMYK"), {}, "mode CMYK does not say what a pixel's value is"),
    ("tif", lambda: Image.fromarray(RED).convert("YCbCr"), {}, "mode YCbCr does not say"),
    ("tif", lambda: Image.fromarray(RED).convert("LAB"), {}, "mode LAB does not say"),
    ("tif", lambda: Image.fromarray(np.full((3, 3), np.nan, np.float32)), {}, "values that are not finite"),
    ("tif", lambda: Image.fromarray(np.full((3, 3), 1e12, np.float32)), {}, "values of more than 32 bits"),
    ("png", lambda: Image.fromarray(VALUES), {"alpha": True}, r"no transparency in it \(mode L\)"),
    ("png", lambda: Image.fromarray(VALUES.astype(np.uint16)), {"alpha": True}, "no transparency in it"),
    ("png", lambda: Image.fromarray(VALUES.astype(np.uint16)), {"colours": True}, "mode I;16 has no colours"),
    ("png", lambda: indexed(VALUES), {"soft": True}, "indices of a palette have no order"),
    ("png", lambda: Image.fromarray(RED), {"soft": True}, "its channels differ; a threshold is for grey masks"),
]


@pytest.mark.parametrize(("suffix", "make", "changes", "reason"), UNSUITABLE)
def test_other_kinds_are_refused_with_the_name_of_the_file(
    tmp_path: Path, suffix: str, make: Callable[[], Image.Image], changes: dict[str, Any], reason: str
) -> None:
    path = tmp_path / f"mask.{suffix}"
    make().save(path)
    with pytest.raises(UnsuitableMaskError, match=f"mask.{suffix}: {reason}") as error:
        read(path, **changes)
    assert "\n" not in str(error.value)


def test_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.stack([VALUES.astype(np.uint16)] * 3, axis=2))
    with pytest.raises(UnsuitableMaskError, match=r"mask.png: several channels of 16 bits"):
        read(tmp_path / "mask.png")


def test_frames_and_broken_files_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(VALUES), Image.fromarray(255 - VALUES)]
    frames[0].save(tmp_path / "frames.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "text.png").write_text("no image")
    for name, reason in (("frames.tif", "has 2 frames"), ("text.png", "not a readable"), ("none.png", "no such image")):
        with pytest.raises(DataError, match=f"{name}: {reason}"):
            read(tmp_path / name)
    Image.fromarray(VALUES).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"mask.png: an image of 77 pixels, above the limit of 76"):
        read(tmp_path / "mask.png", max_pixels=76)


def test_nearly_grey_colours_have_levels_for_a_threshold(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    tinted = np.stack([VALUES, VALUES, np.minimum(VALUES, 247) + 8], axis=2)
    Image.fromarray(tinted).save(path)
    levels = read(path, soft=True)
    assert np.abs(levels.pixels.astype(int) - VALUES).max() <= 8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32])
def test_masked_finds_values_and_only_them(dtype: type) -> None:
    pixels = VALUES.astype(dtype)
    assert np.array_equal(masked(Levels(pixels), [1, 255, 300, -1]), (VALUES == 1) | (VALUES == 255))
    assert not masked(Levels(pixels), []).any()
