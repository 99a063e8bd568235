"""Masks: values, matching with images, classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.harness.data.importing.sources import read, write_image, write_text
from wsol.data.importing.mask_files import image_references
from wsol.data.importing.mask_labels import name_class
from wsol.data.importing.mask_values import value_classes
from wsol.errors import DataError, UsageError

W, H = 12, 8


def write_mask(path: Path, values: np.ndarray, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values.astype(np.uint8))
    if mode == "P":
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([c for i in range(256) for c in (i, 255 - i if i else 0, i * 7 % 256)])
    image.save(path)


def grid(**boxes: tuple[int, int, int, int]) -> np.ndarray:
    """0 with rectangles: v3=(x0, y0, x1, y1) fills 3, ends excluded."""
    values = np.zeros((H, W), dtype=np.uint8)
    for name, (x0, y0, x1, y1) in boxes.items():
        values[y0:y1, x0:x1] = int(name[1:])
    return values


def trimap() -> np.ndarray:
    values = np.full((H, W), 2, dtype=np.uint8)
    values[2:6, 3:9] = 3
    values[3:5, 4:8] = 1
    return values


def test_trimaps_of_animals_named_in_the_file(tmp_path: Path) -> None:
    for name in ("Abyssinian_1", "Abyssinian_2", "great_pyrenees_1"):
        write_image(tmp_path / "images" / f"{name}.jpg", (W, H))
        write_mask(tmp_path / "annotations" / "trimaps" / f"{name}.png", trimap())
        write_text(tmp_path / "annotations" / "trimaps" / f"._{name}.png", b"Mac OS X")
    images, heard = read(tmp_path, object=1, ignore=3, outside=2, label="name")
    assert heard.problems == []
    assert [image.objects[0].category for image in images.values()] == ["Abyssinian", "Abyssinian", "great_pyrenees"]
    entry = images["Abyssinian_1.jpg"]
    assert entry.objects[0].mask is not None
    assert (entry.objects[0].mask() == (trimap() == 1)).all()
    assert entry.ignore is not None
    assert (entry.ignore() == (trimap() == 3)).all()


def test_undeclared_values_are_one_problem_with_the_options_to_state(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / "images" / "cat" / f"{number}.jpg", (W, H))
        write_mask(tmp_path / "masks" / "cat" / f"{number}.png", trimap())
    _, heard = read(tmp_path, label="folder")
    assert heard.kinds() == ["nothing to import", "unclear mask"]
    assert "object" in heard.problems[0][1]
    assert "2 more masks like it" in heard.problems[0][1]


def test_values_that_differ_between_masks_are_a_problem(tmp_path: Path) -> None:
    for number, value in enumerate((1, 255)):
        write_image(tmp_path / "images" / "cat" / f"{number}.jpg", (W, H))
        write_mask(tmp_path / "masks" / "cat" / f"{number}.png", grid(v1=(1, 1, 4, 4)) * value)
    _, heard = read(tmp_path, label="folder")
    assert heard.kinds() == ["unclear mask"]
    assert "[1, 255]" in heard.problems[0][1]


@pytest.mark.parametrize(
    "layout",
    [
        ("images/1.png", ["masks/1_mask0.png", "masks/1_mask1.png"]),
        ("images/1.png", ["masks/1_0.png", "masks/1_1.png"]),
        ("images/1.png", ["masks/1/0.png", "masks/1/1.png"]),
        ("stage1/a1b2/images/a1b2.png", ["stage1/a1b2/masks/ff00.png", "stage1/a1b2/masks/ee11.png"]),
        ("1.png", ["1_mask_0.png", "1_mask_1.png"]),
        ("JPEGImages/1.jpg", ["trimaps/1-0.png", "trimaps/1-1.png"]),
    ],
)
def test_one_file_for_each_object(tmp_path: Path, layout: tuple[str, list[str]]) -> None:
    image, masks = layout
    write_image(tmp_path / image, (W, H))
    drawn = [grid(v255=(0, 0, 3, 3)), grid(v255=(5, 5, 12, 8))]
    for mask, values in zip(masks, drawn, strict=True):
        write_mask(tmp_path / mask, values)
    images, heard = read(tmp_path, "masks", category="nucleus")
    assert heard.problems == []
    (entry,) = images.values()
    order = sorted(range(2), key=lambda place: masks[place])
    for item, place in zip(entry.objects, order, strict=True):
        assert item.category == "nucleus"
        assert item.mask is not None
        assert (item.mask() == (drawn[place] == 255)).all()


def test_palette_of_classes_with_numbered_objects_and_ignored_pixels(tmp_path: Path) -> None:
    write_image(tmp_path / "JPEGImages" / "7.jpg", (W, H))
    classes = grid(v8=(0, 0, 5, 3), v12=(6, 0, 12, 3), v255=(0, 7, 12, 8))
    numbers = grid(v1=(0, 0, 2, 3), v2=(2, 0, 5, 3), v3=(6, 0, 12, 3), v255=(0, 7, 12, 8))
    write_mask(tmp_path / "SegmentationClass" / "7.png", classes, "P")
    write_mask(tmp_path / "SegmentationObject" / "7.png", numbers, "P")
    images, heard = read(tmp_path, values=("voc",), ignore=255)
    assert heard.problems == []
    entry = images["7.jpg"]
    assert [item.category for item in entry.objects] == ["cat", "cat", "dog"]
    for number, item in enumerate(entry.objects, start=1):
        assert item.mask is not None
        assert (item.mask() == (numbers == number)).all()
    assert entry.ignore is not None
    assert (entry.ignore() == (classes == 255)).all()
    _, heard = read(tmp_path, values=("8=cat", "12="))
    assert heard.kinds() == ["unknown value"]


def test_colours_of_a_label_map(tmp_path: Path) -> None:
    write_image(tmp_path / "JPEGImages" / "7.jpg", (W, H))
    colours = np.zeros((H, W, 3), dtype=np.uint8)
    colours[:2, :3] = (250, 50, 83)
    (tmp_path / "SegmentationClass").mkdir()
    Image.fromarray(colours).save(tmp_path / "SegmentationClass" / "7.png")
    write_text(tmp_path / "labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\npet cat:250,50,83::\n")
    images, heard = read(tmp_path)
    assert heard.problems == []
    (item,) = images["7.jpg"].objects
    assert item.category == "pet cat"
    assert item.mask is not None
    assert (item.mask() == (colours[..., 0] == 250)).all()


def test_values_named_by_a_table_beside_the_images(tmp_path: Path) -> None:
    write_image(tmp_path / "train" / "a.jpg", (W, H))
    write_mask(tmp_path / "train" / "a_mask.png", grid(v2=(0, 0, 5, 3)))
    write_text(tmp_path / "train" / "_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [item.category for item in images["train/a.jpg"].objects] == ["dog"]
    assert images["train/a.jpg"].split == "train"


def test_masks_that_do_not_fit_are_problems(tmp_path: Path) -> None:
    for name in "abc":
        write_image(tmp_path / "images" / "cat" / f"{name}.jpg", (W, H))
    write_mask(tmp_path / "masks" / "cat" / "a.png", np.full((H + 1, W), 255, dtype=np.uint8))
    write_mask(tmp_path / "masks" / "cat" / "b.png", grid())
    write_text(tmp_path / "masks" / "cat" / "c.png", b"no image")
    write_mask(tmp_path / "masks" / "cat" / "d.png", grid(v255=(0, 0, 1, 1)))
    _, heard = read(tmp_path, label="folder")
    assert heard.kinds() == ["empty mask", "missing image", "other size", "unreadable mask"]


def test_classes_from_a_list(tmp_path: Path) -> None:
    for name in ("a_1", "b_1"):
        write_image(tmp_path / "images" / f"{name}.jpg", (W, H))
        write_mask(tmp_path / "masks" / f"{name}.png", grid(v255=(0, 0, 5, 5)))
    write_text(tmp_path / "list.txt", "# image class\na_1 37 1 1\nb_1 12\nc_1 3\n")
    images, heard = read(tmp_path, label_file="list.txt")
    assert heard.kinds() == ["missing image"]
    assert [image.objects[0].category for image in images.values()] == ["37", "12"]
    _, heard = read(tmp_path)
    assert heard.kinds() == ["no class", "nothing to import"]
    assert "label=name: 'a' for 'a_1.jpg'" in heard.problems[0][1]


def test_names() -> None:
    assert [name_class(name) for name in ("cat 12.jpg", "Bengal-3.jpg", "0012.jpg", "cat.jpg")] == [
        "cat",
        "Bengal",
        "",
        "",
    ]
    assert image_references("trimaps/cat_1.png") == (["trimaps/cat_1", "trimaps/cat"], "")
    assert value_classes(["#ff0000=cat", "#000000="]) == ({0xFF0000: "cat", 0: ""}, True)
    for wrong in (["cat=1"], ["1=cat", "1=dog"], ["1=cat", "#000001=dog"]):
        with pytest.raises(UsageError):
            value_classes(wrong)


def test_an_option_for_one_class_excludes_those_for_several(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "1.jpg")
    with pytest.raises(UsageError, match="give one"):
        read(tmp_path, "masks", values=("1=cat",), object=1)
    with pytest.raises(DataError, match="no such folder of masks"):
        read(tmp_path, "masks", masks="nowhere")


def test_coloured_masks_of_numbered_objects(tmp_path: Path) -> None:
    write_image(tmp_path / "JPEGImages" / "7.jpg", (W, H))
    write_text(tmp_path / "labelmap.txt", "background:0,0,0::\ncat:250,50,83::\n")
    for folder, colours in (
        ("SegmentationClass", [(250, 50, 83)] * 2),
        ("SegmentationObject", [(128, 0, 0), (0, 0, 255)]),
    ):
        pixels = np.zeros((H, W, 3), dtype=np.uint8)
        pixels[:3, :4], pixels[4:, :] = colours
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "7.png")
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert sorted(int(item.mask().sum()) for item in images["7.jpg"].objects if item.mask) == [12, (H - 4) * W]
    _, heard = read(tmp_path, values=("1=cat",))
    assert "give '#rrggbb=CLASS'" in heard.problems[0][1]


def test_masks_in_labels_and_of_another_size(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "cat" / "1.jpg", (W, H))
    write_mask(tmp_path / "labels" / "1.png", grid(v255=(0, 0, 3, 3)))
    images, heard = read(tmp_path, label="folder")
    assert heard.problems == []
    assert images["cat/1.jpg"].objects[0].category == "cat"
    write_image(tmp_path / "images" / "cat" / "1.jpg", (2 * W, 2 * H))
    for check in (True, False):
        _, heard = read(tmp_path, label="folder", check_sizes=check)
        assert heard.kinds() == ["other size"]


def test_a_folder_of_all_images_or_of_one_is_no_class(tmp_path: Path) -> None:
    for name in ("a1", "b2"):
        write_image(tmp_path / "all" / "PNGImages" / f"{name}.png", (W, H))
        write_mask(tmp_path / "all" / "PedMasks" / f"{name}_mask.png", grid(v255=(0, 0, 3, 3)))
        write_image(tmp_path / "each" / name / "images" / f"{name}.png", (W, H))
        write_mask(tmp_path / "each" / name / "masks" / "ff.png", grid(v255=(0, 0, 3, 3)))
    for folder in ("all", "each"):
        assert read(tmp_path / folder)[1].kinds() == ["no class", "nothing to import"]
    for name in ("cat", "dog"):
        write_image(tmp_path / "two" / name / "1.png", (W, H))
        write_mask(tmp_path / "two" / "masks" / name / "1.png", grid(v255=(0, 0, 3, 3)))
    images, heard = read(tmp_path / "two")
    assert heard.problems == []
    assert [image.objects[0].category for image in images.values()] == ["cat", "dog"]
