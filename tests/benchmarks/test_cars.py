"""Stanford Cars, on a miniature of its official layout, valid and with every kind of error."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import wsol
from tests.support.opened_files import check_annotation_files
from tests.support.pictures import SIZE, cut, write
from tests.support.views import open_trial
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.protocols import get_protocol
from wsol_cars import wsol_benchmarks
from wsol_cars.benchmark import Cars, CarsOptions

NAMES = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Acura TL Sedan 2012"]
TRAIN = 4 * len(NAMES)
TEST = 2 * len(NAMES)
FIELDS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")
Rows = list[tuple]


def rows(count: int) -> Rows:
    """(x1, y1, x2, y2, class, name): from 1, the last pixel included; the first box is the whole image."""
    return [
        (1 + (i > 0), 1 + (i > 1), SIZE[0], SIZE[1] - i % 3, 1 + i % len(NAMES), f"{i + 1:05d}.jpg")
        for i in range(count)
    ]


def save(path: Path, annotations: Rows, fields: tuple[str, ...] = FIELDS) -> None:
    """As MATLAB stores it: a 1 x N struct array of 1 x 1 arrays, numbers in the smallest type that holds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    struct = np.empty((1, len(annotations)), dtype=[(name, object) for name in fields])
    for i, row in enumerate(annotations):
        struct[0, i] = tuple(
            value if isinstance(value, str) else np.array([[value]], dtype=np.min_scalar_type(value)) for value in row
        )
    savemat(path, {"annotations": struct})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "cars"
    names = np.empty((1, len(NAMES)), dtype=object)
    names[0] = NAMES
    (root / "devkit").mkdir(parents=True)
    savemat(root / "devkit" / "cars_meta.mat", {"class_names": names})
    save(root / "devkit" / "cars_train_annos.mat", rows(TRAIN))
    save(root / "cars_test_annos_withlabels.mat", rows(TEST))
    modes = {1: "L", 2: "CMYK"}
    for folder, count in (("cars_train", TRAIN), ("cars_test", TEST)):
        for i in range(count):
            write(root / folder / f"{i + 1:05d}.jpg", seed=i, mode=modes.get(i, "RGB"), turned=i == 3)
    return root


def cars(root: Path, holdout: int = 1) -> Cars:
    return Cars(CarsOptions(root=str(root), holdout=holdout))


def test_the_benchmark_is_registered_and_described() -> None:
    assert wsol_benchmarks() == [Cars]
    assert (Cars.schedule.epochs, Cars.schedule.decay_every, Cars.schedule.batch_size) == (200, 80, 16)
    assert (Cars.protocol, Cars.metrics[0], Cars.split_sizes[0]) == ("legacy", "gt_known", 7164)
    assert all((Cars.licence, Cars.citation, Cars.source, Cars.paper))
    assert CarsOptions().holdout == 5


def test_images_and_classes_from_zero(root: Path) -> None:
    images = cars(root).images("test")
    assert images.ids == [f"cars_test/{i + 1:05d}.jpg" for i in range(TEST)]
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert cars(root).class_names() == NAMES


def test_boxes_count_from_zero_with_the_last_pixel_included(root: Path) -> None:
    annotations = cars(root).annotations("test")
    width, height = SIZE
    assert [box.tolist() for box in annotations.boxes] == [
        [[0, 0, width - 1, height - 1]],
        [[1, 0, width - 1, height - 2]],
        [[1, 1, width - 1, height - 3]],
        [[1, 1, width - 1, height - 1]],
        [[1, 1, width - 1, height - 2]],
        [[1, 1, width - 1, height - 3]],
    ]
    assert annotations.sizes.tolist() == [list(SIZE)] * TEST
    assert annotations.boxes[0].dtype == np.int64


def test_a_zero_in_small_unsigned_integers_does_not_wrap(root: Path) -> None:
    save(root / "cars_test_annos_withlabels.mat", [(0, 0, 5, 5, 1, "00001.jpg"), *rows(TEST)[1:]])
    assert cars(root).annotations("test").boxes[0].tolist() == [[0, 0, 4, 4]]


def test_val_is_held_out_of_train(root: Path) -> None:
    train, val = (cars(root).images(split) for split in ("train", "val"))
    assert val.ids == ["cars_train/00004.jpg", "cars_train/00011.jpg", "cars_train/00012.jpg"]
    assert not set(train.ids) & set(val.ids)
    assert len(train) + len(val) == TRAIN
    assert sorted(val.labels.tolist()) == [0, 1, 2]
    assert np.bincount(cars(root, holdout=3).images("val").labels).tolist() == [3, 3, 3]
    boxes = cars(root).annotations("val").boxes
    assert [box.tolist() for box in boxes] == [[[1, 1, 23, 15]], [[1, 1, 23, 14]], [[1, 1, 23, 13]]]


def test_the_split_does_not_depend_on_the_order_of_the_file(root: Path) -> None:
    before = {split: set(cars(root).images(split).ids) for split in ("train", "val")}
    save(root / "devkit" / "cars_train_annos.mat", rows(TRAIN)[::-1])
    assert {split: set(cars(root).images(split).ids) for split in ("train", "val")} == before


def test_boxes_of_training_images_are_not_read(root: Path, tmp_path: Path) -> None:
    val = set(cars(root).images("val").ids)
    spoiled = [row if f"cars_train/{row[5]}" in val else (999, 999, 3, 3, *row[4:]) for row in rows(TRAIN)]
    save(root / "devkit" / "cars_train_annos.mat", spoiled)
    data = cars(root)
    open_trial(data, get_protocol(data.protocol), ImageCache(tmp_path / "cache"))
    assert check(data).problems == []
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        data.annotations("train")


def test_an_invalid_box_of_a_training_image_is_ignored(root: Path) -> None:
    expected = cars(root).images("train").ids
    val = set(cars(root).images("val").ids)
    bad = [row if f"cars_train/{row[5]}" in val else ("no", "box", "at", "all", *row[4:]) for row in rows(TRAIN)]
    save(root / "devkit" / "cars_train_annos.mat", bad)
    assert cars(root).images("train").ids == expected
    assert check(cars(root)).problems == []


@pytest.mark.parametrize("corner", [2.5, float("nan"), float("inf"), "no"])
def test_a_box_with_fractional_numbers_is_reported_once(root: Path, corner: object) -> None:
    file = root / "cars_test_annos_withlabels.mat"
    save(file, [(1, 1, corner, *row[3:]) if i == 2 else row for i, row in enumerate(rows(TEST))])
    messages = [problem.message for problem in check(cars(root)).problems]
    assert messages == [f"{file}:3: its box should be four whole numbers"]
    assert len(cars(root).images("test")) == TEST


@pytest.mark.parametrize("label", [1.5, float("nan"), "first"])
def test_a_fractional_class_is_reported_once(root: Path, label: object) -> None:
    file = root / "cars_test_annos_withlabels.mat"
    save(file, [(*row[:4], label, row[5]) if i == 2 else row for i, row in enumerate(rows(TEST))])
    messages = [problem.message for problem in check(cars(root)).problems]
    assert messages == [f"{file}:3: its class should be a whole number"]


def test_boxes_of_training_images_are_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[set[str]] = []
    boxed = Cars.boxed
    monkeypatch.setattr(
        Cars, "boxed", lambda self, ids, boxes, *rest: (kept.append({*boxes}), boxed(self, ids, boxes, *rest))[1]
    )
    data = cars(root)
    data.annotations("val")
    assert kept == [set(data.images("val").ids)]


def test_known_irregularities_are_accepted(root: Path) -> None:
    data = cars(root)
    assert check(data).problems == []
    for index in (1, 2, 3):  # grey, CMYK, to be shown rotated
        assert data.images("test").load(index).shape == (SIZE[1], SIZE[0], 3)
    assert data.annotations("test").sizes[3].tolist() == list(SIZE)


def test_torchvisions_folders_are_found(root: Path, tmp_path: Path) -> None:
    shutil.move(root, tmp_path / "torch" / "stanford_cars")
    assert len(cars(tmp_path / "torch").images("test")) == TEST
    shutil.move(
        tmp_path / "torch" / "stanford_cars" / "cars_test_annos_withlabels.mat", tmp_path / "torch/stanford_cars/devkit"
    )
    assert len(cars(tmp_path / "torch").images("test")) == TEST


def test_all_problems_are_reported_with_their_place(root: Path) -> None:
    wrong = rows(TEST)
    wrong[0] = (*wrong[0][:4], 4, wrong[0][5])  # class 4 of 3
    wrong[1] = (3, 3, SIZE[0] + 2, 9, *wrong[1][4:])  # two columns beyond the image
    wrong[2] = (9, 3, 5, 9, *wrong[2][4:])  # ends before it starts
    wrong[3] = (*wrong[3][:5], wrong[4][5])  # an image twice, another never
    save(root / "cars_test_annos_withlabels.mat", wrong)
    cut(root / "cars_test" / "00006.jpg")
    (root / "cars_train" / "00002.jpg").unlink()
    (root / "cars_train" / "00001.jpg").write_text("no image")
    report = check(cars(root))
    file = root / "cars_test_annos_withlabels.mat"
    assert report.counts() == {"unreadable image": 3, "bad box": 2, "bad label": 1, "duplicate id": 1}
    messages = [problem.message for problem in report.problems]
    assert f"{file}:1: class 4 is out of range; classes are 1 to 3" in messages
    assert f"{file}:2: box (2, 2, 25, 8) of 'cars_test/00002.jpg' is not inside the image of 24 x 16 pixels" in messages
    assert f"{file}:3: box (8, 2, 4, 8) of 'cars_test/00003.jpg' ends before it starts" in messages
    assert f"{file}:5: 'cars_test/00005.jpg' is repeated; it was at {file}:4" in messages
    with pytest.raises(wsol.DataError, match=r"withlabels.mat:1: class 4"):
        cars(root).images("test")


def test_the_file_without_labels_is_recognised(root: Path) -> None:
    save(root / "cars_test_annos_withlabels.mat", [row[:4] + row[5:] for row in rows(TEST)], FIELDS[:4] + FIELDS[5:])
    with pytest.raises(wsol.DataError, match="no field 'class'; is it the file without labels"):
        cars(root).images("test")


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/secret.jpg"])
def test_a_name_outside_the_root_is_an_error(root: Path, name: str) -> None:
    save(root / "cars_test_annos_withlabels.mat", [(*rows(1)[0][:5], name)])
    report = check(cars(root), ["test"])
    expected = {"bad line", "empty split"} if name.startswith("..") else {"unreadable image"}
    assert set(report.counts()) == expected


def test_missing_and_broken_files_are_named(root: Path) -> None:
    cut(root / "devkit" / "cars_meta.mat")
    with pytest.raises(wsol.DataError, match=r"cars_meta.mat: not a readable MATLAB file"):
        cars(root).images("test")
    savemat(root / "devkit" / "cars_meta.mat", {"other": 1})
    with pytest.raises(wsol.DataError, match=r"cars_meta.mat: has no variable 'class_names'"):
        cars(root).class_names()
    (root / "devkit" / "cars_meta.mat").unlink()
    with pytest.raises(wsol.DataError, match=r"cars_meta.mat: no such file"):
        cars(root).class_names()
    for folder in ("cars_train", "cars_test", "devkit"):
        shutil.rmtree(root / folder)
    with pytest.raises(wsol.DataError, match=r"no 'cars_train' there; 'wsol data info cars' says"):
        cars(root).images("test")


def test_too_large_a_holdout_is_an_error(root: Path) -> None:
    with pytest.raises(wsol.DataError, match="class 0 has 4 images; 4 cannot be held out"):
        cars(root, holdout=4).images("train")
    assert "cannot be read" in check(cars(root, holdout=4), ["train"]).counts()


def test_an_independent_reader_agrees(root: Path) -> None:
    annotations = loadmat(root / "cars_test_annos_withlabels.mat")["annotations"][0]
    data = cars(root)
    images, boxes = data.images("test"), data.annotations("test").boxes
    for i, row in enumerate(annotations):
        assert images.ids[i] == f"cars_test/{row['fname'][0]}"
        assert images.labels[i] == int(row["class"][0, 0]) - 1
        corners = [int(row[name][0, 0]) - 1 for name in FIELDS[:4]]
        assert boxes[i].tolist() == [corners]


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_file_with_annotations_is_named(root: Path, split: str) -> None:
    assert len(check_annotation_files(cars(root), split)) == 2


def test_test_is_scored_without_the_files_of_train(root: Path) -> None:
    before = cars(root).annotations("test")
    shutil.rmtree(root / "cars_train")
    (root / "devkit" / "cars_train_annos.mat").unlink()
    assert cars(root).annotations("test").sizes.tolist() == before.sizes.tolist()
    assert cars(root).image_table("test").ids == cars(root).images("test").ids
