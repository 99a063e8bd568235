"""OpenImages30k: masks of several instances, regions to ignore, and image sizes taken from the masks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import wsol
from tests.support.official_layouts import (
    OPENIMAGES,
    openimages_ids,
    size_of,
    write_image,
    write_mask,
    write_openimages,
)
from tests.support.opened_files import check_annotation_files
from tests.support.views import open_trial
from wsol.cli.main import app
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.protocols import get_protocol
from wsol_openimages import OpenImages, wsol_benchmarks


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_openimages(tmp_path / "openimages")


def openimages(root: Path) -> OpenImages:
    return OpenImages(OpenImages.Options(root=str(root)))


def half(index: int) -> tuple[int, int]:
    width, height = size_of(index)
    return (width + 1) // 2, (height + 1) // 2


def expected(index: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The masks that were written for image ``index`` of a split, in numpy."""
    width, height = half(index)
    foreground, ignore = np.zeros((2, height, width), dtype=bool)
    foreground[1:6, 1:4] = True
    if index % 2:
        return foreground, None
    foreground[1:6, 5:8] = True
    ignore[4:8, 2:13] = True
    return foreground, ignore


def test_the_benchmark_is_registered_and_described() -> None:
    assert wsol_benchmarks() == [OpenImages]
    schedule = OpenImages.schedule
    assert (schedule.epochs, schedule.decay_every, schedule.batch_size) == (10, 3, 32)
    assert (OpenImages.metrics, OpenImages.split_sizes[0]) == (("pxap", "top1_cls"), 29819)
    assert all((OpenImages.licence, OpenImages.citation, OpenImages.source, OpenImages.paper))


def test_the_official_layout_is_read_where_its_archives_unpack(root: Path) -> None:
    benchmark = openimages(root)
    assert benchmark.class_names() == list(OPENIMAGES)
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        images = benchmark.images(split)
        assert images.ids == list(openimages_ids(split))
        assert images.labels.tolist() == [0] * count + [1] * count
        assert images.load(1).shape == (size_of(1)[1], size_of(1)[0], 3)


def test_masks_are_unions_of_instances_and_ignore_is_named_once(root: Path) -> None:
    for split in ("val", "test"):
        annotations = openimages(root).annotations(split)
        assert annotations.boxes is None
        for index in range(len(annotations.sizes)):
            assert tuple(annotations.sizes[index].tolist()) == half(index)  # image_sizes.txt is empty
            for found, right in zip(annotations.masks(index), expected(index), strict=True):
                assert (found is None) == (right is None)
                assert right is None or np.array_equal(found, right)


def test_masks_may_be_in_another_folder_than_images(root: Path, tmp_path: Path) -> None:
    before = openimages(root).annotations("val").masks(0)[0]
    other = tmp_path / "apart"
    shutil.copytree(root / "OpenImages", other / "images", ignore=shutil.ignore_patterns("*.png"))
    shutil.copytree(root / "OpenImages", other / "masks", ignore=shutil.ignore_patterns("*.jpg"))
    shutil.copytree(root / "metadata" / "OpenImages", other / "metadata")
    assert np.array_equal(openimages(other).annotations("val").masks(0)[0], before)
    assert openimages(other).images("val").fingerprint == openimages(root).images("val").fingerprint


def test_an_ignore_mask_on_a_later_line_is_an_error(root: Path) -> None:
    path = root / "metadata" / "OpenImages" / "val" / "localization.txt"
    lines = path.read_text().splitlines()
    assert lines[1].endswith(",")
    lines[1] += lines[0].rpartition(",")[2]
    path.write_text("\n".join(lines))
    with pytest.raises(wsol.DataError, match=r"localization.txt:2: an ignore mask belongs on the image's first line"):
        openimages(root).annotations("val")


def test_masks_of_another_size_than_the_first_keep_theirs(root: Path) -> None:
    stem = next(iter(openimages_ids("val"))).removesuffix(".jpg")
    width, height = half(0)
    write_mask(root / "OpenImages" / f"{stem}_ignore.png", (2 * width, 2 * height), (4, 8, 26, 16))
    instances, ignore = openimages(root).annotations("val").masks(0)
    foreground = np.logical_or.reduce(instances)
    assert np.array_equal(ignore[::2, ::2], expected(0)[1])
    assert np.array_equal(foreground, expected(0)[0])


def test_masks_with_values_in_between_are_noted_and_read_as_before(root: Path) -> None:
    assert not any(note.kind == "many mask values" for note in check(openimages(root)).notes)
    benchmark = openimages(root)
    masks = benchmark.annotations("val").masks
    assert isinstance(masks, wsol.MaskFiles)
    before, path = masks(1), Path(masks.instances[1][0])
    grey = np.asarray(Image.open(path).convert("L")).copy()
    grey[1, 1] = 7
    Image.fromarray(grey).save(path)
    (note,) = (note for note in check(benchmark, ["val"]).notes if note.kind == "many mask values")
    assert f"have up to 3 values, first {path}: all pixels brighter than 0 of 255 are read as" in note.message
    assert np.array_equal(masks(1)[0], before[0])


@pytest.mark.parametrize("kind", ["_ignore", "_m01226z_00000000", "_m01226z_00000001"])
def test_a_missing_mask_is_named_when_the_split_is_opened(root: Path, kind: str) -> None:
    path = root / "OpenImages" / f"{next(iter(openimages_ids('test'))).removesuffix('.jpg')}{kind}.png"
    path.unlink()
    with pytest.raises(wsol.DataError, match=f"{path.name}: no such image"):
        openimages(root).annotations("test")
    assert check(openimages(root)).counts() == {"unreadable mask": 1}


def test_training_reads_no_annotations(root: Path, tmp_path: Path) -> None:
    data = open_trial(openimages(root), get_protocol("wsoleval-v2"), ImageCache(tmp_path / "cache"))
    assert len(data.train.ids) == 8  # train/localization.txt is a folder
    report = check(openimages(root))
    assert report.problems == []
    assert [(part.images, part.masked, part.boxes) for part in report.splits] == [(8, 0, 0), (4, 4, 0), (6, 6, 0)]


def test_classes_have_names_if_the_file_with_names_exists(root: Path) -> None:
    path = root / "class-descriptions-boxable.csv"
    path.write_text('/m/01226z,Football\n/m/0138tl,"Toy, small"\n/m/011k07,Tortoise\n')
    assert openimages(root).class_names() == ["Football", "Toy, small"]
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(wsol.DataError, match=r"class-descriptions-boxable.csv: cannot be read"):
        openimages(root).class_names()


def test_unusual_photographs_are_read_as_stored(root: Path) -> None:
    ids = list(openimages_ids("train"))
    for index, changes in enumerate(({"mode": "L"}, {"mode": "CMYK"}, {"orientation": 6})):
        write_image(root / "OpenImages" / ids[index], (40, 20), 1, **changes)
    images = openimages(root).images("train")
    assert [images.load(index).shape for index in range(3)] == [(20, 40, 3)] * 3
    path = root / "OpenImages" / ids[4]
    path.write_bytes(path.read_bytes()[:-150])
    (problem,) = check(openimages(root), ["train"]).problems
    assert path.name in problem.message


def score(root: Path, folder: Path) -> Any:
    given = ["--benchmark", "openimages", "--split", "test", "--root", str(root), "--normalizer", "none"]
    done = CliRunner().invoke(
        app, ["score", str(folder), *given, "--bootstrap", "0", "--json", "--out", f"{folder}-out"]
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["metrics"]["pxap"]["value"]


def test_ignored_pixels_do_not_count(root: Path, tmp_path: Path) -> None:
    for name in ("clean", "blot where ignored", "blot elsewhere"):
        for index, image_id in enumerate(openimages_ids("test")):
            foreground, ignore = (None if m is None else resized(m) for m in expected(index))
            score_map = foreground.astype(float)
            if name == "blot where ignored" and ignore is not None:
                score_map[ignore] = 1
            if name == "blot elsewhere" and ignore is None:
                score_map[-5:] = 1
            path = tmp_path / name / f"{image_id}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, score_map)
    assert score(root, tmp_path / "clean") == 100
    assert score(root, tmp_path / "blot where ignored") == 100
    assert score(root, tmp_path / "blot elsewhere") < 99


def resized(mask: np.ndarray) -> np.ndarray:
    """Nearest neighbour to 224 x 224, as the evaluation frames masks: source index floor(i * side / 224)."""
    rows, columns = (np.arange(224) * side // 224 for side in mask.shape)
    return mask[np.ix_(rows, columns)]


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_file_with_annotations_is_named(root: Path, split: str) -> None:
    assert len(check_annotation_files(openimages(root), split)) > 4
