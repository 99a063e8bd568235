"""Which files are images: by ending, or by their first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from wsol.data.readers.image_kind import image_endings, image_kind, kind_by_ending


@pytest.mark.parametrize("saved", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_common_formats_are_recognized_without_an_ending(tmp_path: Path, saved: str) -> None:
    path = tmp_path / "photograph.of.me"
    Image.new("RGB", (4, 3)).save(path, format=saved)
    assert image_kind(str(path)) == "image"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"MM\0*" + bytes(20), "image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "image"),
        (b"\0\0\0\x18ftypheic", "unsupported"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "unsupported"),
        (b"", "other"),
        (b"BMW is a car\n", "other"),
        (b"RIFF\0\0\0\0WAVE", "other"),
        (b"<annotation>", "other"),
        (b"\x93NUMPY", "other"),
    ],
)
def test_first_bytes_decide_without_a_known_ending(tmp_path: Path, start: bytes, kind: str) -> None:
    path = tmp_path / "file.dat"
    path.write_bytes(start)
    assert image_kind(str(path)) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.JPG", "image"),
        ("a.jfif", "image"),
        ("a.tar.png", "image"),
        ("a.heic", "unsupported"),
        ("a.NEF", "unsupported"),
        ("a.svg", "unsupported"),
        ("a.eps", "unsupported"),
        ("a.h5", "other"),
        ("a.mpg", "other"),
        ("a.txt", "other"),
        ("jpg", "other"),
    ],
)
def test_an_ending_of_an_image_decides_unopened(name: str, kind: str) -> None:
    assert kind_by_ending(f"/nowhere/{name}") == kind
    if kind != "other":
        assert image_kind(f"/nowhere/{name}") == kind


def test_usual_endings_are_those_of_images() -> None:
    assert {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp", ".gif"} <= image_endings()


def test_a_file_that_cannot_be_opened_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        image_kind(str(tmp_path / "gone.txt"))
