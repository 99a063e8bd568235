"""One picture a file, a limit of pixels, and no warning without the file's name."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsol.data.decoding.settings import MAX_PIXELS, Decoding
from wsol.data.images import decode_image, decode_mask, exif_orientation, image_size
from wsol.errors import DataError

READERS = (decode_image, decode_mask, image_size)
PICTURE = np.random.default_rng(2).integers(0, 256, (9, 14, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_a_file_with_several_frames_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    first, *more = [Image.fromarray(PICTURE // (i + 1)) for i in range(3)]
    first.save(path, save_all=True, append_images=more)
    for read in READERS:
        with pytest.raises(DataError, match=rf"a\.{suffix}: has 3 frames"):
            read(path)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_an_animation_of_one_frame_is_an_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(PICTURE).save(path, save_all=True)
    for read in READERS:
        read(path)


def test_of_a_camera_file_with_several_pictures_the_first_one_counts(tmp_path: Path) -> None:
    first, second = Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)
    first.save(tmp_path / "a.mpo", save_all=True, append_images=[second])
    path = (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    with Image.open(path) as image:
        assert (image.format, image.n_frames) == ("MPO", 2)
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(decode_image(path), expected)
    assert np.abs(expected.astype(int) - PICTURE).mean() < np.abs(expected.astype(int) - (255 - PICTURE)).mean()


@pytest.mark.parametrize(("kind", "refused"), [(0, True), (1, False), (4, False)])
def test_smaller_copies_in_a_tiff_file_are_no_frames(tmp_path: Path, kind: int, refused: bool) -> None:
    small = Image.fromarray(PICTURE[::2, ::2])
    small.encoderinfo = {"tiffinfo": {254: kind}}
    Image.fromarray(PICTURE).save(tmp_path / "a.tif", save_all=True, append_images=[small])
    if refused:
        with pytest.raises(DataError, match="has 2 frames"):
            decode_image(tmp_path / "a.tif")
    else:
        assert np.array_equal(decode_image(tmp_path / "a.tif"), PICTURE)


def test_drawings_and_measurements_are_refused(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.eps")
    cards = ("SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 8", "END")
    (tmp_path / "a.fits").write_bytes("".join(card.ljust(80) for card in cards).ljust(2880).encode() + bytes(2880))
    for name, reason in (("a.eps", r"a drawing, .* \(EPS\)"), ("a.fits", r"measurements, .* \(FITS\)")):
        for read in READERS:
            with pytest.raises(DataError, match=f"{name}: {reason}; save it as PNG"):
                read(tmp_path / name)


def test_images_above_the_limit_are_refused_with_their_number_of_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    limit = r"a\.png: an image of 126 pixels, above the limit of 125; .* option 'max_pixels'"
    for read in (lambda: decode_image(path, Decoding(max_pixels=125)), lambda: image_size(path, 125)):
        with pytest.raises(DataError, match=limit):
            read()
    with pytest.raises(DataError, match=limit):
        decode_mask(path, max_pixels=125)
    assert decode_image(path, Decoding(max_pixels=126)).shape == PICTURE.shape


def huge(path: Path, side: int) -> Path:
    """A small file of ``side`` x ``side`` pixels of one bit."""
    Image.new("1", (side, side)).save(path, compression="group4")
    return path


def test_the_default_limit_is_that_of_pillow_and_an_option_lifts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # restored at the end
    path = huge(tmp_path / "a.tif", 13_400)
    with pytest.raises(DataError, match=f"an image of 179,560,000 pixels, above the limit of {MAX_PIXELS:,}"):
        image_size(path)
    assert image_size(path, 180_000_000) == (13_400, 13_400)
    assert image_size(huge(tmp_path / "b.tif", 9_500)) == (9_500, 9_500)


WARNING_FILES = """
import sys, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from wsol.data.images import decode_image, decode_mask, exif_orientation, image_size

warnings.simplefilter(sys.argv[1])

def read(path):
    image_size(path), exif_orientation(path)
    return None if path.stem == "large" else (decode_mask(path), decode_image(path))

with ThreadPoolExecutor(4) as pool:
    list(pool.map(read, sorted(Path(sys.argv[2]).iterdir()) * 8))
print("done")
"""


def write_warning_files(folder: Path) -> list[Path]:
    """Files that Pillow warns about: palette with alpha, broken EXIF, many pixels, a broken MPO index."""
    palette = Image.fromarray(PICTURE).convert("P")
    palette.save(folder / "palette.png", transparency=bytes([255] * 256))
    Image.fromarray(PICTURE).save(folder / "exif.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x20\0\x12\x01\x03\0\x01")
    huge(folder / "large.tif", 9_500)
    broken = (folder / "mpo.jpg").with_suffix(".mpo")
    Image.fromarray(PICTURE).save(broken, save_all=True, append_images=[Image.fromarray(PICTURE)])
    content = broken.read_bytes().replace(b"MPF\0II*\0", b"MPF\0II*\1").replace(b"MPF\0MM\0*", b"MPF\0MM\1*")
    broken.unlink()
    (folder / "mpo.jpg").write_bytes(content)
    return sorted(folder.iterdir())


def test_pillow_warns_about_these_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS // 2)  # other tests may have raised it
    for path in write_warning_files(tmp_path):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with Image.open(path) as image:
                image.getexif()
                if path.stem != "large":
                    image.convert("RGB")
        assert caught, path.name


@pytest.mark.parametrize("rule", ["always", "error"])
def test_no_warning_of_pillow_appears(tmp_path: Path, rule: str) -> None:
    write_warning_files(tmp_path)
    command = [sys.executable, "-c", WARNING_FILES, rule, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("done\n", "", 0)


def test_messages_of_pillows_loggers_do_not_appear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    decode_image(tmp_path / "a.png")
    logging.getLogger("PIL.TiffImagePlugin").error("without a file")
    assert capsys.readouterr().err == ""


def test_the_filter_is_added_again_where_it_was_lost(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.resetwarnings()
        decode_image(tmp_path / "a.png")
        count = len(warnings.filters)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(decode_image, [tmp_path / "a.png"] * 20))
        assert count == len(warnings.filters) == 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_orientation_is_read_and_not_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PICTURE).save(path, exif=exif)
    assert exif_orientation(path) == orientation
    assert decode_image(path).shape == PICTURE.shape
    assert decode_mask(path).shape == PICTURE.shape[:2]
    assert image_size(path) == (14, 9)


@pytest.mark.parametrize("value", [0, 9, 700])
def test_a_value_that_is_no_orientation_counts_as_none(tmp_path: Path, value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg", exif=exif)
    assert exif_orientation(tmp_path / "a.jpg") == 1


def test_broken_files_are_one_line_with_the_name(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "whole.tif", compression="tiff_lzw")
    content = (tmp_path / "whole.tif").read_bytes()
    files = {"cut.tif": content[:60], "text.jpg": b"no image\n" * 9, "zip.png": b"PK\3\4" * 50}
    for name, bytes_ in files.items():
        (tmp_path / name).write_bytes(bytes_)
    (tmp_path / "folder.png").mkdir()
    for name in (*files, "folder.png"):
        for read in READERS:
            with pytest.raises(DataError, match=f"{name}: not a readable image") as error:
                read(tmp_path / name)
            assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=r"none\.png: no such image"):
        decode_image(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "it is empty"),
        (bytes(5000), "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "other XML"),
        (b"PK\3\4", "Pillow does not know this format, or the file is broken"),
    ],
)
def test_what_is_found_in_place_of_an_image_is_named(tmp_path: Path, content: bytes, hint: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.jpg: not a readable image; .*{hint}"):
        decode_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "group3", "group4"])
def test_broken_data_in_a_tiff_file_are_an_error_and_print_nothing(
    tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """libtiff would print a line without the file's name, and the rest of a JPEG image would be grey."""
    path, picture = tmp_path / "a.tif", Image.fromarray(np.kron(PICTURE, np.ones((9, 9, 1), np.uint8)))
    picture.convert("1" if compression.startswith("group") else "RGB").save(path, compression=compression)
    for read in (decode_image, decode_mask):
        read(path)
    with Image.open(path) as image:
        start, length = image.tag_v2[273][0], image.tag_v2[279][0]
    content = bytearray(path.read_bytes())
    noise = np.random.default_rng(1).integers(0, 256, length - length // 3, dtype=np.uint8)
    content[start + length // 3 : start + length] = noise.tobytes()
    if compression == "jpeg":  # changed data alone are no error to its decoder, but a second header is
        content[start + length // 3 : start + length // 3 + 4] = b"\xff\xc0\0\x0b"
    path.write_bytes(content)
    for read in (decode_image, decode_mask):
        with (
            ThreadPoolExecutor(2) as pool,
            pytest.raises(DataError, match=r"a\.tif: not a readable image \(broken data"),
        ):
            list(pool.map(read, [path] * 4))
    assert capfd.readouterr() == ("", "")
    Image.fromarray(PICTURE).save(path, compression="tiff_lzw")
    assert (decode_image(path) == PICTURE).all()
