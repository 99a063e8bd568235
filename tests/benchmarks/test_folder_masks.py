"""Masks of a user's folder from the check to a score: trimaps, inverted and soft masks, names, and shares."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

import wsol
from tests.support.cli import run_cli
from tests.support.official_layouts import write_image
from wsol.data.checking.check import check, check_for_study
from wsol.data.checking.masks import union
from wsol.data.checking.report import CheckReport
from wsol.data.checking.unusual_masks import looks_inverted
from wsol_folder import Folder

SIZE = (40, 30)
CLASSES = ("cat", "dog")
COUNT = 4
Make = Callable[[np.ndarray, int], Image.Image | np.ndarray]


def shape(index: int) -> np.ndarray:
    """An ellipse left of the middle, bool [H, W]."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    return ((y - 15) / 9) ** 2 + ((x - 12 - index) / 10) ** 2 < 1


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    filters = ImageFilter.MaxFilter(by) if by > 0 else ImageFilter.MinFilter(-by)
    return np.asarray(Image.fromarray(mask.astype(np.uint8)).filter(filters)) > 0


def trimap(mask: np.ndarray, index: int) -> np.ndarray:
    """As in Oxford-IIIT Pet: 1 the animal, 2 the background, 3 the border."""
    return np.select([grown(mask, -3), ~grown(mask, 3)], [1, 2], 3).astype(np.uint8)


def white(mask: np.ndarray, index: int = 0) -> np.ndarray:
    return 255 * mask.astype(np.uint8)


def blurred(mask: np.ndarray, index: int) -> Image.Image:
    return Image.fromarray(white(mask)).filter(ImageFilter.GaussianBlur(2))


def write(root: Path, make: Make, ending: str = ".png") -> Path:
    for place, split in enumerate(("train", "val", "test")):
        for label, name in enumerate(CLASSES):
            for index in range(COUNT):
                write_image(root / split / name / f"{index}.jpg", SIZE, 100 * place + 10 * label + index)
                if split != "train":
                    mask = make(shape(index), index)
                    path = root / f"{split}_masks" / name / f"{index}{ending}"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(path)
    return root


def checked(root: Path, *splits: wsol.Split, **options: Any) -> CheckReport:
    return check(Folder(Folder.Options(root=str(root), **options)), splits or ("val",))


def one(report: CheckReport) -> tuple[str, str]:
    (problem,) = report.problems
    return problem.kind, problem.message


def test_trimaps_are_refused_with_a_hint_that_leads_to_the_right_options(tmp_path: Path) -> None:
    root = write(tmp_path / "pets", trimap)
    command = ("data", "check", "folder", "--root", root, "--out", tmp_path / "out")
    refused = run_cli(*command)
    assert refused.returncode == 3
    assert "8 masks have the values 1 (in 8), 2 (in 8), 3 (in 8)" in refused.stdout
    assert "object: 1, ignore: 3 (wsol data: --set object=1 --set ignore=3)" in refused.stdout
    score = ("score", tmp_path / "maps", "--benchmark", "folder", "--split", "val", "--root", root, "--bootstrap", 0)
    for name in CLASSES:
        for index in range(COUNT):
            path = tmp_path / "maps" / "val" / name / f"{index}.jpg.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            y, x = np.mgrid[0:28, 0:28]
            np.save(path, np.exp(-((y - 13.5) ** 2 + (x - 13.5) ** 2) / 98))
    wrong = run_cli(*score, "--normalizer", "none", "--out", tmp_path / "out")
    assert wrong.returncode == 3, wrong.stderr
    assert "the mask has the values 1, 2 and 3" in wrong.stderr
    options = ("--set", "object=1", "--set", "ignore=3")
    accepted = run_cli(*command, *options)
    assert accepted.returncode == 0, accepted.stdout
    stated = ("--option", "benchmark.object=1", "--option", "benchmark.ignore=3")
    scored = run_cli(*score, *stated, "--normalizer", "none", "--json", "--out", tmp_path / "out")
    assert scored.returncode == 0, scored.stderr
    assert 10 < json.loads(scored.stdout)["metrics"]["pxap"]["value"] < 95


def test_an_inverted_set_is_seen_at_a_glance(tmp_path: Path) -> None:
    root = write(tmp_path, lambda mask, index: white(~mask))
    report = checked(root)
    (note,) = report.notes
    assert (report.problems, note.kind) == ([], "masks may be inverted")
    assert "in 8 of 8 masks" in note.message
    assert "object: 0 (wsol data: --set object=0)" in note.message
    expected = [1 - shape(index).mean() for index in range(COUNT)] * 2
    shares = report.splits[0].mask_shares
    assert shares is not None
    assert (shares.count, shares.mean) == (8, pytest.approx(np.mean(expected)))
    assert (shares.smallest, shares.largest) == pytest.approx((min(expected), max(expected)))
    assert shares.largest_id == f"val/cat/{int(np.argmax(expected))}.jpg"
    right = checked(root, object=0)
    assert (right.problems, right.notes) == ([], [])
    right_shares = right.splits[0].mask_shares
    assert right_shares is not None
    assert right_shares.mean == pytest.approx(1 - shares.mean)


def test_shares_are_printed_and_those_of_test_only_with_its_split(tmp_path: Path) -> None:
    root = write(tmp_path / "data", white)
    printed = run_cli("data", "check", "folder", "--root", root, "--out", tmp_path / "out")
    low, high = (100 * extreme(shape(index).mean() for index in range(COUNT)) for extreme in (min, max))
    assert "val: masks cover " in printed.stdout
    assert all(text in printed.stdout for text in (f"{low:.1f}% ('val/cat/", f"{high:.1f}% ('val/cat/"))
    assert "test: masks cover" not in printed.stdout
    both = run_cli("data", "check", "folder", "--root", root, "--out", tmp_path / "out", "--split", "test", "--json")
    (split,) = json.loads(both.stdout)["splits"]
    assert (split["mask_shares"]["count"], split["box_shares"]) == (8, None)


def test_values_are_counted_over_the_split_in_one_line(tmp_path: Path) -> None:
    def rare(mask: np.ndarray, index: int) -> np.ndarray:
        values = mask.astype(np.uint8)
        values[0, 0] = 7 * (index == 2)
        return values

    kind, message = one(checked(write(tmp_path, rare)))
    assert kind == "undeclared mask values"
    first = tmp_path / "val_masks" / "cat" / "2.png"
    assert f"8 masks have the values 0 (in 8), 1 (in 8), 7 (in 2, first {first})" in message
    assert "state 0 and 7 as well, with 'ignore', or as background: outside: any" in one(checked(tmp_path, object=1))[1]
    assert checked(tmp_path, object=1, outside="any").problems == []
    assert checked(tmp_path, object=1, ignore=7).problems == []
    assert "none of them stated to be the object" in one(checked(tmp_path, object=9))[1]


def test_masks_that_disagree_are_named_with_both_values(tmp_path: Path) -> None:
    write(tmp_path, lambda mask, index: mask.astype(np.uint8) * (255 if index else 1))
    kind, message = one(checked(tmp_path))
    assert kind == "undeclared mask values"
    assert "8 masks have the values 1 (in 2, first " in message
    assert 'object: [1, 255] (wsol data: --set "object=[1, 255]")' in message
    assert checked(tmp_path, object=[1, 255]).problems == []


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_masks_with_values_in_between_need_a_threshold(tmp_path: Path, ending: str) -> None:
    write(tmp_path, blurred, ending)
    kind, message = one(checked(tmp_path))
    assert (kind, "threshold: 127 (wsol data: --set threshold=127)" in message) == ("undeclared mask values", True)
    shares = checked(tmp_path, threshold=127).splits[0].mask_shares
    assert shares is not None
    assert shares.mean == pytest.approx(np.mean([shape(index).mean() for index in range(COUNT)]), abs=0.02)
    every = checked(tmp_path, object="any")
    assert (every.problems, [note.kind for note in every.notes]) == ([], ["many mask values"])


def test_a_few_masks_with_another_value_are_named_and_the_others_say_what_is_the_object(tmp_path: Path) -> None:
    def stray(mask: np.ndarray, index: int) -> np.ndarray:
        values = white(mask)
        values[0, 0] = 7 * (index == 2)
        return values

    kind, message = one(checked(write(tmp_path, stray)))
    assert (kind, message.startswith(f"{tmp_path}/val_masks: 8 masks have")) == ("undeclared mask values", True)
    assert "in all masks but 2, 255 alone is the object; mend the rest, or leave the pixels out: " in message
    assert "object: 255, ignore: 7 (wsol data: --set object=255 --set ignore=7); with wsol run: --set" in message
    assert checked(tmp_path, object=255, ignore=7).problems == []


def test_more_values_than_a_message_names_lead_to_an_option_for_all_of_them(tmp_path: Path) -> None:
    numbers = iter(range(1000, 2000))
    write(tmp_path, lambda mask, index: (next(numbers) * mask).astype(np.uint16))
    assert len({path.read_bytes() for path in tmp_path.glob("val_masks/*/*")}) == 8
    assert "if all of them are: object: [1000, " in one(checked(tmp_path))[1]
    Image.fromarray((7 * shape(0)).astype(np.uint16)).save(tmp_path / "val_masks" / "cat" / "0.png")
    write_image(tmp_path / "val" / "cat" / "9.jpg", SIZE, 9)
    Image.fromarray((9 * shape(0)).astype(np.uint16)).save(tmp_path / "val_masks" / "cat" / "9.png")
    assert "if all of them are: object: any (" in one(checked(tmp_path))[1]
    assert checked(tmp_path, object="any").problems == []


def test_options_that_leave_no_object_are_named_with_the_values(tmp_path: Path) -> None:
    write(tmp_path, lambda mask, index: mask.astype(np.uint8))
    kind, message = one(checked(tmp_path, object=5, ignore=[0, 1]))
    assert (kind, "in 8 of 8 masks all pixels are ignored" in message) == ("no object in masks", True)
    for options, text in (
        ({"object": 5, "outside": "any"}, "8 masks have the values 0 (in 8), 1 (in 8)"),
        ({"threshold": 127}, "is the threshold 127 too high?"),
    ):
        report = checked(tmp_path, **options)
        assert report.counts() == {"empty mask": 8}
        (note,) = report.notes
        assert (note.kind, text in note.message) == ("no object in masks", True)


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_a_folder_of_images_is_no_folder_of_masks(tmp_path: Path, mode: str) -> None:
    write(tmp_path, white)
    for path in sorted((tmp_path / "val").rglob("*.jpg")):
        image = Image.open(path).convert(mode)
        path.unlink()
        image.save(path.with_suffix(".png"))
        (tmp_path / "val_masks" / path.relative_to(tmp_path / "val").with_suffix(".png")).unlink()
        image.save(tmp_path / "val_masks" / path.relative_to(tmp_path / "val").with_suffix(".png"))
    report = checked(tmp_path)
    if mode == "1":  # drawn shapes, which may be masks of themselves
        assert "masks are images" in {note.kind for note in report.notes}
    else:
        kind, message = one(report)
        assert (kind, "0.png: the image itself, not a mask; " in message) == ("unsuitable mask", True)
        assert not report.splits[0].usable


def test_an_orientation_of_masks_is_noted(tmp_path: Path) -> None:
    write(tmp_path, white)
    path = tmp_path / "val_masks" / "cat" / "0.png"
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(white(shape(0))).save(path, exif=exif)
    report = checked(tmp_path)
    (note,) = report.notes
    assert (report.problems, note.kind) == ([], "orientation not applied")
    assert "1 of 8 masks of val carry" in note.message
    assert note.message.endswith(": 'val/cat/0.jpg'")


HIDDEN: list[tuple[Make, dict[str, Any]]] = [
    (lambda mask, index: np.where(mask, 91, 37).astype(np.uint8), {}),
    (lambda mask, index: (mask * (91 if index else 37)).astype(np.uint8), {}),
    (blurred, {}),
    (lambda mask, index: white(np.ones_like(mask)), {}),
    (lambda mask, index: white(~mask), {}),
    (lambda mask, index: white(np.ones((37, 91), dtype=bool)), {}),
    (lambda mask, index: white(mask), {"threshold": 0.37}),
    (lambda mask, index: white(mask), {"object": 91, "ignore": [0, 255]}),
]


@pytest.mark.parametrize(("make", "options"), HIDDEN)
def test_no_value_count_or_size_of_a_mask_of_test_is_reported_before_the_seal(
    tmp_path: Path, make: Make, options: dict[str, Any]
) -> None:
    write(tmp_path, make)
    report = check_for_study(Folder(Folder.Options(root=str(tmp_path), **options)))
    test = report.splits[2]
    assert (test.masked, test.mask_shares, test.notes) == (0, None, [])
    names = {f"'test/{name}/{index}.jpg'" for name in CLASSES for index in range(COUNT)}
    files = {f"{tmp_path}/test_masks/{name}/{index}.png" for name in CLASSES for index in range(COUNT)}
    allowed = {"", *names, *files, f"{tmp_path}/test_masks", *(f"{file}: {name}" for file in files for name in names)}
    for problem in test.problems:
        assert (
            problem.message.replace("(annotations of test)", "").replace("annotations of test", "").strip() in allowed
        )
        assert not any(character.isdigit() for character in problem.kind)


def test_masks_that_cover_their_image_or_are_empty_are_named(tmp_path: Path) -> None:
    def odd(mask: np.ndarray, index: int) -> np.ndarray:
        return white([mask, np.zeros_like(mask), np.ones_like(mask), mask][index])

    report = checked(write(tmp_path, odd))
    assert report.counts() == {"empty mask": 2, "mask covers its image": 2}
    assert "'val/cat/2.jpg': its mask covers the whole image" in [problem.message for problem in report.problems]


def test_a_published_data_set_is_what_it_is(tmp_path: Path) -> None:
    class PublishedFolder(Folder):
        """As a folder, with published splits."""

        split_sizes = (8, 8, 8)

    root = write(tmp_path, lambda mask, index: white(mask if index else np.ones_like(mask)))
    report = check(PublishedFolder(Folder.Options(root=str(root))), ["val"])
    assert (report.counts(), {note.kind for note in report.notes}) == ({}, {"mask covers its image"})


def test_a_wholly_ignored_image_is_allowed(tmp_path: Path) -> None:
    write(tmp_path, lambda mask, index: white(mask) if index else np.full(mask.shape, 128, dtype=np.uint8))
    report = checked(tmp_path, object=255, ignore=128)
    assert report.problems == []
    shares = report.splits[0].mask_shares
    assert (shares is not None, shares and shares.count) == (True, 6)


def test_the_transparency_of_the_images_may_be_the_mask(tmp_path: Path) -> None:
    write(tmp_path, white)
    for split in ("val", "test"):
        for path in sorted((tmp_path / split).rglob("*.jpg")):
            picture = Image.open(path)
            mask = tmp_path / f"{split}_masks" / path.relative_to(tmp_path / split).with_suffix(".png")
            picture.putalpha(Image.open(mask))
            path.unlink()
            picture.save(path.with_suffix(".png"))
        (tmp_path / f"{split}_masks").rename(tmp_path / f"{split}_before")
        (tmp_path / f"{split}_masks").symlink_to(tmp_path / split)
    report = checked(tmp_path, "val", "test", alpha=True, background="white")
    assert report.problems == []
    benchmark = Folder(Folder.Options(root=str(tmp_path), alpha=True, background="white"))
    assert np.array_equal(benchmark.annotations("test").masks(2)[0], shape(2))


def test_an_exchange_of_object_and_ignore_is_noted(tmp_path: Path) -> None:
    write(tmp_path, trimap)
    assert checked(tmp_path, object=1, ignore=3).notes == []
    (note,) = checked(tmp_path, object=3, ignore=1).notes
    assert (note.kind, "in 8 of 8 masks more pixels are ignored" in note.message) == ("many ignored pixels", True)


def test_files_of_an_unsuitable_kind_are_one_line(tmp_path: Path) -> None:
    def cut_out(mask: np.ndarray, index: int) -> np.ndarray:
        return np.dstack([np.full((*mask.shape, 3), 90, dtype=np.uint8), white(mask)])

    write(tmp_path, cut_out)
    kind, message = one(checked(tmp_path))
    first = tmp_path / "val_masks" / "cat" / "0.png"
    assert (kind, message[: len(str(first)) + 26]) == ("unsuitable mask", f"{first}: its transparency varies;")
    assert message.endswith(" (and 7 more masks)")
    assert checked(tmp_path, alpha=True).problems == []
    assert checked(tmp_path, alpha=False).counts() == {"mask covers its image": 8}


@pytest.mark.parametrize("ending", [".png", ".bmp", ".gif", ".tif", ".jpg.png", ".PNG"])
def test_masks_may_have_any_format_and_the_whole_name_of_the_image(tmp_path: Path, ending: str) -> None:
    root = write(tmp_path, white, ending)
    benchmark = Folder(Folder.Options(root=str(root)))
    assert checked(root, "val", "test").problems == []
    assert np.array_equal(benchmark.annotations("val").masks(1)[0], shape(1))
    files = [path.name for path in benchmark.annotation_files("val")]
    assert files == [f"{index}{ending}" for index in range(COUNT)] * 2


def test_a_missing_mask_is_named_once_with_the_mask_that_may_be_meant(tmp_path: Path) -> None:
    write(tmp_path, white)
    place = tmp_path / "val_masks"
    (place / "cat" / "0.png").rename(place / "cat" / "0_mask.png")
    (place / "cat" / "1.png").unlink()
    (place / "dog" / "2.bmp").write_bytes((place / "dog" / "2.png").read_bytes())
    (place / "dog" / "3.txt").write_text("notes")
    (place / "dog" / "deep").mkdir()
    (place / "dog" / "3.png").rename(place / "dog" / "deep" / "3.png")
    report = checked(tmp_path)
    told = {problem.message.removeprefix(f"{place}/"): problem.kind for problem in report.problems}
    absent = "no such mask"
    assert told == {
        f"cat/0.png: {absent}, for the image 'cat/0.jpg'; if 'cat/0_mask.png' is its mask, rename it": "missing mask",
        "cat/1.png: no such mask, for the image 'cat/1.jpg'": "missing mask",
        "dog/3.png: no such mask, for the image 'dog/3.jpg'": "missing mask",
        f"{place}: 'dog/2.bmp' and 'dog/2.png' are masks of 'dog/2.jpg'; keep one": "several masks",
        "dog/deep: a folder inside a class; masks belong directly in the class folder": "folder in a class",
    }
    assert [note.kind for note in report.notes] == ["other files"]


def test_names_of_masks_match_in_another_unicode_form(tmp_path: Path) -> None:
    write(tmp_path, white)
    for split in ("val", "test"):
        (tmp_path / split / "cat" / "0.jpg").rename(tmp_path / split / "cat" / "caf\u00e9.jpg")
        (tmp_path / f"{split}_masks" / "cat" / "0.png").rename(tmp_path / f"{split}_masks" / "cat" / "cafe\u0301.png")
    report = checked(tmp_path)
    assert (report.problems, [note.kind for note in report.notes]) == ([], ["other Unicode form"])


def test_an_import_states_the_values_of_its_masks(tmp_path: Path) -> None:
    def imported(mask: np.ndarray, index: int) -> np.ndarray:
        return np.where(grown(mask, 3) & ~mask, 127, white(mask)).astype(np.uint8)

    write(tmp_path, imported)
    assert one(checked(tmp_path))[0] == "undeclared mask values"
    manifest = wsol.ImportManifest(
        format="masks",
        conventions="",
        options={},
        classes={},
        source="",
        split_rule="",
        masks=wsol.MaskValues(),
        images={},
        skipped={},
    )
    (tmp_path / "import.json").write_text(manifest.to_text())
    benchmark = Folder(Folder.Options(root=str(tmp_path)))
    foreground, ignore = benchmark.annotations("val").masks(0)
    assert np.array_equal(foreground, shape(0))
    assert ignore is not None
    assert np.array_equal(ignore, grown(shape(0), 3) & ~shape(0))
    assert checked(tmp_path, "val", "test").problems == []
    stated = Folder(Folder.Options(root=str(tmp_path), object="any")).annotations("val").masks(0)
    assert (np.array_equal(stated[0], foreground | ignore), stated[1]) == (True, None)
    assert tmp_path / "import.json" in benchmark.annotation_files("val")


def test_the_rule_for_inverted_masks_does_not_fire_on_large_objects() -> None:
    """A disc of any radius and place, which a photograph may show, and its complement."""
    y, x = np.mgrid[0:40, 0:50]
    for radius in (3, 8, 15, 20, 24):
        for top, left in ((20, 25), (10, 25), (20, 10), (35, 5)):
            disc = (y - top) ** 2 + (x - left) ** 2 < radius**2
            counted = np.ones_like(disc)
            assert not looks_inverted(disc, counted)
            if radius <= min(top, left, 39 - top, 49 - left):
                assert looks_inverted(~disc, counted)
    assert not looks_inverted(counted, counted)


def test_instances_of_other_sizes_are_united() -> None:
    small, large = np.array([[True, False]]), np.zeros((4, 4), dtype=bool)
    large[:, 3] = True
    assert union([small, large]).tolist() == [[True, True]] or union([small, large]).tolist() == [[True, False]]
    assert union([large, small])[:, :2].all()
    assert not union([large, small])[:, 2].any()
