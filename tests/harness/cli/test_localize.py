"""``wsol localize`` without a trained run: only what it writes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import wsol
from wsol.cli.localize import localize
from wsol.data.images import decode_image, write_png

GREY = np.full((8, 8, 3), 7, dtype=np.uint8)


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def load(*arguments: Any) -> Any:
        return SimpleNamespace(picture=lambda *given: GREY, benchmark=SimpleNamespace(decoding=wsol.Decoding()))

    monkeypatch.setattr("wsol.inference.localizer.load_localizer", load)
    write_png(tmp_path / "x.png", np.zeros((8, 8, 3), dtype=np.uint8))
    return tmp_path / "x.png"


def test_a_folder_that_cannot_be_made_is_an_expected_error(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(wsol.UsageError, match=r"cannot be written, because .*x\.png is not a folder"):
        localize(tmp_path, [photo], photo / "maps")
    localize(tmp_path, [photo], tmp_path / "a" / "maps")
    assert (tmp_path / "a" / "maps" / "x.localized.png").is_file()


def test_a_photo_is_decoded_as_the_images_of_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoding = SimpleNamespace(decoding=wsol.Decoding(bits=12))
    run = SimpleNamespace(picture=lambda image, label: image, benchmark=decoding)
    monkeypatch.setattr("wsol.inference.localizer.load_localizer", lambda *arguments: run)
    Image.fromarray(np.full((3, 4), 4095, np.uint16)).save(tmp_path / "deep.png")
    localize(tmp_path, [tmp_path / "deep.png"], tmp_path)
    assert decode_image(tmp_path / "deep.localized.png").min() == 255


def test_options_say_how_a_photo_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(picture=lambda image, label: image, benchmark=SimpleNamespace(decoding=wsol.Decoding()))
    monkeypatch.setattr("wsol.inference.localizer.load_localizer", lambda *arguments: run)
    photo = tmp_path / "clear.png"
    Image.new("RGBA", (4, 3), (200, 0, 0, 0)).save(photo)
    with pytest.raises(wsol.DataError, match=r"clear\.png.*background"):
        localize(tmp_path, [photo], tmp_path)
    localize(tmp_path, [photo], tmp_path, overrides=["background=#102030"])
    assert (decode_image(tmp_path / "clear.localized.png") == (16, 32, 48)).all()
    with pytest.raises(wsol.UsageError, match=r"--set: unknown key 'backround'.*background"):
        localize(tmp_path, [photo], tmp_path, overrides=["backround=white"])


def test_the_photo_in_the_output_folder_is_kept(photo: Path, tmp_path: Path) -> None:
    before = photo.read_bytes()
    for _ in range(2):  # the second time its own heat map is replaced
        localize(tmp_path, [photo], tmp_path)
    assert photo.read_bytes() == before
    assert np.array_equal(decode_image(tmp_path / "x.localized.png"), GREY)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_photo_with_the_name_of_an_output_is_replaced_only_when_asked(
    photo: Path, tmp_path: Path, overwrite: bool
) -> None:
    other = tmp_path / "x.localized.png"
    other.write_bytes(photo.read_bytes())
    if overwrite:
        localize(tmp_path, [photo], tmp_path, overwrite=True)
        assert other.read_bytes() != photo.read_bytes()
    else:
        with pytest.raises(wsol.UsageError, match="this command did not write it"):
            localize(tmp_path, [photo], tmp_path)
        assert other.read_bytes() == photo.read_bytes()


def test_photos_of_one_name_need_folders_of_their_own(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "X.jpg"
    other.write_bytes(photo.read_bytes())
    with pytest.raises(wsol.UsageError, match="two outputs would have this name"):
        localize(tmp_path, [photo, other], tmp_path / "maps")
    assert not (tmp_path / "maps").exists()
