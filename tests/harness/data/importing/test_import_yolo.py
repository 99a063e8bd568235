"""YOLO: lines, names of classes, layouts, background images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.data.importing.sources import read, write_image, write_text
from wsol.data.importing.yolo_lines import YoloLine, read_line
from wsol.errors import DataError

SIZE = (40, 20)


def one(folder: Path, labels: str | bytes, name: str = "1") -> None:
    write_image(folder / "images" / f"{name}.jpg", SIZE)
    write_text(folder / "labels" / f"{name}.txt", labels)
    write_text(folder / "classes.txt", "cat\nGreat Dane\n\n")


def test_shares_of_middle_and_size(tmp_path: Path) -> None:
    one(tmp_path, "\ufeff1 0.5 0.5 0.25 0.5\r\n\r\n0\t0.125\t0.25 0.25 0.5 ")
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [(item.category, item.box) for item in images["1.jpg"].objects] == [
        ("Great Dane", (15, 5, 25, 15)),
        ("cat", (0, 0, 10, 10)),
    ]


def test_polygons_become_masks_with_their_box(tmp_path: Path) -> None:
    one(tmp_path, "0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75")
    images, heard = read(tmp_path)
    assert heard.problems == []
    (item,) = images["1.jpg"].objects
    assert item.box == (10, 5, 30, 15)
    assert item.mask is not None
    mask = item.mask()
    assert mask.shape == (20, 40)
    assert mask[5:15, 10:30].all()
    assert mask.sum() == 200


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 0.5 0.5 0.2", "has 4 numbers"),
        ("0 0.5 0.5 0.2 0.2 0.9", "confidence"),
        ("0 0.5 0.5 0.2 0.2 0.9 0.3 0.2", "has 8 numbers"),
        ("0,0.5,0.5,0.2,0.2", "spaces between"),
        ("cat 0.5 0.5 0.2 0.2", "should be numbers"),
        ("0 0.5 nan 0.2 0.2", "should be numbers"),
        ("0.5 0.5 0.5 0.2 0.2", "class 0.5"),
        ("-1 0.5 0.5 0.2 0.2", "class -1"),
        ("0 20 10 5 5", "are these pixels?"),
        ("2 0.5 0.5 0.2 0.2", "only 0 to 1 have names"),
        ("0 0.9 0.5 0.5 0.2", "reaches 6 pixels outside"),
        ("0 0.5 0.5 0 0.2", "no area"),
    ],
)
def test_wrong_lines_are_problems_with_file_and_line(tmp_path: Path, line: str, words: str) -> None:
    one(tmp_path, f"0 0.5 0.5 0.2 0.2\n{line}\n")
    images, heard = read(tmp_path)
    assert len(heard.problems) == 1
    assert words in heard.problems[0][1]
    assert heard.problems[0][1].startswith(f"{tmp_path}/labels/1.txt:2: ")
    assert len(images["1.jpg"].objects) == 1


def test_whole_classes_and_key_points() -> None:
    assert read_line("3.0 0.5 0.5 0.1 0.1") == YoloLine(3, (0.5, 0.5, 0.1, 0.1))
    assert read_line("3 0.5 0.5 0.1 0.1 0.4 0.4 2 0 0 0", keypoints=6) == YoloLine(3, (0.5, 0.5, 0.1, 0.1))


def test_background_images_are_noted(tmp_path: Path) -> None:
    one(tmp_path, "0 0.5 0.5 0.2 0.2")
    one(tmp_path, "\n", name="empty")
    write_image(tmp_path / "images" / "bare.jpg", SIZE)
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [name for name, image in images.items() if not image.objects] == ["bare.jpg", "empty.jpg"]
    assert "empty.txt" in heard.noted("empty labels")
    assert "bare.jpg" in heard.noted("no annotation")


def test_labels_without_image_and_other_text_files(tmp_path: Path) -> None:
    one(tmp_path, "0 0.5 0.5 0.2 0.2")
    write_text(tmp_path / "labels" / "gone.txt", "0 0.5 0.5 0.2 0.2")
    write_text(tmp_path / "README.dataset.txt", "made by me\n")
    write_text(tmp_path / "todo.txt", "more cats\n")
    write_text(tmp_path / "labels" / "utf16.txt", "0 0.5 0.5 0.2 0.2".encode("utf-16"))
    write_image(tmp_path / "images" / "utf16.jpg", SIZE)
    _, heard = read(tmp_path)
    assert heard.kinds() == ["missing image", "unreadable annotation"]
    assert "todo.txt" in heard.noted("other file")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("train/images/1.jpg", "train/labels/1.txt"),
        ("images/train/1.jpg", "labels/train/1.txt"),
        ("train/1.jpg", "train/1.txt"),
        ("data/images/train2017/1.jpg", "data/labels/train2017/1.txt"),
    ],
)
def test_layouts_with_splits_and_equal_names(tmp_path: Path, image: str, label: str) -> None:
    for number, split in enumerate(("train", "val", "test")):
        write_image(tmp_path / image.replace("train", split), SIZE)
        write_text(tmp_path / label.replace("train", split), f"{number} 0.5 0.5 0.2 0.2")
    write_text(tmp_path / "data.yaml", "train: ../train/images\nnc: 3\nnames: ['train', 'val', 'test']\n")
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert len(images) == 3
    assert all(found.split == found.objects[0].category for found in images.values())


def test_the_layout_of_darknet(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_image(tmp_path / "obj_train_data" / f"{name}.jpg", SIZE)
        write_text(tmp_path / "obj_train_data" / f"{name}.txt", "0 0.5 0.5 0.2 0.2")
    write_text(tmp_path / "obj.names", "cat\n")
    write_text(tmp_path / "obj.data", "classes = 1\nnames = data/obj.names\n")
    write_text(tmp_path / "train.txt", "data/obj_train_data/1.jpg\n")
    write_text(tmp_path / "valid.txt", "data/obj_train_data/2.jpg\n")
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [image.split for image in images.values()] == ["train", "val"]


def test_names_of_classes(tmp_path: Path) -> None:
    one(tmp_path, "1 0.5 0.5 0.2 0.2")
    write_text(tmp_path / "my.yaml", "names:\n  0: a\n  1: 2\n")
    assert read(tmp_path)[0]["1.jpg"].objects[0].category == "2"
    assert read(tmp_path, classes=("x", "y"))[0]["1.jpg"].objects[0].category == "y"
    assert read(tmp_path, classes="classes.txt")[0]["1.jpg"].objects[0].category == "Great Dane"
    assert read(tmp_path / "my.yaml")[0]["1.jpg"].objects[0].category == "2"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("data.yaml", "names: [a, b\n", r"data.yaml:2: not YAML"),
        ("data.yaml", "names: {0: a, 2: b}\n", "should number the classes 0 to 1"),
        ("data.yaml", "names: [[a], b]\n", "should be a list of texts"),
        ("data.yaml", "names: !!python/object:os.system [a]\n", "not YAML"),
        ("classes.txt", "a\n\nb\n", r"classes.txt:2: an empty line"),
        ("labels/classes.txt", "a\n", "other classes than in"),
    ],
)
def test_wrong_names_of_classes_are_an_error(tmp_path: Path, file: str, content: str, words: str) -> None:
    one(tmp_path, "1 0.5 0.5 0.2 0.2")
    write_text(tmp_path / file, content)
    with pytest.raises(DataError, match=words):
        read(tmp_path, "yolo")


def test_labels_without_names_of_classes_are_an_error(tmp_path: Path) -> None:
    one(tmp_path, "1 0.5 0.5 0.2 0.2")
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(DataError, match="option 'classes'"):
        read(tmp_path)


def test_corners_in_the_place_of_middle_and_size_are_recognised(tmp_path: Path) -> None:
    one(tmp_path, "0 0.5 0.6 0.9 0.95\n0 0.3 0.6 0.9 0.95\n0 0.1 0.1 0.2 0.2\n")
    _, heard = read(tmp_path)
    assert heard.problems[0][0] == "other box format"
    assert "look like corners (x0, y0, x1, y1), not (x centre, y centre, width, height)" in heard.problems[0][1]
    assert "other box format" not in read(tmp_path, check_form=False)[1].kinds()
