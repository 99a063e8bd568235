"""Every mode of Pillow is converted as an independent formula says, or refused with the file's name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from wsol.data.decoding.conversion import rgb_pixels
from wsol.data.decoding.settings import Decoding
from wsol.data.images import decode_image
from wsol.errors import DataError

RNG = np.random.default_rng(5)
SHAPE = (13, 17)
WHITE = Decoding(background=(255, 255, 255))
GREEN = (10, 200, 30)


def levels(*more: int, top: int = 256, dtype: type = np.uint8) -> np.ndarray:
    return RNG.integers(0, top, (*SHAPE, *more)).astype(dtype)


def stacked(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def rounded(values: np.ndarray) -> np.ndarray:
    """Round to the nearest 8-bit value; halves cannot occur."""
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def over(colours: np.ndarray, alpha: np.ndarray, background: tuple[int, int, int], top: int = 255) -> np.ndarray:
    """The formula of drawing on a background, in whole numbers: c a + b (1 - a)."""
    a = alpha.astype(np.int64)[..., None]
    mixed = colours.astype(np.int64) * a + np.array(background) * (top - a)
    return ((2 * mixed + top) // (2 * top)).astype(np.uint8)


def decoded(path: Path, image: Image.Image, decoding: Decoding = WHITE, **how: object) -> np.ndarray:
    image.save(path, **how)
    return decode_image(path, decoding)


def write_png(path: Path, size: tuple[int, int], depth: int, colour: int, rows: list[bytes], **chunks: bytes) -> Path:
    """Write what Pillow cannot write: 16-bit colour, alpha and tRNS of every depth."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0))
    extra = b"".join(chunk(name.encode(), data) for name, data in chunks.items())
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + extra + body + chunk(b"IEND", b""))
    return path


# Up to 8 bits


def test_bits_become_black_and_white(tmp_path: Path) -> None:
    bits = levels(top=2) > 0
    for name in ("a.png", "a.tif", "a.bmp", "a.pbm"):
        assert np.array_equal(decoded(tmp_path / name, Image.fromarray(bits)), stacked(255 * bits.astype(np.uint8)))


def test_grey_and_colours_are_as_stored(tmp_path: Path) -> None:
    grey, colours = levels(), levels(3)
    for name in ("a.png", "a.tif", "a.bmp", "a.jp2", "a.tga", "a.sgi"):
        assert np.array_equal(decoded(tmp_path / name, Image.fromarray(grey)), stacked(grey))
        assert np.array_equal(decoded(tmp_path / name, Image.fromarray(colours)), colours)


def test_a_palette_gives_its_colours(tmp_path: Path) -> None:
    table, indices = RNG.integers(0, 256, (256, 3)).astype(np.uint8), levels()
    image = Image.fromarray(indices).convert("P")
    image.putpalette(table.tobytes())
    for name in ("a.png", "a.tif", "a.gif", "a.bmp"):
        assert np.array_equal(decoded(tmp_path / name, image), table[indices])


def test_a_colour_that_a_palette_lacks_is_refused(tmp_path: Path) -> None:
    """Pillow would make it black."""
    rows = [bytes([0, 1, 2]), bytes([2, 1, 3])]
    write_png(tmp_path / "a.png", (3, 1), 8, 3, rows[:1], PLTE=bytes(range(9)))
    assert decode_image(tmp_path / "a.png")[0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    write_png(tmp_path / "a.png", (3, 2), 8, 3, rows, PLTE=bytes(range(9)))
    with pytest.raises(DataError, match=r"a\.png: pixels of colour 3 in a palette of 3 colours"):
        decode_image(tmp_path / "a.png")


def test_cmyk_is_converted_as_by_pillow_and_its_formula(tmp_path: Path) -> None:
    ink = levels(4)
    expected = (255 - ink[..., :3].astype(int)) * (255 - ink[..., 3:].astype(int)) / 255
    found = decoded(tmp_path / "a.tif", Image.fromarray(ink, "CMYK"))
    assert np.abs(found - expected).max() <= 1
    photo = Image.fromarray(cv2.resize(levels(3), (64, 48))).convert("CMYK")
    jpeg = decoded(tmp_path / "a.jpg", photo)  # Pillow writes the inverted values of Adobe
    assert np.array_equal(jpeg, np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB")))
    assert np.abs(jpeg.astype(int) - np.asarray(photo.convert("RGB"))).mean() < 12


def test_ycbcr_is_that_of_jpeg(tmp_path: Path) -> None:
    y, cb, cr = np.moveaxis(levels(3).astype(float), 2, 0)
    image = Image.merge("YCbCr", [Image.fromarray(part.astype(np.uint8)) for part in (y, cb, cr)])
    red, blue = y + 1.402 * (cr - 128), y + 1.772 * (cb - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    expected = rounded(np.stack([red, green, blue], axis=2)).astype(int)
    assert np.abs(decoded(tmp_path / "a.tif", image) - expected).max() <= 1


def test_lab_is_converted_by_the_formulas_of_cie_and_srgb(tmp_path: Path) -> None:
    lab = levels(3)
    image = Image.merge("LAB", [Image.fromarray(lab[..., part]) for part in range(3)])
    lightness, a, b = lab[..., 0] / 2.55, lab[..., 1] - 128.0, lab[..., 2] - 128.0
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=2)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.96422, 1.0, 0.82521]  # white D50
    to_linear = [  # Bradford adaptation to D65 and the primaries of sRGB (Lindbloom)
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    linear = np.clip(xyz @ np.transpose(to_linear), 0, 1)
    expected = rounded(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))
    assert np.abs(decoded(tmp_path / "a.tif", image) - expected.astype(int)).max() <= 1


# Alpha


def alpha_cases() -> dict[str, tuple[Image.Image, np.ndarray, np.ndarray]]:
    """Images with alpha, with their colours and alpha."""
    grey, colours, alpha = levels(), levels(3), levels()
    table = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
    palette = Image.fromarray(grey).convert("P")
    palette.putpalette(table.tobytes())
    rgba_table = palette.copy()
    entry_alpha = RNG.integers(0, 256, 256).astype(np.uint8)
    rgba_table.putpalette(np.column_stack([table, entry_alpha]).tobytes(), "RGBA")
    with_alpha = palette.convert("PA")
    with_alpha.putalpha(Image.fromarray(alpha))
    return {
        "LA": (Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]), stacked(grey), alpha),
        "RGBA": (Image.fromarray(np.dstack([colours, alpha])), colours, alpha),
        "PA": (with_alpha, table[grey], alpha),
        "P": (rgba_table, table[grey], entry_alpha[grey]),
    }


@pytest.mark.parametrize(("mode", "suffix"), [("LA", "png"), ("LA", "tif"), ("RGBA", "png"), ("RGBA", "tif")])
def test_transparent_images_are_drawn_on_the_background(tmp_path: Path, mode: str, suffix: str) -> None:
    image, colours, alpha = alpha_cases()[mode]
    path = tmp_path / f"a.{suffix}"
    found = decoded(path, image, Decoding(background=GREEN))
    assert np.array_equal(found, over(colours, alpha, GREEN))
    assert np.array_equal(decode_image(path, Decoding(background="ignore")), colours)
    count = np.count_nonzero(alpha < 255)
    with pytest.raises(DataError, match=rf"a\.{suffix}: {count} of 221 pixels are transparent; .*'background'"):
        decode_image(path)


@pytest.mark.parametrize("mode", ["PA", "P"])
def test_palettes_with_alpha_are_drawn_on_the_background(tmp_path: Path, mode: str) -> None:
    image, colours, alpha = alpha_cases()[mode]
    suffix = "tif" if mode == "PA" else "png"
    assert np.array_equal(
        decoded(tmp_path / f"a.{suffix}", image, Decoding(background=GREEN)), over(colours, alpha, GREEN)
    )


def test_opaque_alpha_needs_no_background(tmp_path: Path) -> None:
    colours = levels(3)
    opaque = np.dstack([colours, np.full(SHAPE, 255, np.uint8)])
    assert np.array_equal(decoded(tmp_path / "a.png", Image.fromarray(opaque), Decoding()), colours)


@pytest.mark.parametrize("index", [3, 200])
def test_one_transparent_colour_of_a_palette(tmp_path: Path, index: int) -> None:
    table, indices = RNG.integers(0, 256, (256, 3)).astype(np.uint8), levels()
    indices[0, :2] = index, (index + 1) % 256
    image = Image.fromarray(indices).convert("P")
    image.putpalette(table.tobytes())
    for name in ("a.png", "a.gif"):
        found = decoded(tmp_path / name, image, Decoding(background=GREEN), transparency=index)
        assert np.array_equal(found, over(table[indices], 255 * (indices != index), GREEN))


def test_a_transparent_colour_that_no_pixel_has_needs_no_background(tmp_path: Path) -> None:
    colours = np.full((2, 3, 3), 9, np.uint8)
    found = decoded(tmp_path / "a.png", Image.fromarray(colours), Decoding(), transparency=(1, 2, 3))
    assert np.array_equal(found, colours)


@pytest.mark.parametrize(("depth", "step"), [(1, 255), (2, 85), (4, 17), (8, 1)])
def test_a_transparent_grey_of_every_depth(tmp_path: Path, depth: int, step: int) -> None:
    values = [0, 1, 1, 0] if depth == 1 else [0, 1, 2, 3]
    bits = "".join(f"{value:0{depth}b}" for value in values).ljust(-(-4 * depth // 8) * 8, "0")
    row = int(bits, 2).to_bytes(len(bits) // 8, "big")
    path = write_png(tmp_path / "a.png", (4, 1), depth, 0, [row], tRNS=struct.pack(">H", 1))
    grey = stacked(np.array([values], dtype=np.uint8) * np.uint8(step))
    alpha = 255 * (np.array([values]) != 1)
    assert np.array_equal(decode_image(path, Decoding(background=GREEN)), over(grey, alpha, GREEN))
    with pytest.raises(DataError, match="of 4 pixels are transparent"):
        decode_image(path)


@pytest.mark.parametrize(("mode", "straight"), [("La", "LA"), ("RGBa", "RGBA")])
def test_premultiplied_alpha_is_drawn_on_the_background(tmp_path: Path, mode: str, straight: str) -> None:
    _, colours, alpha = alpha_cases()[straight]
    path = tmp_path / "a.tif"
    part = rounded(colours * (alpha[..., None] / 255))[..., : len(mode) - 1]
    write_tiff(path, np.dstack([part, alpha]), "<", photometric=len(mode) // 2, t338=1)
    with Image.open(path) as opened:
        assert "a" in str(opened.tile)
    expected = over(colours, alpha, GREEN).astype(int)
    assert np.abs(decode_image(path, Decoding(background=GREEN)) - expected).max() <= 2  # colours are rounded twice


# More than 8 bits


@pytest.mark.parametrize("suffix", ["png", "tif", "jp2"])
def test_16_bit_grey_is_divided_by_257_and_rounded(tmp_path: Path, suffix: str) -> None:
    values = levels(top=65536, dtype=np.uint16)
    values[0, :4] = 0, 128, 129, 65535
    found = decoded(tmp_path / f"a.{suffix}", Image.fromarray(values), Decoding())
    assert np.array_equal(found, stacked(rounded(values / 257)))


def write_tiff(
    path: Path, pixels: np.ndarray, order: str, photometric: int = 1, sample_format: int = 1, **tags: int
) -> Path:
    """Write an uncompressed TIFF file of either byte order, with any tags."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    entries = {256: width, 257: height, 258: 8 * pixels.itemsize, 259: 1, 262: photometric, 273: 8, 277: samples}
    entries |= {278: height, 279: len(data), 339: sample_format} | {
        int(name[1:]): value for name, value in tags.items()
    }
    ifd = struct.pack(f"{order}H", len(entries))
    for tag, value in sorted(entries.items()):
        ifd += struct.pack(f"{order}HHII", tag, 4, 1, value)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    path.write_bytes(mark + struct.pack(f"{order}I", 8 + len(data)) + data + ifd + b"\0" * 4)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_of_both_byte_orders(tmp_path: Path, order: str) -> None:
    values = levels(top=65536, dtype=np.uint16)
    path = write_tiff(tmp_path / "a.tif", values, order)
    assert np.array_equal(decode_image(path), stacked(rounded(values / 257)))


def test_16_bit_grey_whose_white_is_zero_is_inverted(tmp_path: Path) -> None:
    values = levels(top=65536, dtype=np.uint16)
    path = write_tiff(tmp_path / "a.tif", values, "<", photometric=0)
    assert np.array_equal(decode_image(path), stacked(rounded(255 - values / 257)))


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_colour_keeps_all_bits_until_it_is_rounded(tmp_path: Path, suffix: str, alpha: bool) -> None:
    pixels = levels(4 if alpha else 3, top=65536, dtype=np.uint16)
    order = [2, 1, 0, 3][: pixels.shape[2]]
    assert cv2.imwrite(str(tmp_path / f"a.{suffix}"), pixels[..., order])
    found = decode_image(tmp_path / f"a.{suffix}", Decoding(background=GREEN))
    expected = rounded(pixels[..., :3] / 257)
    if alpha:
        share = pixels[..., 3:] / 65535
        expected = rounded(pixels[..., :3] / 257 * share + np.array(GREEN) * (1 - share))
        with pytest.raises(DataError, match="pixels are transparent"):
            decode_image(tmp_path / f"a.{suffix}")
    assert np.array_equal(found, expected)


def test_16_bit_grey_with_alpha_and_with_a_transparent_value(tmp_path: Path) -> None:
    pixels = np.array([[[9000, 65535], [60000, 300]]])
    path = write_png(tmp_path / "a.png", (2, 1), 16, 4, [pixels.astype(">u2").tobytes()])
    share = pixels[..., 1:] / 65535
    expected = rounded(pixels[..., :1] / 257 * share + np.array(GREEN) * (1 - share))
    assert np.array_equal(decode_image(path, Decoding(background=GREEN)), expected)
    clear = write_png(
        tmp_path / "b.png", (2, 1), 16, 0, [struct.pack(">HH", 9000, 60000)], tRNS=struct.pack(">H", 9000)
    )
    assert decode_image(clear, Decoding(background=GREEN)).tolist() == [[list(GREEN), [233] * 3]]
    colour = [9000, 2, 3, 9001, 2, 3]
    trns = struct.pack(">HHH", 9000, 2, 3)
    deep = write_png(tmp_path / "c.png", (2, 1), 16, 2, [struct.pack(">6H", *colour)], tRNS=trns)
    assert decode_image(deep, Decoding(background=GREEN)).tolist() == [[list(GREEN), [35, 0, 0]]]


def test_metadata_of_16_bit_colour_cause_no_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    row = struct.pack(">3H", 257, 514, 65535)
    broken = b"profile\0\0" + zlib.compress(bytes(200))
    path = write_png(tmp_path / "a.png", (1, 1), 16, 2, [row], iCCP=broken, gAMA=bytes(4), tEXt=b"no zero")
    assert decode_image(path).tolist() == [[[1, 2, 255]]]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N"])
def test_every_mode_of_16_bit_grey_is_converted(mode: str) -> None:
    values = levels(top=65536, dtype=np.uint16)
    stored = values.astype({"I;16B": ">u2", "I;16N": "=u2"}.get(mode, "<u2"))
    image = Image.frombytes(mode, SHAPE[::-1], stored.tobytes())
    assert np.array_equal(rgb_pixels(image, Decoding()), stacked(rounded(values / 257)))


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_images_in_memory(mode: str) -> None:
    image, colours, alpha = alpha_cases()["LA" if mode == "La" else "RGBA"]
    found = rgb_pixels(image.convert(mode), Decoding(background=GREEN))
    assert np.abs(found - over(colours, alpha, GREEN).astype(int)).max() <= 2


def test_an_unused_fourth_channel_is_left_out() -> None:
    pixels = levels(4)
    image = Image.frombytes("RGBX", SHAPE[::-1], pixels.tobytes())
    assert np.array_equal(rgb_pixels(image, Decoding()), pixels[..., :3])


def test_32_bit_integers_of_16_bits_are_16_bits(tmp_path: Path) -> None:
    values = levels(top=65536, dtype=np.int32)
    assert np.array_equal(decoded(tmp_path / "a.tif", Image.fromarray(values)), stacked(rounded(values / 257)))


@pytest.mark.parametrize(("low", "high"), [(-1, 60000), (0, 65536), (0, 2**31 - 1)])
def test_other_integers_are_refused_with_their_range(tmp_path: Path, low: int, high: int) -> None:
    image = Image.fromarray(np.array([[low, high]], dtype=np.int32))
    with pytest.raises(DataError, match=f"a.tif: values from {low} to {high}; from 0 to 65535 is expected"):
        decoded(tmp_path / "a.tif", image)


def test_12_bits_in_16_are_refused_until_the_number_of_bits_is_given(tmp_path: Path) -> None:
    values = levels(top=4096, dtype=np.uint16)
    values[0, :2] = 0, 4095
    path = tmp_path / "a.png"
    with pytest.raises(DataError, match=r"a\.png: 16-bit values of at most 4095, as if 12 bits .* option 'bits'"):
        decoded(path, Image.fromarray(values))
    assert np.array_equal(decode_image(path, Decoding(bits=12)), stacked(rounded(values / 4095 * 255)))
    assert np.array_equal(decode_image(path, Decoding(bits=16)), stacked(rounded(values / 257)))
    with pytest.raises(DataError, match="values from 0 to 4095; from 0 to 1023 is expected"):
        decode_image(path, Decoding(bits=10))
    black = Image.fromarray(np.zeros(SHAPE, np.uint16))
    assert decoded(tmp_path / "black.png", black).max() == 0  # black whatever the bits are


def test_12_bits_that_the_file_declares_need_no_option(tmp_path: Path) -> None:
    values = [0, 4095, 1000, 3000]
    bits = "".join(f"{value:012b}" for value in values)
    packed = np.frombuffer(int(bits, 2).to_bytes(6, "big"), np.uint8)[None]
    path = write_tiff(tmp_path / "a.tif", packed, "<", t256=4, t258=12)
    assert decode_image(path)[0, :, 0].tolist() == [0, 255, 62, 187]


def test_floats_from_0_to_1_are_scaled(tmp_path: Path) -> None:
    values = RNG.random(SHAPE).astype(np.float32)
    values[0, :2] = 0, 1
    found = decoded(tmp_path / "a.tif", Image.fromarray(values))
    assert np.array_equal(found, stacked(rounded(255 * values.astype(np.float64))))


def test_floats_whose_white_is_zero_are_inverted(tmp_path: Path) -> None:
    values = RNG.random(SHAPE).astype(np.float32)
    path = write_tiff(tmp_path / "a.tif", values, "<", photometric=0, sample_format=3)
    assert np.array_equal(decode_image(path), stacked(rounded(255 * (1 - values.astype(np.float64)))))


@pytest.mark.parametrize("depth", [16, 12])
def test_portable_maps_are_scaled_by_their_own_white(tmp_path: Path, depth: int) -> None:
    top, colours = 2**depth - 1, levels(3, top=2**depth, dtype=np.uint16)
    for name, kind, values in (("a.ppm", "P6", colours), ("a.pgm", "P5", colours[..., 0])):
        head = f"{kind} {SHAPE[1]} {SHAPE[0]} {top}\n".encode()
        (tmp_path / name).write_bytes(head + values.astype(">u2").tobytes())
        expected = rounded(values / top * 255)
        found = decode_image(tmp_path / name)
        assert np.array_equal(found, expected if kind == "P6" else stacked(expected))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.01, 1.01, 255.0])
def test_other_floats_are_refused(tmp_path: Path, wrong: float) -> None:
    image = Image.fromarray(np.array([[0, wrong]], dtype=np.float32))
    with pytest.raises(DataError, match=r"a\.tif: floats (that are NaN or infinite|from .* to .*; from 0 to 1 is)"):
        decoded(tmp_path / "a.tif", image)


# Other kinds that are refused, or decoded although Pillow would change them


def test_tiff_files_that_pillow_would_misread_are_refused(tmp_path: Path) -> None:
    def refused(reason: str, pixels: np.ndarray, **how: int) -> None:
        with pytest.raises(DataError, match=rf"a\.tif: .*{reason}"):
            decode_image(write_tiff(tmp_path / "a.tif", pixels, "<", **how))

    refused("4 channels, of which only 3 would be read", levels(4), photometric=2, t338=0)
    refused("signed 8-bit", levels(), sample_format=2)
    refused("not a readable image", levels(5))
    refused("not a readable image", RNG.random(SHAPE), sample_format=3)
    refused("more than 8 bits a channel in a TIFF file", levels(4, top=65536, dtype=np.uint16), photometric=5)
    refused("separate planes", levels(3, top=65536, dtype=np.uint16), photometric=2, t284=2)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_tiff_file_is_not_applied(
    tmp_path: Path, orientation: int, mode: str, compression: str
) -> None:
    pixels = levels() if mode == "L" else levels(3)
    image = Image.fromarray(pixels)
    found = decoded(tmp_path / "a.tif", image, tiffinfo={0x0112: orientation}, compression=compression)
    assert np.array_equal(found, stacked(pixels) if mode == "L" else pixels)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK", "YCbCr", "HSV"])
def test_ordinary_images_are_those_of_convert(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(levels(3)).convert(mode)
    assert np.array_equal(rgb_pixels(image, Decoding()), np.asarray(image.convert("RGB")))
