"""Messy folders of images: nothing is dropped unnoticed, and every problem is one line, reported once."""

from __future__ import annotations

import os
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wsol
from tests.support.official_layouts import write_image, write_mask
from wsol.data.checking.check import check
from wsol_folder import Folder
from wsol_folder import images as images_module

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
UNIT, HEADER = "# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1"
SIZE = (30, 20)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes with two images in each split; boxes of val and test."""
    root = tmp_path / "data"
    for place, (split, name) in enumerate([(s, n) for s in ("train", "val", "test") for n in ("ant", "bee")]):
        for index in range(2):
            write_image(root / split / name / f"{index}.png", SIZE, seed=10 * place + index)
    for split in ("val", "test"):
        lines = [f"{name}/{index}.png,{index + 1},2,9,11" for name in ("ant", "bee") for index in range(2)]
        (root / f"{split}.csv").write_text("\n".join([UNIT, HEADER, *lines]))
    return root


def folder(root: Path) -> Folder:
    return Folder(Folder.Options(root=str(root)))


def found(root: Path, split: wsol.Split = "train", *, notes: bool = False) -> list[tuple[str, str]]:
    report = check(folder(root), [split])
    lines = [(line.kind, line.message) for line in (report.notes if notes else report.problems)]
    assert all("\n" not in message for _, message in lines)
    return [(kind, message.replace(str(root), "ROOT")) for kind, message in lines]


def add(content: bytes = b"not an image") -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content)


def add_image(path: Path) -> None:
    """A PNG file under any name."""
    write_image(path.parent / "new.png", SIZE, seed=99)
    (path.parent / "new.png").rename(path)


def add_folder(path: Path) -> None:
    path.mkdir()


def add_folder_with_image(path: Path) -> None:
    write_image(path / "1.png", SIZE, seed=98)


def add_socket(path: Path) -> None:
    """A socket; it is bound from its folder, because paths of sockets are short."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


CONVERT = "an image of a kind that is not read; convert it, for example to PNG"
OUTSIDE = "a folder inside a class; images belong directly in the class folder"
UNKNOWN = "train has no folder 'wasp'; classes are the folders of train"
PROBLEMS: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("train/ant/x.heic", add(), "unsupported image", f": {CONVERT}"),
    ("train/ant/x.CR2", add(b"II*\0"), "unsupported image", f": {CONVERT}"),
    ("train/ant/x.svg", add(b"<svg/>"), "unsupported image", f": {CONVERT}"),
    ("train/ant/x", add(b"\0\0\0\x18ftypheic"), "unsupported image", f": {CONVERT}"),
    (
        "train/ant/x.jpg",
        lambda path: path.symlink_to("gone"),
        "unreadable file",
        ": a link to 'gone', which is not there",
    ),
    (
        "train/ant/loop.png",
        lambda path: path.symlink_to("loop.png"),
        "unreadable file",
        ": a link that leads to itself",
    ),
    ("train/ant/pipe.png", os.mkfifo, "unreadable file", ": not a file, but a pipe, a socket or a device"),
    ("train/ant/socket.png", add_socket, "unreadable file", ": not a file, but a pipe, a socket or a device"),
    ("train/ant/deep.jpg", add_folder_with_image, "folder in a class", f": {OUTSIDE} (1 image in it)"),
    ("train/x.jpg", add_image, "image without class", ": an image outside the class folders"),
    ("train/x", add_image, "image without class", ": an image outside the class folders"),
    ("train/none", add_folder, "empty class", "class 2 ('none') has no image in train"),
    ("val/wasp", add_folder_with_image, "unknown class", f": {UNKNOWN} (1 image in it)"),
    (
        "train/ant/x.png ",
        add_image,
        "bad name",
        ": its name begins or ends with a space, which box files lose; rename it",
    ),
    (
        "train/ant/a\nb.png",
        add_image,
        "bad name",
        ": its name contains a line break or another control character; rename",
    ),
    ("train/ant/\udce9.png", add_image, "bad name", ": its name is not UTF-8; rename it"),
    ("train/\udce9", add_folder_with_image, "bad name", ": its name is not UTF-8; rename it (1 image in it)"),
    ("train/ fly", add_folder_with_image, "bad name", ": its name begins or ends with a space, which box files lose;"),
    ("train/ant/empty.jpg", add(b""), "unreadable image", ": not a readable image"),
    ("train/ant/text.jpg", add(), "unreadable image", ": not a readable image"),
    ("train/ant/cut.txt", add(b"\x89PNG\r\n\x1a\n"), "unreadable image", ": not a readable image"),
]


@pytest.mark.parametrize(("name", "make", "kind", "message"), PROBLEMS)
def test_a_problem_is_one_line_and_the_rest_is_checked(
    root: Path, name: str, make: Callable[[Path], object], kind: str, message: str
) -> None:
    make(root / name)
    split: wsol.Split = "val" if name.startswith("val") else "train"
    ((found_kind, line),) = found(root, split)
    assert found_kind == kind
    assert message in line
    assert line.startswith(("ROOT/" + wsol.shown(name), "class 2"))
    assert folder(root).examine(split, wsol.ignore_problem)[0].ids[:2] == [f"{split}/ant/0.png", f"{split}/ant/1.png"]
    if kind not in ("unreadable image", "empty class"):
        with pytest.raises(wsol.DataError, match=r"^[^\n]*$"):
            folder(root).images(split)


NOTES: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("train/ant/a.txt", add(), "other files", "1 file with the ending '.txt' left out, not images: ant/a.txt"),
    ("train/ant/a", add(b""), "other files", "1 file without an ending left out, not images: ant/a"),
    ("train/a\x1b.md", add(), "other files", "1 file with the ending '.md' left out, not images: a\\x1b.md"),
    ("train/ant/movie.mpg", add(), "other files", "with the ending '.mpg' left out, not images: ant/movie.mpg"),
    ("train/ant/x.jpg", add_folder, "folder in a class", f": {OUTSIDE} (no image in it)"),
    ("val/wasp", add_folder, "unknown class", f": {UNKNOWN} (no image in it)"),
]


@pytest.mark.parametrize(("name", "make", "kind", "message"), NOTES)
def test_what_is_left_out_and_no_image_is_a_note(
    root: Path, name: str, make: Callable[[Path], object], kind: str, message: str
) -> None:
    make(root / name)
    split: wsol.Split = "val" if name.startswith("val") else "train"
    ((found_kind, line),) = found(root, split, notes=True)
    assert (found_kind, found(root, split)) == (kind, [])
    assert message in line
    assert len(folder(root).images(split)) == 4


def test_other_files_are_counted_by_their_ending(root: Path) -> None:
    for index in range(5):
        (root / "val" / "ant" / f"{index}.xml").write_text("<a/>")
    (root / "val" / "bee" / "0.JSON").write_text("{}")
    assert [line for _, line in found(root, "val", notes=True)] == [
        "ROOT/val: 5 files with the ending '.xml' left out, not images: ant/0.xml, ant/1.xml, ant/2.xml and 2 more",
        "ROOT/val: 1 file with the ending '.json' left out, not images: bee/0.JSON",
    ]


@pytest.mark.parametrize("name", [".DS_Store", "._0.png", ".hidden.jpg", "Thumbs.db", "DESKTOP.INI", "__MACOSX/1.jpg"])
def test_hidden_files_are_left_out_silently(root: Path, name: str) -> None:
    for place in ("train", "train/ant"):
        (root / place / name).parent.mkdir(exist_ok=True)
        (root / place / name).write_bytes(b"x")
    assert found(root) == found(root, notes=True) == []
    assert len(folder(root).images("train")) == 4


@pytest.mark.parametrize(
    "name", ["x.gif", "x.JPEG", "x", "x.photo", "x.jfif", "x.txt", " x.png", 'a, "b".png', "x#ant.png"]
)
def test_files_with_other_endings_and_odd_names_are_read(root: Path, name: str) -> None:
    add_image(root / "train" / "ant" / name)
    assert found(root) == found(root, notes=True) == []
    assert f"train/ant/{name}" in folder(root).images("train").ids


@pytest.mark.parametrize(("saved", "ending"), [("PPM", ".ppm"), ("GIF", ".gif"), ("TGA", ".tga"), ("PNG", ".jpg")])
def test_formats_that_pillow_reads_are_read(root: Path, saved: str, ending: str) -> None:
    Image.fromarray(np.full((20, 30, 3), 7, dtype=np.uint8)).save(root / "train" / "ant" / f"z{ending}", format=saved)
    images = folder(root).images("train")
    assert images.load(list(images.ids).index(f"train/ant/z{ending}")).tolist() == np.full((20, 30, 3), 7).tolist()


def test_all_problems_are_in_one_report(root: Path) -> None:
    for name, make, _, _ in PROBLEMS:
        path = root / name
        if not os.path.lexists(path):
            make(path)
    kinds = {kind for _, _, kind, _ in PROBLEMS}
    report = check(folder(root))
    assert kinds <= set(report.counts())
    assert [part.images for part in report.splits][1:] == [4, 4]


def test_boxes_and_masks_of_a_reported_image_are_not_reported_again(root: Path) -> None:
    for name in ("ant/0.png", "bee/0.png", "bee/1.png"):
        (root / "val" / name).unlink()
    (root / "val" / "ant" / "0.png").symlink_to("gone")
    (root / "val" / "bee").rename(root / "val" / "wasp")
    with (root / "val.csv").open("a") as file:
        file.write("\nwasp/0.png,1,2,3,4")
    add_image(root / "val" / "wasp" / "0.png")
    assert [kind for kind, _ in found(root, "val")] == ["unreadable file", "unknown class", "unknown id", "unknown id"]
    for split in ("val", "test"):
        (root / f"{split}.csv").unlink()
        write_mask(root / f"{split}_masks" / "ant" / "0.png", SIZE, (1, 1, 9, 9))
        write_mask(root / f"{split}_masks" / "ant" / "1.png", SIZE, (1, 1, 9, 9))
    assert [kind for kind, _ in found(root, "val")] == ["unreadable file", "unknown class"]


def test_boxes_of_an_image_next_to_a_reported_file_of_its_name_are_read(root: Path) -> None:
    (root / "val" / "ant" / "0.heic").write_bytes(b"x")
    assert [kind for kind, _ in found(root, "val")] == ["unsupported image"]
    assert [len(boxes) for boxes in folder(root).examine("val", wsol.ignore_problem)[1].boxes] == [1] * 4


def test_an_unreadable_folder_does_not_stop_the_check(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "ant" and Path(path).parent.name == "val":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("wsol_folder.entries.os.scandir", scandir)
    report = check(folder(root))
    assert [problem.message for problem in report.problems] == [f"{root}/val/ant: cannot be read: Permission denied"]
    assert [part.images for part in report.splits] == [4, 2, 4]


def test_a_file_that_cannot_be_opened_or_vanishes_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.txt", "b.txt"):
        (root / "train" / "ant" / name).write_text("x")

    def image_kind(path: str) -> str:
        if path.endswith("a.txt"):
            raise PermissionError(13, "Permission denied")
        if path.endswith("b.txt"):
            raise FileNotFoundError(2, "No such file or directory")
        return "image"

    monkeypatch.setattr(images_module.wsol, "image_kind", image_kind)
    assert found(root) == [
        ("unreadable file", "ROOT/train/ant/a.txt: cannot be read: Permission denied"),
        ("unreadable file", "ROOT/train/ant/b.txt: cannot be read: No such file or directory"),
    ]


@pytest.mark.parametrize("names", [("Ant",), ("café", NFD), ("ant ",)])
def test_classes_with_nearly_the_same_name_are_a_problem(root: Path, names: tuple[str, ...]) -> None:
    for name in names:
        add_folder_with_image(root / "train" / name)
        (root / "train" / name / "1.png").write_bytes(b"x")
    similar = [line for kind, line in found(root) if kind == "similar classes"]
    assert len(similar) == 1
    assert similar[0].endswith("differ only in upper and lower case, spaces or Unicode form; rename or merge them")


def test_a_class_in_another_unicode_form_is_the_same_class(root: Path) -> None:
    write_image(root / "train" / NFC / "0.png", SIZE, seed=50)
    write_image(root / "val" / NFD / "0.png", SIZE, seed=51)
    with (root / "val.csv").open("a") as file:
        file.write(f"\n{NFC}/0.png,1,2,9,11")
    assert found(root, "val") == []
    notes = [line for kind, line in found(root, "val", notes=True) if kind == "other Unicode form"]
    assert [line.partition(": ")[0] for line in notes] == ["ROOT/val", "ROOT/val.csv"]
    assert notes[1] == (
        "ROOT/val.csv: 1 name is stored in another Unicode form than the files, and matched: "
        "'caf\\xe9/0.png': 'cafe\\u0301/0.png'"
    )
    assert folder(root).images("val").labels.tolist() == [0, 0, 1, 1, 2]
    assert [len(boxes) for boxes in folder(root).annotations("val").boxes] == [1] * 5


def test_names_that_match_two_files_are_refused(root: Path) -> None:
    """Two files whose names look the same are matched exactly, and by nothing else."""
    dotted = "q\u0307\u0323"  # its NFC form has the marks in the other order
    (first, second) = {dotted, unicodedata.normalize("NFC", dotted)}
    for index, name in enumerate((first, second)):
        write_image(root / "val" / "ant" / f"{name}e\u0301.png", SIZE, seed=60 + index)
    with (root / "val.csv").open("a") as file:
        file.write(f"\nant/{first}\u00e9.png,1,2,9,11")
    messages = [line for kind, line in found(root, "val") if kind == "unknown id"]
    assert len(messages) == 1
    assert "; 2 files have this name in other Unicode forms: 'ant/q" in messages[0]


NEAR = [
    ("val/ant/0.png", "did you mean 'ant/0.png' (without 'val/')?"),
    ("./ant/0.png", "did you mean 'ant/0.png' (without './')?"),
    ("/data/val/ant/0.png", "did you mean 'ant/0.png' (without '/data/val/')?"),
    ("ant\\0.png", "did you mean 'ant/0.png' (with '/' between folders)?"),
    ("Ant/0.PNG", "did you mean 'ant/0.png' (upper and lower case differ)?"),
    ("ant/0", "did you mean 'ant/0.png' (the ending differs)?"),
    ("ant/0.jpg", "did you mean 'ant/0.png' (the ending differs)?"),
    ("0.png", "2 files have nearly this name, such as 'ant/0.png'"),
]


@pytest.mark.parametrize(("name", "hint"), NEAR)
def test_a_near_miss_is_one_line_with_a_hint(root: Path, name: str, hint: str) -> None:
    lines = (root / "val.csv").read_text().splitlines()
    (root / "val.csv").write_text("\n".join([*lines[:2], f"{name},1,2,9,11", *lines[3:]]))
    first, *more = found(root, "val")
    assert first == ("unknown id", f"ROOT/val.csv:3: there is no image '{name}'; {hint}")
    assert len(more) == (1 if name == "0.png" else 0)  # which image is meant is not known, so that one lacks a line


def test_a_class_that_a_split_lacks_is_a_note(root: Path) -> None:
    write_image(root / "train" / "cow" / "0.png", SIZE, seed=70)
    (root / "val" / "cow").mkdir()
    for split in ("val", "test"):
        note = ("class without images", f"ROOT/{split}: 1 of 3 classes have no image: cow")
        assert note in found(root, split, notes=True)
    assert found(root, "val") == []


@pytest.mark.parametrize(("name", "hint"), [("Val", True), ("validation", True), ("valid", True), ("other", False)])
def test_a_missing_split_names_a_folder_that_may_be_meant(root: Path, name: str, hint: bool) -> None:
    (root / "val").rename(root / name)
    ((kind, line),) = found(root, "val")
    assert (kind, line.startswith("ROOT/val: no such folder; ")) == ("cannot be read", True)
    assert line.endswith(f"; is it '{name}'? Then rename it") is hint


def test_val_is_checked_without_train_and_the_reason_is_reported_once(root: Path) -> None:
    (root / "train").rename(root / "later")
    (root / "val" / "ant" / "0.png").write_bytes(b"")
    report = check(folder(root))
    assert [part.images for part in report.splits] == [0, 4, 4]
    assert report.counts() == {"cannot be read": 1, "unreadable image": 1}


def test_images_are_checked_without_annotations(root: Path) -> None:
    (root / "val.csv").unlink()
    (root / "val" / "ant" / "0.png").write_bytes(b"")
    assert [kind for kind, _ in found(root, "val")] == ["cannot be read", "unreadable image"]


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ([UNIT, "image_id;x0;y0;x1;y1"], "val.csv:2: its cells are separated by ';'; separate them by commas"),
        ([UNIT, "image_id\tx0\ty0\tx1\ty1"], "val.csv:2: its cells are separated by tabs; separate them by commas"),
        ([UNIT, "image_id,x,y,w,h"], "not 'image_id,x,y,w,h'; convert width and height: x1 = x0 + width - 1"),
        ([UNIT, "image_id,xmin,ymin,xmax,ymax"], "must be the header 'image_id,x0,y0,x1,y1', not 'image_id,xmin,"),
        ([HEADER], "val.csv:1: the unit of the boxes is not stated; add as first line"),
    ],
)
def test_other_kinds_of_tables_are_refused_with_a_hint(root: Path, first: list[str], message: str) -> None:
    (root / "val.csv").write_text("\n".join([*first, "ant/0.png,1,2,9,11"]))
    ((kind, line),) = found(root, "val")
    assert kind == "unreadable boxes"
    assert message in line


@pytest.mark.parametrize(
    ("name", "make", "hint"),
    [
        ("val.csv", add_folder, "; 'val.csv' is not a file"),
        ("val.csv", lambda path: path.symlink_to("gone"), "; 'val.csv' is a link to 'gone', which is not there"),
        ("val.csv", os.mkfifo, "; 'val.csv' is not a file, but a pipe, a socket or a device"),
        ("VAL.csv", add(), "; is it 'VAL.csv'? Then rename it"),
        ("val_masks", add(), "; 'val_masks' is not a folder"),
        ("Val_Masks", add_folder, "; is it 'Val_Masks'? Then rename it"),
        ("boxes.csv", add(), " is there"),
    ],
)
def test_missing_annotations_name_a_file_that_may_be_meant(
    root: Path, name: str, make: Callable[[Path], object], hint: str
) -> None:
    (root / "val.csv").unlink()
    make(root / name)
    ((kind, line),) = found(root, "val")
    assert kind == "cannot be read"
    assert line == f"ROOT: neither val.csv (boxes) nor val_masks (masks) is there{hint.removeprefix(' is there')}"


def test_each_mask_that_cannot_be_read_is_one_line(root: Path) -> None:
    for split in ("val", "test"):
        (root / f"{split}.csv").unlink()
        for name in ("ant/0", "ant/1", "bee/0", "bee/1"):
            write_mask(root / f"{split}_masks" / f"{name}.png", SIZE, (1, 1, 9, 9))
    masks = root / "val_masks"
    for name in ("ant/0", "ant/1", "bee/0"):
        (masks / f"{name}.png").unlink()
    (masks / "ant" / "0.png").symlink_to("gone")
    (masks / "ant" / "1.heic").write_bytes(b"x")
    (masks / "bee" / "1.png").write_bytes(b"")
    assert sorted((kind, line.partition(":")[0]) for kind, line in found(root, "val")) == [
        ("missing mask", "ROOT/val_masks/bee/0.png"),
        ("unreadable file", "ROOT/val_masks/ant/0.png"),
        ("unreadable mask", "ROOT/val_masks/bee/1.png"),
        ("unsupported image", "ROOT/val_masks/ant/1.heic"),
    ]


@pytest.mark.parametrize("place", ["", "train", "val"])
def test_a_file_in_the_place_of_a_folder_is_named(root: Path, place: str) -> None:
    (root / place).rename(root.parent / "moved")
    (root / place).write_text("x")
    split: wsol.Split = "train" if place == "train" else "val"
    assert found(root, split)[0] == ("cannot be read", f"{f'ROOT/{place}'.rstrip('/')}: not a folder")


def test_images_without_class_folders_are_counted(root: Path) -> None:
    for path in [*root.glob("train/*/*.png")]:
        path.rename(root / "train" / f"{path.parent.name}{path.name}")
    for name in ("ant", "bee"):
        (root / "train" / name).rmdir()
    assert found(root) == [
        (
            "cannot be read",
            "ROOT/train: no folder in it; every class needs one with its images; 4 images are below it, in none of "
            "these folders",
        )
    ]


def test_a_link_to_the_data_set_itself_is_not_followed(root: Path) -> None:
    (root / "train" / "loop").symlink_to("..")
    assert found(root) == [("unreadable file", "ROOT/train/loop: a link to a folder that contains it")]
