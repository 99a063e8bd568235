"""Lists of images compared with the files on disk, by checks of all readers."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import wsol
from tests.support.data_sets import SIZE, Boxes, Masks, edit, ids, write_data, write_image, write_masks
from wsol.data.checking.check import check

NFC, NFD = (unicodedata.normalize(form, "001.Robin/é.png") for form in ("NFC", "NFD"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def benchmark(root: Path, cls: type[Boxes] = Boxes) -> Boxes:
    return cls(wsol.BenchmarkOptions(root=str(root)))


def found(root: Path, *, notes: bool = False, cls: type[Boxes] = Boxes) -> list[tuple[str, str]]:
    report = check(benchmark(root, cls))
    lines = report.notes if notes else report.problems
    return [(line.kind, line.message.replace(str(root), "ROOT")) for line in lines if "copies" not in line.kind]


def rename_in_lists(folder: Path, old: str, new: str) -> None:
    for name in ("image_ids.txt", "class_labels.txt", "image_sizes.txt", "localization.txt"):
        if (folder / name).is_file():
            (folder / name).write_text((folder / name).read_text().replace(old, new))


@pytest.mark.parametrize(("listed", "stored"), [(NFC, NFD), (NFD, NFC)])
def test_files_in_another_unicode_form_are_found(root: Path, listed: str, stored: str) -> None:
    rename_in_lists(root / "metadata" / "val", ids("val")[0], listed)
    (root / "images" / ids("val")[0]).rename(root / "images" / stored)
    assert found(root) == []
    text = "1 name is stored in another Unicode form than the files, and matched"
    assert ("other Unicode form", f"ROOT/metadata/val: {text}") in found(root, notes=True)
    assert benchmark(root).images("val").load(0).shape == (SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize(
    ("stored", "hint"),
    [
        ("001.Robin/val_0.PNG", "; did you mean 'val_0.PNG' (upper and lower case differ)?"),
        ("001.Robin/val_0.jpg", "; did you mean 'val_0.jpg' (the ending differs)?"),
        ("001.robin/val_0.png", "; did you mean '001.robin' (upper and lower case differ)?"),
        ("val_0.png", "; did you mean 'ROOT/images/val_0.png'?"),
        ("001.Robin/other.png", ""),
    ],
)
def test_a_missing_image_is_one_line_with_a_hint(root: Path, stored: str, hint: str) -> None:
    if stored.startswith("001.robin"):
        (root / "images" / "001.Robin").rename(root / "images" / "001.robin")
    else:
        (root / "images" / ids("val")[0]).rename(root / "images" / stored)
    line = ("unreadable image", f"ROOT/images/{ids('val')[0]}: no such image{hint}")
    assert [problem for problem in found(root) if "val_0" in problem[1]] == [line]


def test_a_dangling_link_is_one_line(root: Path) -> None:
    path = root / "images" / ids("test")[1]
    path.unlink()
    path.symlink_to("gone")
    text = "no such image; it is a link to a file that is not there"
    assert found(root) == [("unreadable image", f"ROOT/images/{ids('test')[1]}: {text}")]


def test_images_in_no_list_are_counted_and_named(root: Path) -> None:
    for index in range(7):
        write_image(root / "images" / "001.Robin" / f"more{index}.PNG", seed=500 + index)
    write_image(root / "images" / "new" / "0.png", seed=600)
    write_image(root / "images" / "001.Robin" / ".hidden.png", seed=601)
    (root / "images" / "001.Robin" / "notes.txt").write_text("x")
    ((kind, line),) = found(root, notes=True)
    assert (kind, found(root)) == ("unlisted images", [])
    assert line.startswith("8 images are in no list and left out: ROOT/images/001.Robin/more0.PNG, ")
    assert line.endswith("more4.PNG and 3 more")


def test_images_next_to_other_files_are_compared_in_their_own_folders(root: Path) -> None:
    for folder in list((root / "images").iterdir()):
        folder.rename(root / folder.name)
    (root / "images").rmdir()
    write_image(root / "figures" / "0.png", seed=700)
    assert found(root, notes=True) == []
    write_image(root / "001.Robin" / "new.png", seed=701)
    assert found(root, notes=True) == [
        ("unlisted images", "1 image is in no list and left out: ROOT/001.Robin/new.png")
    ]


def test_an_id_outside_the_root_does_not_stop_the_check(root: Path) -> None:
    rename_in_lists(root / "metadata" / "val", ids("val")[0], "../secret.png")
    assert found(root) == [("unreadable image", "ROOT: '../secret.png' leads out of the data folder")]
    assert [part.images for part in check(benchmark(root)).splits] == [4, 2, 2]


def test_a_mask_outside_the_root_does_not_stop_the_check(tmp_path: Path) -> None:
    root = write_masks(tmp_path)
    edit(root / "metadata" / "val" / "localization.txt", 1, f"{ids('val')[0]},../../secret.png,")
    report = check(benchmark(root, Masks))
    assert [problem.message for problem in report.problems] == [
        f"{root}/metadata/val/localization.txt:1: '../../secret.png' leads out of the data folder"
    ]
    assert [part.images for part in report.splits] == [4, 2, 2]


def test_val_is_checked_although_train_cannot_be_listed(root: Path) -> None:
    edit(root / "metadata" / "train" / "class_labels.txt", 1, "nonsense")
    (root / "images" / ids("val")[0]).write_bytes(b"")
    report = check(benchmark(root))
    assert [part.images for part in report.splits] == [4, 2, 2]
    kinds = [[problem.kind for problem in part.problems] for part in report.splits]
    assert kinds == [["bad line", "missing line"], ["unreadable image"], []]


class Listed(wsol.FileListBenchmark):
    """Two images a split, listed by numbers."""

    name = "listed"
    landmark = "jpg"
    metrics = ("maxboxaccv2",)
    schedule = wsol.Schedule(1, 1)

    def class_names(self) -> list[str]:
        """Two classes."""
        return ["one", "two"]

    def listing(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageTable:
        """Two images."""
        return wsol.ImageTable([f"jpg/{split}{index}.png" for index in range(2)], np.arange(2))

    def annotate(self, split: wsol.Split, ids: list[str], report: wsol.Report) -> wsol.Annotations:
        """One box an image."""
        return self.boxed(ids, {name: (f"{split}:{i}", self.box) for i, name in enumerate(ids)}, self.root, report)

    box = (1, 2, 5, 6)


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Path]:
    for place, split in enumerate(("train", "val", "test")):
        for index in range(2):
            write_image(tmp_path / "jpg" / f"{split}{index}.png", seed=10 * place + index)
    return tmp_path


def examined(root: Path) -> tuple[list[str], list[str]]:
    report = check(Listed(wsol.BenchmarkOptions(root=str(root))))
    return [p.message for p in report.problems], [p.message for p in report.notes]


def test_benchmarks_with_lists_of_their_own_are_compared_too(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examined(listed) == ([], [])
    write_image(listed / "jpg" / "new.png", seed=90)
    (listed / "jpg" / "val0.png").rename(listed / "jpg" / "VAL0.png")
    problems, notes = examined(listed)
    hint = "did you mean 'VAL0.png' (upper and lower case differ)?"
    assert problems == [f"{listed}/jpg/val0.png: no such image; {hint}"]
    assert notes == [f"2 images are in no list and left out: {listed}/jpg/VAL0.png, {listed}/jpg/new.png"]
    monkeypatch.setattr(Listed, "box", (20, 2, 20, 6))
    text = "box (20, 2, 20, 6) of 'jpg/val1.png' has no pixel inside the image of 20 x 12 pixels"
    assert any(message.endswith(text) for message in examined(listed)[0])


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path.name)])
def test_what_is_no_file_is_one_line(root: Path, make: Callable[[Path], object]) -> None:
    """A pipe must not be opened, which would wait for ever."""
    path = root / "images" / ids("test")[1]
    path.unlink()
    make(path)
    ((kind, line),) = found(root)
    assert (kind, line.startswith(f"ROOT/images/{ids('test')[1]}: not a readable image (")) == (
        "unreadable image",
        True,
    )
