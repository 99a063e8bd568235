"""Decoding equals PIL's, squashing equals torchvision's, broken files are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import v2 as transforms

from wsol.data.cache import Transform
from wsol.data.images import decode_image, decode_mask, image_size, resize_square, write_png
from wsol.errors import DataError


def photo(width: int = 37, height: int = 23) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 6, y * 10, (x * y) % 256], axis=2).astype(np.uint8)


@pytest.mark.parametrize(("mode", "suffix"), [("L", "jpg"), ("CMYK", "jpg"), ("P", "png"), ("RGBA", "png")])
def test_every_mode_is_converted_to_rgb_as_by_pil(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(photo()).convert(mode).save(path)
    decoded = decode_image(path)
    assert (decoded.shape, decoded.dtype) == ((23, 37, 3), np.uint8)
    assert np.array_equal(decoded, np.asarray(Image.open(path).convert("RGB")))


def test_exif_rotation_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to show
    Image.fromarray(photo()).save(path, exif=exif)
    assert decode_image(path).shape == (23, 37, 3)
    assert image_size(path) == (37, 23)


def test_broken_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.fromarray(photo(200, 200)).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:-400])
    (tmp_path / "text.jpg").write_text("no image")
    for name, reason in (("cut.png", "not a readable image"), ("text.jpg", "not a readable"), ("none.jpg", "no such")):
        with pytest.raises(DataError, match=f"{name}: {reason}") as error:
            decode_image(tmp_path / name)
        assert "\n" not in str(error.value)


def test_squashing_equals_torchvision() -> None:
    image = photo()
    expected = transforms.Resize((16, 16), antialias=True)(Image.fromarray(image))
    assert np.array_equal(resize_square(image, 16), np.asarray(expected))
    assert np.array_equal(Transform(16)(image), np.asarray(expected).transpose(2, 0, 1))


@pytest.mark.parametrize(("resize", "crop"), [(32, 28), (31, 28), (9, 4)])
def test_the_crop_equals_torchvision(resize: int, crop: int) -> None:
    steps = transforms.Compose([transforms.Resize((resize, resize)), transforms.CenterCrop(crop)])
    expected = np.asarray(steps(Image.fromarray(photo())))
    assert np.array_equal(Transform(resize, crop)(photo()), expected.transpose(2, 0, 1))


def test_a_mask_is_true_where_the_image_is_not_black(tmp_path: Path) -> None:
    shape = np.array([[0, 1, 255], [0, 0, 128]], dtype=np.uint8)
    Image.fromarray(shape).save(tmp_path / "grey.png")
    Image.fromarray(shape).point(lambda value: 255 * (value > 0)).convert("1").save(tmp_path / "bits.png")
    for name in ("grey.png", "bits.png"):
        assert np.array_equal(decode_mask(tmp_path / name), shape > 0)


def test_an_image_round_trips_through_a_png(tmp_path: Path) -> None:
    write_png(tmp_path / "image.png", photo())
    assert np.array_equal(decode_image(tmp_path / "image.png"), photo())
    with pytest.raises(DataError, match="cannot be written"):
        write_png(tmp_path / "image.png" / "image.png", photo())
