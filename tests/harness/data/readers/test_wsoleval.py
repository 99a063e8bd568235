"""Benchmarks in the wsoleval layout: their content and errors, and that the boxes of train are never read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wsol
from tests.support.data_sets import SIZE, Boxes, Masks, edit, ids, write_data, write_image, write_masks
from tests.support.views import open_trial
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.protocols import get_protocol


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def benchmark(root: Path, cls: type[Boxes] = Boxes) -> Boxes:
    return cls(wsol.BenchmarkOptions(root=str(root)))


def test_images_labels_and_boxes(root: Path) -> None:
    images = benchmark(root).images("val")
    assert images.ids == ids("val")
    assert images.labels.tolist() == [0, 1]
    assert images.load(1).shape == (SIZE[1], SIZE[0], 3)
    annotations = benchmark(root).annotations("val")
    assert annotations.sizes.tolist() == [list(SIZE)] * 2
    assert annotations.boxes[1].tolist() == [[1, 2, 10, 10]]
    assert annotations.masks is None


def test_class_names_come_from_folders(root: Path) -> None:
    assert benchmark(root).class_names() == ["001.Robin", "002.Wren"]


def test_classes_are_numbered_without_class_folders(root: Path) -> None:
    path = root / "metadata" / "train" / "class_labels.txt"
    edit(path, 1, path.read_text().splitlines()[0].replace(",0", ",1"))
    assert benchmark(root).class_names() == ["0", "1"]


def test_images_may_be_in_the_root_and_splits_in_the_public_folder(root: Path) -> None:
    class Public(Boxes):
        """With the public name."""

        upstream = "BOXES"

    for folder in list((root / "images").iterdir()):
        shutil.move(folder, root / folder.name)
    (root / "images").rmdir()
    shutil.move(root / "metadata", root / "moved")
    (root / "metadata").mkdir()
    shutil.move(root / "moved", root / "metadata" / "BOXES")
    assert benchmark(root, Public).images("test").load(0).shape == (SIZE[1], SIZE[0], 3)


def test_train_has_no_annotations_and_its_file_is_never_opened(root: Path, tmp_path: Path) -> None:
    data = benchmark(root)  # train/localization.txt is a folder here
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        data.annotations("train")
    open_trial(data, get_protocol("wsoleval-v2"), ImageCache(tmp_path / "cache"))
    data.class_names()
    assert check(data).problems == []


def test_images_need_no_annotation_file(root: Path) -> None:
    for split in ("val", "test"):
        (root / "metadata" / split / "localization.txt").unlink()
        (root / "metadata" / split / "image_sizes.txt").unlink()
    assert len(benchmark(root).images("test")) == 2


def test_a_label_absent_from_train_is_an_error(root: Path) -> None:
    edit(root / "metadata" / "val" / "class_labels.txt", 1, f"{ids('val')[0]},2")
    with pytest.raises(wsol.DataError, match=r"val/class_labels.txt:1: class 2 is out of range; classes are 0 to 1"):
        benchmark(root).images("val")


def test_missing_images_are_named_and_counted(root: Path) -> None:
    for name in ids("train")[1:3]:
        (root / "images" / name).unlink()
    with pytest.raises(wsol.DataError, match=r"train_1.png: no such image \(and 1 more of 4\)"):
        benchmark(root).images("train")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "a/../../secret.png"])
def test_an_id_outside_the_root_is_an_error(root: Path, name: str) -> None:
    edit(root / "metadata" / "test" / "image_ids.txt", 1, name)
    edit(root / "metadata" / "test" / "class_labels.txt", 1, f"{name},0")
    with pytest.raises(wsol.DataError, match="leads out of the data folder"):
        benchmark(root).images("test")


def test_the_root_comes_from_the_option_or_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSOL_DATA", raising=False)
    with pytest.raises(wsol.DataError, match="no data folder; set the benchmark's option 'root', or WSOL_DATA"):
        Boxes().images("val")
    monkeypatch.setenv("WSOL_DATA", str(root.parent))
    with pytest.raises(wsol.DataError, match=r"boxes: no folder 'metadata' there; 'wsol data info boxes'"):
        Boxes().images("val")
    root.rename(root.parent / "boxes")
    assert len(Boxes().images("val")) == 2


def test_the_fingerprint_depends_on_the_content_and_the_stamp_on_the_files(root: Path, tmp_path: Path) -> None:
    first = benchmark(root).images("val")
    copy = shutil.copytree(root, tmp_path / "copy")
    second = benchmark(copy).images("val")
    assert second.fingerprint == first.fingerprint
    assert second.stamp != first.stamp
    changed = copy / "images" / ids("val")[0]
    os.utime(changed, ns=(1, 1))
    third = benchmark(copy).images("val")
    assert (third.fingerprint == first.fingerprint, third.stamp == second.stamp) == (True, False)
    write_image(changed, seed=0, size=(30, 30))
    assert benchmark(copy).images("val").fingerprint != first.fingerprint


def test_masks_of_one_size_are_joined_and_others_keep_theirs(tmp_path: Path) -> None:
    annotations = benchmark(write_masks(tmp_path), Masks).annotations("val")
    (a, b), ignore = annotations.masks(0)
    expected = np.zeros((SIZE[1], SIZE[0]), dtype=bool)
    expected[2:6, 2:6] = True
    assert np.array_equal(a, expected)
    assert b.shape == (2 * SIZE[1], 2 * SIZE[0])
    assert np.argwhere(ignore).tolist() == [[y, x] for y in range(2, 6) for x in range(15, 19)]
    joined, nothing = annotations.masks(1)
    assert (joined.shape, nothing) == ((SIZE[1], SIZE[0]), None)
    assert annotations.sizes.tolist() == [list(SIZE)] * 2
    assert annotations.boxes is None


def test_a_missing_mask_is_named(tmp_path: Path) -> None:
    root = write_masks(tmp_path)
    (root / "masks" / "val" / "a.png").unlink()
    with pytest.raises(wsol.DataError, match=r"a.png: no such image"):
        benchmark(root, Masks).annotations("val")
    (root / "masks" / "test" / "ignore.png").write_bytes(b"")
    with pytest.raises(wsol.DataError, match=r"ignore.png: not a readable image"):
        benchmark(root, Masks).annotations("test").masks(0)


def test_check_reports_all_problems(root: Path) -> None:
    test = root / "metadata" / "test"
    edit(test / "class_labels.txt", 2, f"{ids('test')[1]},x")
    edit(test / "localization.txt", 1, f"{ids('test')[0]},9,9,1,1")
    write_image(root / "images" / ids("val")[0], seed=1, size=(5, 5))
    (root / "images" / ids("val")[1]).write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "images" / ids("train")[0]).unlink()
    report = check(benchmark(root))
    assert report.counts() == {
        "unreadable image": 2,
        "wrong size": 1,
        "bad line": 1,
        "bad box": 1,
    }
    assert [len(part.problems) for part in report.splits] == [1, 2, 2]
    messages = "\n".join(problem.message for problem in report.problems)
    assert "'001.Robin/val_0.png': 20 x 12 by the metadata, 5 x 5 in the file" in messages
    assert "test/class_labels.txt:2: 'x' should be whole numbers" in messages


def test_check_finds_leaks_and_empty_classes(root: Path) -> None:
    train = root / "metadata" / "train"
    leaked = ids("test")[1]
    edit(train / "image_ids.txt", 5, leaked)
    edit(train / "image_sizes.txt", 5, f"{leaked},20,12")
    edit(train / "class_labels.txt", 5, f"{leaked},4")
    assert [problem.message for problem in check(benchmark(root)).problems] == [
        "class 2 ('2') has no image in train",
        "class 3 ('3') has no image in train",
        f"'{leaked}' is in train and in test",
    ]


def test_check_reads_masks(tmp_path: Path) -> None:
    root = write_masks(tmp_path)
    assert check(benchmark(root, Masks)).problems == []
    Image.fromarray(np.zeros((12, 20), dtype=np.uint8)).save(root / "masks" / "val" / "c.png")
    (root / "masks" / "val" / "b.png").write_bytes(b"")
    (root / "masks" / "test" / "c.png").unlink()
    report = check(benchmark(root, Masks))
    assert report.counts() == {"unreadable mask": 2, "empty mask": 1}


def test_check_reports_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    report = check(benchmark(tmp_path))
    assert {problem.kind for problem in report.problems} <= {"cannot be read", "missing file", "empty split"}
    assert all(part.problems for part in report.splits)


def test_check_reports_its_progress(root: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    check(benchmark(root), ["val"], lambda *call: calls.append(call))
    assert calls == [("val", 1, 2), ("val", 2, 2)]


def test_exchanged_sides_and_classes_from_one_get_a_hint(root: Path) -> None:
    val, train = root / "metadata" / "val", root / "metadata" / "train"
    edit(val / "image_sizes.txt", 1, f"{ids('val')[0]},12,20")
    for split in (val, train, root / "metadata" / "test"):
        lines = (split / "class_labels.txt").read_text().splitlines()
        shifted = [f"{name},{int(label) + 1}" for name, label in (line.rsplit(",", 1) for line in lines)]
        (split / "class_labels.txt").write_text("\n".join(shifted))
    messages = [problem.message for problem in check(benchmark(root)).problems]
    assert messages[0] == "class 0 ('0') has no image in train; classes count from 0"
    assert messages[1].endswith("in the file; the order is width, height, and EXIF rotation is not applied")
