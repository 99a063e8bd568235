"""ImageNet: the official layout, renamed files, the proxy list, and other usual layouts of the images."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wsol
from tests.support.official_layouts import (
    SPLITS,
    ilsvrc_ids,
    new_name,
    old_name,
    size_of,
    write_ilsvrc,
    write_image,
    write_lines,
)
from tests.support.views import open_trial
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.protocols import get_protocol
from wsol_ilsvrc import Ilsvrc, wsol_benchmarks

V2 = "imagenetv2-threshold0.7-format-val"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_ilsvrc(tmp_path / "ilsvrc")


def ilsvrc(root: Path, **options: Any) -> Ilsvrc:
    return Ilsvrc(Ilsvrc.Options(root=str(root), **options))


def metadata(root: Path, split: str, file: str) -> Path:
    return root / "metadata" / "ILSVRC" / split / file


def test_the_benchmark_is_registered_and_described() -> None:
    assert wsol_benchmarks() == [Ilsvrc]
    assert (Ilsvrc.schedule.epochs, Ilsvrc.schedule.decay_every, Ilsvrc.schedule.batch_size) == (10, 3, 32)
    assert (Ilsvrc.metrics[0], Ilsvrc.protocol, Ilsvrc.split_sizes[0]) == ("maxboxaccv2", "wsoleval-v2", 1_281_167)
    assert all((Ilsvrc.licence, Ilsvrc.citation, Ilsvrc.source, Ilsvrc.paper))
    assert {archive.name: archive.md5 for archive in Ilsvrc.archives if archive.md5} == {
        "ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e",
        "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
    }


def test_the_official_layout_is_read_where_its_archives_unpack(root: Path) -> None:
    benchmark = ilsvrc(root)
    assert benchmark.class_names() == ["n01440764", "n01443537"]
    for split, counts in (("train", {0: 5, 1: 5}), ("val", {0: 3, 1: 3}), ("test", {0: 2, 1: 2})):
        images = benchmark.images(split)
        assert images.ids == list(ilsvrc_ids(split))
        assert Counter(images.labels.tolist()) == counts
        assert images.load(2).shape == (size_of(2)[1], size_of(2)[0], 3)


def test_an_image_may_have_hundreds_of_boxes(root: Path) -> None:
    val, test = ilsvrc(root).annotations("val"), ilsvrc(root).annotations("test")
    assert [len(boxes) for boxes in val.boxes] == [259, 1, 1, 1, 1, 1]
    assert [len(boxes) for boxes in test.boxes] == [2, 1, 1, 1]
    assert val.boxes[0][0].tolist() == [1, 2, size_of(0)[0] - 1, 11]
    assert val.boxes[0][258].tolist() == [257 % 20, 257 % 15, 257 % 20 + 3, 257 % 15 + 2]
    for found in (val, test):
        assert all((b[:, 2:] < size).all() for b, size in zip(found.boxes, found.sizes, strict=True))


def test_training_reads_no_annotations(root: Path, tmp_path: Path) -> None:
    data = open_trial(ilsvrc(root), get_protocol("wsoleval-v2"), ImageCache(tmp_path / "cache"))
    assert len(data.train.ids) == 10  # train/localization.txt is a folder
    assert check(ilsvrc(root)).problems == []
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        ilsvrc(root).annotations("train")


def rename_images(root: Path) -> None:
    """Rename images of val as ImageNetV2 did."""
    for image_id, label in ilsvrc_ids("val").items():
        new = new_name(label, int(Path(image_id).stem))
        (root / image_id.replace("val2", V2)).rename(root / new.replace("val2", V2))


def rename_ids(root: Path) -> None:
    """Rename ids in the text files as their authors did afterwards."""
    for file in ("image_ids.txt", "class_labels.txt", "image_sizes.txt", "localization.txt"):
        path = metadata(root, "val", file)
        text = path.read_text()
        for image_id, label in ilsvrc_ids("val").items():
            text = text.replace(image_id, new_name(label, int(Path(image_id).stem)))
        path.write_text(text)


def write_mapping(root: Path, space: str = " ") -> None:
    pairs = [(old_name(label, i), new_name(label, i)) for label in (0, 1) for i in range(3)]
    lines = [f"{old.removeprefix('val2/')},{space}{new.removeprefix('val2/')}" for old, new in pairs]
    write_lines(metadata(root, "val", "mapping.txt"), lines)


def colours(root: Path) -> list[Any]:
    images = ilsvrc(root).images("val")
    return [images.load(index).tolist() for index in range(len(images))]


def test_renamed_images_are_found_by_the_mapping_and_only_by_it(root: Path) -> None:
    before = colours(root)
    rename_images(root)
    with pytest.raises(wsol.DataError) as error:
        ilsvrc(root).images("val")
    message = str(error.value)
    assert f"{V2}/0/0.jpeg: no such image, but its folder contains '" in message
    assert "were renamed in 2020" in message
    assert str(metadata(root, "val", "mapping.txt")) in message
    assert "\n" not in message
    assert message in check(ilsvrc(root), ["val"]).problems[0].message
    write_mapping(root)
    assert colours(root) == before
    assert check(ilsvrc(root)).problems == []


def test_new_text_files_go_with_new_images_and_with_old_ones_by_the_mapping(root: Path) -> None:
    before = colours(root)
    rename_ids(root)
    with pytest.raises(wsol.DataError, match=r"its folder contains '0.jpeg'"):
        ilsvrc(root).images("val")
    write_mapping(root, "")
    assert colours(root) == before
    metadata(root, "val", "mapping.txt").unlink()
    rename_images(root)
    assert colours(root) == before


def test_a_missing_image_is_not_reported_as_renamed(root: Path) -> None:
    (root / V2 / "1" / "2.jpeg").unlink()
    with pytest.raises(wsol.DataError, match=r"1/2.jpeg: no such image; 'wsol data check'"):
        ilsvrc(root).images("val")
    rename_ids(root)
    write_mapping(root)
    with pytest.raises(wsol.DataError, match=r"[a-f]{40}2.jpeg: no such image; 'wsol data check'"):
        ilsvrc(root).images("val")
    shutil.rmtree(root / V2)
    with pytest.raises(wsol.DataError, match=r"no such image \(and 5 more of 6\)"):
        ilsvrc(root).images("val")


@pytest.mark.parametrize(
    ("line", "message"),
    [("0/7.jpeg", "needs an old and a new name"), ("a,b,c", "needs an"), ("0/0.jpeg,0/x.jpeg", "'0/0.jpeg' was on")],
)
def test_a_broken_mapping_is_an_error_that_names_the_line(root: Path, line: str, message: str) -> None:
    write_mapping(root)
    path = metadata(root, "val", "mapping.txt")
    path.write_text(path.read_text() + f"\n{line}")
    with pytest.raises(wsol.DataError, match=rf"mapping.txt:7: {message}"):
        ilsvrc(root).images("val")


@pytest.mark.parametrize("name", ["val2", "imagenetv2-threshold0.7"])
def test_the_folder_of_val_may_have_other_names(root: Path, name: str) -> None:
    before = ilsvrc(root).images("val").fingerprint
    (root / V2).rename(root / name)
    assert ilsvrc(root).images("val").fingerprint == before


def test_images_of_test_may_be_sorted_into_class_folders(root: Path) -> None:
    before = ilsvrc(root).images("test").fingerprint
    for image_id, label in ilsvrc_ids("test").items():
        folder = root / "val" / ("n01440764", "n01443537")[label]
        folder.mkdir(exist_ok=True)
        (root / image_id).rename(folder / Path(image_id).name)
    assert ilsvrc(root).images("test").fingerprint == before
    (root / "val" / "n01440764" / "ILSVRC2012_val_00000003.JPEG").unlink()
    with pytest.raises(wsol.DataError, match=r"ILSVRC2012_val_00000003.JPEG: no such image"):
        ilsvrc(root).images("test")


@pytest.mark.parametrize("base", ["ILSVRC/Data/CLS-LOC", "images", "ILSVRC"])
def test_images_may_be_in_other_published_layouts(root: Path, base: str) -> None:
    before = [ilsvrc(root).images(split).fingerprint for split in SPLITS]
    for name in ("train", "val", V2):
        (root / base).mkdir(parents=True, exist_ok=True)
        shutil.move(root / name, root / base / name)
    assert [ilsvrc(root).images(split).fingerprint for split in SPLITS] == before


def proxy_ids() -> list[str]:
    return [image_id for i, image_id in enumerate(ilsvrc_ids("train")) if i % 5 in (3, 1)][::-1]


@pytest.mark.parametrize(
    ("train_list", "searched", "final"), [("full", 10, 10), ("proxy", 4, 4), ("proxy_search", 4, 10)]
)
def test_the_proxy_list_trains_all_runs_or_trials_alone(
    root: Path, tmp_path: Path, train_list: str, searched: int, final: int
) -> None:
    protocol = get_protocol("wsoleval-v2")
    for search, count in ((True, searched), (False, final)):
        benchmark = ilsvrc(root, train_list=train_list)
        train = open_trial(benchmark, protocol, ImageCache(tmp_path / "cache"), search=search).train
        full = ilsvrc_ids("train")
        assert list(train.ids) == (list(full) if count == 10 else proxy_ids())
        assert train.labels.tolist() == [full[image_id] for image_id in train.ids]
        assert train.num_classes == 2
        assert len(train.images) == count
    assert check(ilsvrc(root, train_list=train_list)).problems == []


def test_the_proxy_list_needs_only_its_own_images(root: Path) -> None:
    for image_id in set(ilsvrc_ids("train")) - set(proxy_ids()):
        (root / image_id).unlink()
    assert len(ilsvrc(root, train_list="proxy").images("train")) == 4
    assert check(ilsvrc(root, train_list="proxy"), ["train"]).problems == []
    with pytest.raises(wsol.DataError, match="no such image"):
        ilsvrc(root).images("train")


def test_the_proxy_list_is_part_of_train(root: Path) -> None:
    path = metadata(root, "train", "image_ids_proxy.txt")
    path.write_text(path.read_text() + "\ntrain/n01440764/other.JPEG")
    with pytest.raises(wsol.DataError, match=r"image_ids_proxy.txt: 'train/n01440764/other.JPEG' is not in image_ids"):
        ilsvrc(root, train_list="proxy").images("train")
    path.unlink()
    with pytest.raises(wsol.DataError, match=r"image_ids_proxy.txt: no such file"):
        ilsvrc(root, train_list="proxy_search").training_images(search=True)
    assert len(ilsvrc(root, train_list="proxy_search").training_images(search=False)) == 10


def test_unusual_photographs_are_read_as_stored(root: Path) -> None:
    ids = list(ilsvrc_ids("train"))
    write_image(root / ids[0], (40, 20), 1, "CMYK")
    write_image(root / ids[1], (40, 20), 1, "L")
    write_image(root / ids[2], (40, 20), 1, orientation=8)
    images = ilsvrc(root).images("train")
    assert [images.load(index).shape for index in range(3)] == [(20, 40, 3)] * 3
    assert np.ptp(images.load(1), axis=2).max() == 0
    (root / ids[3]).write_bytes((root / ids[3]).read_bytes()[:-150])
    (problem,) = check(ilsvrc(root), ["train"]).problems
    assert (problem.kind, Path(ids[3]).name in problem.message) == ("unreadable image", True)


def test_the_list_of_a_search_is_checked_with_train(tmp_path: Path) -> None:
    root = write_ilsvrc(tmp_path)
    path = root / "metadata" / "ILSVRC" / "train" / "image_ids_proxy.txt"
    path.write_text(path.read_text() + "\nx\ny")
    options = Ilsvrc.Options(root=str(root), train_list="proxy_search")
    found = [problem.message for problem in check(Ilsvrc(options)).problems]
    assert found == [f"{path}: '{name}' is not in image_ids.txt" for name in ("x", "y")]
