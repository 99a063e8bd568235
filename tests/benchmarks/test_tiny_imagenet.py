"""Tiny-ImageNet: a miniature of its official layout, and a sample of the real files if there is one."""

from __future__ import annotations

import builtins
import io
import os
import random
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import wsol
from tests.support.opened_files import check_annotation_files
from tests.support.paths import SHARED
from tests.support.pictures import cut, write
from tests.support.views import open_trial
from wsol.data.archives import unpack
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.protocols import get_protocol
from wsol_tiny_imagenet import wsol_benchmarks
from wsol_tiny_imagenet.benchmark import TinyImageNet, TinyImageNetOptions

WNIDS = ["n02124075", "n01443537", "n03584254"]
"""Not sorted, as the official file is not."""
PER_CLASS = 12
SIDE = 64


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def spoil(path: Path, line: int, text: str | None) -> None:
    """Replace a line, from 1; None deletes it."""
    lines = path.read_text().splitlines()
    lines[line - 1 : line] = [] if text is None else [text]
    write_lines(path, lines)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    write_lines(root / "wnids.txt", WNIDS)
    write_lines(root / "words.txt", ["n01443537\tgoldfish, Carassius auratus", "n00001740\tentity", "n03584254\tiPod"])
    for label, wnid in enumerate(WNIDS):
        for i in range(PER_CLASS):
            mode = {5: "L", 6: "CMYK"}.get(i, "RGB")
            write(root / f"train/{wnid}/images/{wnid}_{i}.JPEG", 100 * label + i, (SIDE, SIDE), mode, turned=i == 7)
        lines = [f"{wnid}_{i}.JPEG\t{i}\t{label}\t{SIDE - 1}\t{40 + i}" for i in range(PER_CLASS)]
        write_lines(root / f"train/{wnid}/{wnid}_boxes.txt", lines)
    lines = []
    for i in range(9):
        write(root / f"val/images/val_{i}.JPEG", 1000 + i, (SIDE, SIDE), "L" if i == 2 else "RGB")
        lines.append(f"val_{i}.JPEG\t{WNIDS[i % 3]}\t0\t{i}\t{SIDE - 1}\t{SIDE - 1}")
    write_lines(root / "val" / "val_annotations.txt", random.Random(0).sample(lines, 9))
    write(root / "test/images/test_0.JPEG", 1, (SIDE, SIDE))
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "tiny-imagenet-200")


def tiny(root: Path, holdout: int = 2) -> TinyImageNet:
    return TinyImageNet(TinyImageNetOptions(root=str(root), holdout=holdout))


def test_the_benchmark_is_registered_and_described() -> None:
    assert wsol_benchmarks() == [TinyImageNet]
    schedule = TinyImageNet.schedule
    assert (schedule.epochs, schedule.decay_every, schedule.batch_size) == (200, 80, 16)
    assert (TinyImageNet.resize, TinyImageNet.crop, TinyImageNet.protocol) == (72, 64, "legacy")
    assert (TinyImageNet.metrics[0], TinyImageNet.split_sizes[0]) == ("gt_known", 98000)
    assert all((TinyImageNet.licence, TinyImageNet.citation, TinyImageNet.source, TinyImageNet.paper))


def test_classes_have_the_order_of_their_file(root: Path) -> None:
    assert tiny(root).class_names() == ["n02124075", "goldfish, Carassius auratus", "iPod"]
    (root / "words.txt").unlink()
    assert tiny(root).class_names() == WNIDS
    write_lines(root / "words.txt", [f"{wnid}\tcrane" for wnid in WNIDS])
    assert tiny(root).class_names()[0] == "crane (n02124075)"


def test_the_official_val_is_test_in_the_order_of_its_file(root: Path) -> None:
    images, annotations = tiny(root).images("test"), tiny(root).annotations("test")
    lines = [line.split("\t") for line in (root / "val/val_annotations.txt").read_text().splitlines()]
    assert images.ids == [f"val/images/{line[0]}" for line in lines]
    assert images.labels.tolist() == [WNIDS.index(line[1]) for line in lines]
    assert [box.tolist() for box in annotations.boxes] == [[[int(x) for x in line[2:]]] for line in lines]
    assert annotations.sizes.tolist() == [[SIDE, SIDE]] * 9


def test_val_is_held_out_of_train(root: Path) -> None:
    train, val = (tiny(root).images(split) for split in ("train", "val"))
    assert np.bincount(val.labels).tolist() == [2, 2, 2]
    assert np.bincount(train.labels).tolist() == [PER_CLASS - 2] * 3
    assert not set(train.ids) & set(val.ids)
    expected = np.array([f"train/{wnid}/images/{wnid}_{i}.JPEG" for wnid in WNIDS for i in range(PER_CLASS)])
    held = wsol.hold_out(expected.tolist(), np.repeat(np.arange(3), PER_CLASS), 2)
    assert val.ids == expected[held].tolist()
    for image_id, boxes in zip(val.ids, tiny(root).annotations("val").boxes, strict=True):
        number = int(image_id.rpartition("_")[2].removesuffix(".JPEG"))
        label = WNIDS.index(image_id.split("/")[1])
        assert boxes.tolist() == [[number, label, SIDE - 1, 40 + number]]


def test_the_split_depends_on_the_names_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {split: tiny(root).images(split).ids for split in ("train", "val")}
    listed = Path.glob
    monkeypatch.setattr(
        Path, "glob", lambda self, pattern: random.Random(1).sample(found := [*listed(self, pattern)], len(found))
    )
    assert {split: tiny(root).images(split).ids for split in ("train", "val")} == before
    monkeypatch.undo()
    spoil(root / "wnids.txt", 2, None)  # any subset of the classes is valid
    kept = {image_id for image_id in before["val"] if "n01443537" not in image_id}
    assert set(tiny(root).images("val").ids) == kept


def test_boxes_of_training_images_are_not_read(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    val = {image_id.rpartition("/")[2] for image_id in tiny(root).images("val").ids}
    for wnid in WNIDS:
        path = root / "train" / wnid / f"{wnid}_boxes.txt"
        names = [line.split("\t")[0] for line in path.read_text().splitlines()]
        for number, name in enumerate(names, start=1):
            if name not in val:
                spoil(path, number, f"{name}\tnot\tread")
    opened: list[str] = []
    real = io.open

    def noting(file, *arguments, **keywords):
        opened.append(str(file))
        return real(file, *arguments, **keywords)

    monkeypatch.setattr(io, "open", noting)
    monkeypatch.setattr(builtins, "open", noting)
    data = tiny(root)
    for split in ("train", "val", "test"):
        data.images(split)
    assert any("val_annotations" in path for path in opened)
    assert not any(path.endswith("_boxes.txt") for path in opened)
    open_trial(data, get_protocol(data.protocol), ImageCache(tmp_path / "cache"))
    assert check(data).problems == []
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        data.annotations("train")


def test_the_archives_folder_is_found(root: Path) -> None:
    assert len(tiny(root.parent).images("test")) == 9
    with pytest.raises(wsol.DataError, match=r"no 'wnids.txt' there; 'wsol data info tiny-imagenet' says"):
        tiny(root / "val").images("test")


def test_a_partly_unpacked_folder_is_an_error(root: Path) -> None:
    (root.parent / ".wsol").mkdir()
    mark = root.parent / ".wsol" / "tiny-imagenet-200.zip.begun"
    mark.touch()
    for place in (root, root.parent):
        with pytest.raises(wsol.DataError, match=r"tiny-imagenet-200.zip is not completely unpacked"):
            tiny(place).images("train")
    assert set(check(tiny(root)).counts()) == {"cannot be read"}
    mark.unlink()
    assert len(tiny(root).images("test")) == 9


def test_known_irregularities_are_accepted(root: Path) -> None:
    (root / "train" / WNIDS[0] / "images" / "Thumbs.db").write_text("")
    (root / "train" / WNIDS[0] / "images" / f"{WNIDS[0]}_3 (1).JPEG").write_text("")
    text = (root / "val" / "val_annotations.txt").read_text()
    (root / "val" / "val_annotations.txt").write_bytes(text.replace("\n", "\r\n").encode())
    assert check(tiny(root)).problems == []


def test_all_problems_are_reported_with_file_and_line(root: Path) -> None:
    path = root / "val" / "val_annotations.txt"
    names = [line.split("\t")[0] for line in path.read_text().splitlines()]
    wnid = WNIDS[0]
    spoil(path, 9, None)
    spoil(path, 1, f"{names[0]}\tn99999999\t0\t0\t5\t5")
    spoil(path, 2, f"{names[1]}\t{wnid}\t0\t0\t5")
    spoil(path, 3, f"{names[2]}\t{wnid}\t0\tx\t5\t5")
    spoil(path, 4, f"{names[3]}\t{wnid}\t0\t0\t{SIDE + 1}\t5")
    spoil(path, 6, f"{names[4]}\t{wnid}\t0\t0\t5\t5")
    cut(root / "val" / "images" / names[6])
    boxes = root / "train" / wnid / f"{wnid}_boxes.txt"
    held = tiny(root).images("val").ids[0].rpartition("/")[2]
    line = next(i for i, text in enumerate(boxes.read_text().splitlines(), start=1) if text.startswith(held + "\t"))
    spoil(boxes, line, f"{held}\t9\t9\t3\t12")
    (root / "train" / WNIDS[1] / "images" / f"{WNIDS[1]}_4.JPEG").unlink()
    report = check(tiny(root))
    messages = [problem.message for problem in report.problems]
    for expected in (
        f"{path}:1: class 'n99999999' of '{names[0]}' is not in wnids.txt",
        f"{path}:2: needs 6 fields separated by tabs, not '{names[1]}\t{wnid}\t0\t0\t5'",
        f"{path}: no valid line for '{names[8]}'",
        f"{path}:3: '0 x 5 5' should be whole numbers",
        f"{path}:4: box (0, 0, 65, 5) of 'val/images/{names[3]}' is not inside the image of 64 x 64 pixels",
        f"{path}:6: 'val/images/{names[4]}' is repeated; it was at {path}:5",
        f"{boxes}:{line}: box (9, 9, 3, 12) of 'train/{wnid}/images/{held}' ends before it starts",
        f"{root}/train/{WNIDS[1]}/images/{WNIDS[1]}_4.JPEG: no such image",
    ):
        assert expected in messages
    assert report.counts()["unreadable image"] == 1
    with pytest.raises(wsol.DataError, match=r"val_annotations.txt:1: class 'n99999999'"):
        tiny(root).images("test")
    with pytest.raises(wsol.DataError, match=r"n01443537_4.JPEG: no such image"):
        tiny(root).images("train")


def test_missing_files_are_named(root: Path) -> None:
    shutil.rmtree(root / "train" / WNIDS[2])
    with pytest.raises(wsol.DataError, match="no image of class 'n03584254'"):
        tiny(root).images("train")
    (root / "val" / "val_annotations.txt").unlink()
    with pytest.raises(wsol.DataError, match=r"val_annotations.txt: no such file"):
        tiny(root).images("test")
    spoil(root / "wnids.txt", 3, WNIDS[0])
    with pytest.raises(wsol.DataError, match=r"wnids.txt:3: class 'n02124075' is repeated"):
        tiny(root).class_names()
    write_lines(root / "wnids.txt", [])
    with pytest.raises(wsol.DataError, match=r"wnids\.txt: an empty file"):
        tiny(root).class_names()


def test_a_box_file_that_is_missing_is_named(root: Path) -> None:
    (root / "train" / WNIDS[1] / f"{WNIDS[1]}_boxes.txt").unlink()
    assert len(tiny(root).images("val")) == 6
    with pytest.raises(wsol.DataError, match=r"n01443537_boxes.txt: no such file"):
        tiny(root).annotations("val")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tenth class of the real data set, next to the checkout; skips if it is absent."""
    path = SHARED / "data" / "tiny-imagenet-20.zip"
    if not path.is_file():
        pytest.skip("no sample of Tiny-ImageNet beside the checkout (shared/data/tiny-imagenet-20.zip)")
    folder = tmp_path_factory.mktemp("real")
    unpack(path, folder, folder / "part", lambda done: None)
    return folder


def real_tiny(real: Path, **options: int) -> TinyImageNet:
    return TinyImageNet(TinyImageNetOptions(root=str(real), **options))


def test_real_counts_and_classes(real: Path) -> None:
    data = real_tiny(real)
    assert data.class_names()[:2] == ["goldfish, Carassius auratus", "centipede"]
    assert len(data.class_names()) == 20
    for split, each in (("train", 490), ("val", 10), ("test", 50)):
        images = data.images(split)
        assert Counter(images.labels.tolist()) == dict.fromkeys(range(20), each)
        assert len(set(images.ids)) == 20 * each


def test_real_boxes(real: Path) -> None:
    data = real_tiny(real)
    images, annotations = data.images("test"), data.annotations("test")
    assert images.ids[:2] == ["val/images/val_2.JPEG", "val/images/val_13.JPEG"]
    assert annotations.boxes[0].tolist() == [[4, 0, 60, 55]]
    assert annotations.boxes[1].tolist() == [[21, 33, 36, 43]]
    assert data.class_names()[images.labels[0]] == "refrigerator, icebox"
    assert (annotations.sizes == 64).all()
    boxes = np.concatenate(annotations.boxes)
    assert (boxes.min(), boxes.max(), len(boxes)) == (0, 63, 1000)
    val, held = data.images("val"), data.annotations("val")
    lines = (real / "tiny-imagenet-200/train/n01443537/n01443537_boxes.txt").read_text().splitlines()
    known = {line.split("\t")[0]: [int(x) for x in line.split("\t")[1:]] for line in lines}
    for image_id, box in list(zip(val.ids, held.boxes, strict=True))[:10]:
        assert box.tolist() == [known[image_id.rpartition("/")[2]]]


def test_real_held_out_images_are_fixed(real: Path) -> None:
    """As ``printf %s train/n01443537/images/n01443537_NUMBER.JPEG | sha256sum`` puts them first."""
    names = [f"train/n01443537/images/n01443537_{n}.JPEG" for n in (7, 11, 300, 328, 339, 349, 372, 373, 384, 449)]
    assert real_tiny(real).images("val").ids[:10] == names


def test_real_files_pass_the_check(real: Path) -> None:
    report = check(real_tiny(real), ["val", "test"])
    assert report.problems == []
    assert [(part.images, part.classes, part.boxes) for part in report.splits] == [(200, 20, 200), (1000, 20, 1000)]


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_file_with_annotations_is_named(root: Path, split: str) -> None:
    assert len(check_annotation_files(tiny(root), split)) >= 2


def test_test_is_scored_without_any_image(root: Path) -> None:
    before, table = tiny(root).annotations("test"), tiny(root).image_table("test")
    shutil.rmtree(root / "val" / "images")
    shutil.rmtree(root / "train")
    after = tiny(root).annotations("test")
    assert after.sizes.tolist() == before.sizes.tolist()
    assert tiny(root).image_table("test").ids == table.ids


def test_a_pipe_instead_of_annotations_is_a_problem(root: Path) -> None:
    path = root / "val" / "val_annotations.txt"
    path.unlink()
    os.mkfifo(path)
    messages = [problem.message for problem in check(tiny(root)).problems]
    assert messages[0] == f"{path}: cannot be read: a pipe or device, not a file"
