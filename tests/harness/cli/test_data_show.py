"""``wsol data show``: boxes and masks are where scoring sees them, and test is read only when it is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wsol
from tests.support.cli import Result, run_cli
from tests.support.opened_files import opened_files
from wsol.data.images import decode_image
from wsol.inference.overlay import IGNORED, MASK, TRUE
from wsol.plugins import load_plugins
from wsol.reports.data_sheet import SheetImage, choose_rows, draw_images, make_sheet
from wsol.study.ledger import read_ledger

SIZE = (100, 50)
"""Width and height of the images, which are black."""
BOX = (50, 10, 69, 29)
IGNORED_ROWS = slice(40, 50)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of black images with one box; the mask fills the box, and its last rows are ignored."""
    root = tmp_path / "data"
    for place, split in enumerate(("train", "val", "test")):
        for index, name in enumerate(("cat/1.png", "cat/2.png", "dog/3.png")):
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.zeros((*SIZE[::-1], 3), np.uint8)
            pixels[0, 0, 0] = 10 * place + index  # so that no two files are equal
            Image.fromarray(pixels).save(path)
        if split == "train":
            continue
        lines = [f"{name},{','.join(map(str, BOX))}" for name in ("cat/1.png", "cat/2.png", "dog/3.png")]
        (root / f"{split}.csv").write_text("\n".join(["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *lines]))
        mask = np.zeros(SIZE[::-1], np.uint8)
        mask[BOX[1] : BOX[3] + 1, BOX[0] : BOX[2] + 1] = 255
        mask[IGNORED_ROWS] = 127
        for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
            path = root / f"{split}_masks" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(path)
    return root


def show(root: Path, *arguments: object, results: Path | None = None) -> Result:
    out = ("--out", root.parent / "sheet.png") if "--out" not in arguments else ()
    ledger = ("--results", results or root.parent / "results")
    return run_cli("data", "show", "folder", "--root", root, "--set", "ignore=127", *out, *ledger, *arguments)


def pictures(root: Path, split: wsol.Split, protocol: str, **options: int) -> list[SheetImage]:
    benchmark = load_plugins().create("benchmarks", "folder", {"root": str(root), "ignore": 127, **options})
    return draw_images(benchmark, split, protocol, benchmark.images(split), [0, 2])


def where(picture: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """First and last column and row of a colour: x0, y0, x1, y1."""
    rows, columns = np.nonzero((picture == colour).all(axis=2))
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_boxes_and_masks_are_squashed_and_cropped_as_for_scoring(root: Path) -> None:
    drawn = pictures(root, "val", "legacy")[0].picture
    assert drawn.shape == (224, 224, 3)
    # 256 pixels are cropped by 16 on each side: x -> 2.56 x - 16, y -> 5.12 y - 16, truncated.
    assert where(drawn, TRUE) == (112, 35, 160, 132)
    tinted = tuple(value // 2 for value in MASK)
    assert where(drawn, tinted) == (112, 36, 163, 137)  # up to the end of the last pixel, at nearest neighbours
    assert drawn[100, 130].tolist() == list(tinted)
    ignored = where(drawn, tuple(value // 2 for value in IGNORED))
    assert ignored == (0, 189, 223, 223)  # rows 40 to 49: 5.12 * 40 - 16 = 188.8
    assert drawn[160, 130].tolist() == [0, 0, 0]


@pytest.mark.parametrize("protocol", ["wsoleval-v2", "minmaxcam"])
def test_without_a_crop_the_whole_image_is_squashed(root: Path, protocol: str) -> None:
    drawn = pictures(root, "val", protocol, crop=96)[1].picture
    assert drawn.shape == (96, 96, 3)
    assert where(drawn, TRUE) == (48, 19, 66, 55)  # x -> 0.96 x, y -> 1.92 y


def test_train_is_shown_as_it_is_trained_on_without_annotations(root: Path) -> None:
    (root / "train.csv").write_text("not read")
    (root / "val.csv").unlink()
    drawn = pictures(root, "train", "legacy", resize=64, crop=32)
    assert [(entry.image_id, entry.class_name, entry.picture.shape) for entry in drawn] == [
        ("train/cat/1.png", "cat", (64, 64, 3)),
        ("train/dog/3.png", "dog", (64, 64, 3)),
    ]
    assert drawn[0].picture.max() <= 10


def test_the_sheet_contains_the_images_and_the_list_is_printed(root: Path) -> None:
    result = show(root, "--count", "2", "--seed", "3", "--protocol", "legacy")
    assert (result.returncode, result.stderr) == (0, "")
    title, first, second, path = result.stdout.splitlines()
    assert title.startswith("folder, val: 2 of 3 images, seed 3, legacy")
    assert first.startswith("  cat: val/cat/")
    assert path == str(root.parent / "sheet.png")
    sheet = decode_image(root.parent / "sheet.png")
    tile = pictures(root, "val", "legacy")[0].picture
    found = where(sheet, TRUE)
    left, top = found[0] - 112, found[1] - 35
    shown = sheet[top : top + 224, left : left + 224]
    assert np.count_nonzero((shown != tile).any(axis=2)) <= 1  # the pixel that differs between files
    assert second.strip().startswith(("cat", "dog"))


def test_the_choice_follows_from_the_seed() -> None:
    assert choose_rows(1000, 16, 1) == choose_rows(1000, 16, 1) != choose_rows(1000, 16, 2)
    assert len(set(choose_rows(1000, 16, 1))) == 16


def test_small_pictures_are_enlarged_by_whole_factors_and_long_names_are_shortened() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    sheet = make_sheet("t" * 500, [SheetImage("i" * 500, "ä\x1b" * 300, picture)] * 5)
    big = np.repeat(np.repeat(picture, 48, axis=0), 48, axis=1)
    assert np.array_equal(sheet[28 : 28 + 192, 6 : 6 + 192], big)
    assert sheet.shape[1] == 3 * (192 + 6) + 6
    assert (sheet[28 : 28 + 192, 198:204] == 255).all()


def test_nothing_of_test_is_read_without_split_test(root: Path, tmp_path: Path) -> None:
    for split in ("val", "train"):
        opened = opened_files(lambda split=split: show(root, "--split", split))
        inside = {path.relative_to(root).parts[0] for path in opened if path.is_relative_to(root)}
        assert split in inside
        assert not {part for part in inside if part.startswith("test")}
        if split == "train":
            assert inside == {"train"}
    assert not (tmp_path / "results").exists()


def test_test_is_shown_after_the_ledger_was_written(root: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    (root / "test.csv").write_text("broken\n")
    assert show(root, "--split", "test").returncode == 3
    (entry,) = read_ledger(results / "ledger.jsonl").entries
    assert (entry.kind, entry.run) == ("inspection", "wsol data show folder")
    assert not (tmp_path / "sheet.png").exists()
    (root / "test.csv").write_text((root / "val.csv").read_text())
    assert show(root, "--split", "test").returncode == 0
    assert [entry.kind for entry in read_ledger(results / "ledger.jsonl").entries] == ["inspection"] * 2
    assert (tmp_path / "sheet.png").exists()


def test_only_sheets_are_replaced(root: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"mine")
    refused = show(root)
    assert refused.returncode == 2
    assert "sheet.png: exists, and this command did not write it" in refused.stderr
    assert sheet.read_bytes() == b"mine"
    assert show(root, "--overwrite").returncode == 0
    assert show(root).returncode == 0  # its own sheet
    image = root / "val" / "cat" / "1.png"
    before = image.read_bytes()
    for taken in (image, root / "val_masks" / "cat" / "1.png", root / "val.csv"):
        assert show(root, "--out", taken, "--overwrite").returncode == 2
    assert image.read_bytes() == before


def test_a_refused_output_enters_no_inspection(root: Path, tmp_path: Path) -> None:
    (tmp_path / "sheet.png").write_bytes(b"mine")
    assert show(root, "--split", "test").returncode == 2
    assert not (tmp_path / "results").exists()


def test_wrong_data_are_one_line(root: Path, tmp_path: Path) -> None:
    (root / "val" / "cat" / "1.png").write_bytes(b"no image")
    for arguments, code, message in (
        ((), 3, "1.png: not a readable image"),
        (("--root", tmp_path / "none"), 3, "no such folder"),
        (("--protocol", "none"), 2, "none"),
        (("--split", "all"), 2, "'--split'"),
        (("--set", "background=whitish"), 2, "background"),
    ):
        result = show(root, *arguments)
        assert (result.returncode, message in result.stderr) == (code, True), result
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet", "sheet.png.bak", ""])
def test_a_sheet_is_a_png_file_by_its_name_too(root: Path, tmp_path: Path, name: str) -> None:
    done = show(root, "--out", tmp_path / name)
    assert done.returncode == 2
    assert "a sheet is a PNG file; let its name end in .png" in done.stderr
    assert not (tmp_path / name).is_file()
    assert show(root, "--out", tmp_path / "SHEET.PNG").returncode == 0


def test_letters_beyond_english_are_drawn() -> None:
    """Letters that a font lacks all look alike; an accent may be a character of its own."""
    picture = np.zeros((192, 192, 3), np.uint8)

    def sheet(name: str) -> np.ndarray:
        return make_sheet("sheet", [SheetImage("1.jpg", name, picture)])

    for one, other in (("é", "ü"), ("я", "ж"), ("λ", "π"), ("ق", "ك")):
        assert (sheet(one) != sheet(other)).any()
    assert (sheet("é") == sheet("e\u0301")).all()
