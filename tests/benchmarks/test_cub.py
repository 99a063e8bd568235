"""CUB: the official layout and its irregularities, masks in addition to boxes, and a real sample if there is one."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import wsol
from tests.support.official_layouts import CUB, cub_box, cub_ids, size_of, write_cub, write_image, write_mask
from tests.support.opened_files import check_annotation_files
from tests.support.views import open_trial
from wsol.cli.main import app
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.plugins import load_plugins
from wsol.protocols import get_protocol
from wsol.study.scoring import Scorer
from wsol_cub import Cub, wsol_benchmarks

SPLITS: tuple[wsol.Split, ...] = ("train", "val", "test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cub(tmp_path / "cub")


def cub(root: Path, **options: Any) -> Cub:
    return Cub(Cub.Options(root=str(root), **options))


def test_the_benchmark_is_registered_and_described() -> None:
    assert wsol_benchmarks() == [Cub]
    assert (Cub.schedule.epochs, Cub.schedule.decay_every, Cub.schedule.batch_size) == (50, 15, 32)
    assert (Cub.resize, Cub.crop, Cub.protocol, Cub.metrics[0]) == (256, 224, "wsoleval-v2", "maxboxaccv2")
    assert all((Cub.licence, Cub.citation, Cub.source, Cub.paper))
    assert [archive.name for archive in Cub.archives if not archive.optional] == [
        "CUB_200_2011.tgz",
        "CUBV2.tar",
        "wsolevaluation-master.zip",
    ]


def test_names_of_birds() -> None:
    assert Cub().class_name("images/001.Black_footed_Albatross") == "Black footed Albatross"
    assert Cub().class_name("sparrow") == "sparrow"


def test_the_official_layout_is_read_where_its_archives_unpack(root: Path) -> None:
    benchmark = cub(root)
    assert benchmark.class_names() == ["Black footed Albatross", "Laysan Albatross", "California Gull"]
    for place, split in enumerate(SPLITS):
        images = benchmark.images(split)
        assert images.ids == list(cub_ids(split))
        assert Counter(images.labels.tolist()) == {k: counts[place] for k, counts in enumerate(CUB.values())}
        for index in range(len(images)):
            assert images.load(index).shape == (size_of(index)[1], size_of(index)[0], 3)
    assert (images.labels.dtype, benchmark.images("val").labels[-3:].tolist()) == (np.int64, [2, 2, 2])


def test_boxes_end_on_the_last_pixel(root: Path) -> None:
    for split in ("val", "test"):
        annotations = cub(root).annotations(split)
        assert annotations.masks is None
        for index, boxes in enumerate(annotations.boxes):
            assert boxes.tolist() == [list(cub_box(index))]
            assert annotations.sizes[index].tolist() == list(size_of(index))
            assert (boxes[:, 2:] < annotations.sizes[index]).all()


def test_images_may_be_arranged_by_hand(root: Path, tmp_path: Path) -> None:
    unpacked = {split: cub(root).images(split).fingerprint for split in SPLITS}
    for name in ("images", "."):
        other = tmp_path / f"hand-{len(name)}"
        shutil.copytree(root / "CUB_200_2011" / "images", other / name)
        shutil.copytree(root / "CUBV2", other / name, dirs_exist_ok=True)
        shutil.copytree(root / "wsolevaluation-master" / "metadata" / "CUB", other / "metadata")
        assert {split: cub(other).images(split).fingerprint for split in SPLITS} == unpacked
    shutil.rmtree(root / "CUBV2")
    with pytest.raises(wsol.DataError, match=r"Albatross/30107316117.jpg: no such image \(and 13 more"):
        cub(root).images("val")


def test_training_reads_no_annotations(root: Path, tmp_path: Path) -> None:
    benchmark = cub(root, segmentations=True)  # train/localization.txt is a folder here
    for mask in (root / "segmentations").rglob("train_*.png"):
        mask.unlink()
        mask.mkdir()
    data = open_trial(benchmark, get_protocol("wsoleval-v2"), ImageCache(tmp_path / "cache"))
    assert (len(data.train.ids), len(data.val.ids)) == (12, 14)
    assert check(benchmark).problems == []
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        benchmark.annotations("train")


def test_unusual_photographs_are_read_as_stored(root: Path) -> None:
    ids = list(cub_ids("test"))
    folder = root / "CUB_200_2011" / "images"
    write_image(folder / ids[0], size_of(0), 1, "L")
    write_image(folder / ids[1], size_of(1), 1, "CMYK")
    write_image(folder / ids[2], size_of(2), 1, orientation=6)
    images = cub(root).images("test")
    grey, cmyk, turned = (images.load(index) for index in range(3))
    assert (grey[..., 0] == grey[..., 2]).all()
    with Image.open(folder / ids[1]) as image:
        assert image.mode == "CMYK"
        assert np.array_equal(cmyk, np.asarray(image.convert("RGB")))
    assert turned.shape == (size_of(2)[1], size_of(2)[0], 3)
    assert check(cub(root), ["test"]).problems == []


def test_a_truncated_photograph_is_named(root: Path) -> None:
    path = root / "CUBV2" / list(cub_ids("val"))[3]
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(wsol.DataError, match=f"{path.name}: not a readable image"):
        cub(root).images("val").load(3)
    (problem,) = check(cub(root)).problems
    assert problem.kind == "unreadable image"


def test_without_segmentations_there_are_boxes_only(root: Path) -> None:
    assert cub(root).metrics == Cub.metrics
    assert "pxap" not in Cub.metrics
    assert cub(root).annotations("test").masks is None


def test_segmentations_exist_for_test_and_add_pxap(root: Path) -> None:
    benchmark = cub(root, segmentations=True)
    assert benchmark.metrics == (*Cub.metrics, "pxap")
    assert benchmark.annotations("val").masks is None
    annotations = benchmark.annotations("test")
    for index, boxes in enumerate(annotations.boxes):
        foreground, ignore = annotations.masks(index)
        (x0, y0, x1, y1), (rows, columns) = boxes[0], np.nonzero(foreground)
        assert (columns.min(), rows.min(), columns.max(), rows.max()) == (x0, y0, x1, y1)
        assert ignore is None
        assert foreground.shape == size_of(index)[::-1]


@pytest.mark.parametrize(("value", "inside"), [(102, False), (128, False), (129, True), (153, True)])
def test_a_pixel_is_foreground_if_more_than_half_of_the_annotators_marked_it(
    root: Path, value: int, inside: bool
) -> None:
    mask = (root / "segmentations" / next(iter(cub_ids("test")))).with_suffix(".png")
    write_mask(mask, size_of(0), (3, 4, 9, 9), value)
    foreground, _ = cub(root, segmentations=True).annotations("test").masks(0)
    assert np.count_nonzero(foreground) == (30 if inside else 0)


def test_a_mask_of_another_size_and_kind_keeps_its_size(root: Path) -> None:
    width, height = size_of(0)
    mask = (root / "segmentations" / next(iter(cub_ids("test")))).with_suffix(".png")
    write_mask(mask, (2 * width, 2 * height), (6, 8, 18, 18))
    with Image.open(mask) as image:
        image.convert("LA").save(mask)
    (foreground,), _ = cub(root, segmentations=True).annotations("test").masks(0)
    expected = np.zeros((2 * height, 2 * width), dtype=bool)
    expected[8:18, 6:18] = True
    assert np.array_equal(foreground, expected)


def test_missing_segmentations_are_named_before_training(root: Path) -> None:
    benchmark = cub(root, segmentations=True)
    lost = (root / "segmentations" / list(cub_ids("test"))[2]).with_suffix(".png")
    lost.unlink()
    with pytest.raises(wsol.DataError, match=f"{lost.name}: no such image"):
        benchmark.annotations("test")
    assert check(benchmark).counts() == {"unreadable mask": 1}
    shutil.rmtree(root / "segmentations")
    with pytest.raises(wsol.DataError, match=r"segmentations: no such folder; segmentations=true needs it"):
        cub(root, segmentations=True).annotations("val")


def scorer(*metrics: str) -> Scorer:
    return Scorer((), None, load_plugins(), get_protocol("wsoleval-v2"), metrics, 0, 1)


def test_pxap_is_not_the_primary_metric_without_masks_of_val(root: Path) -> None:
    val = cub(root, segmentations=True).annotations("val")
    scorer("maxboxaccv2", "pxap").check(val, "val of cub")
    with pytest.raises(wsol.UsageError, match="the primary metric 'pxap' needs masks, and val of cub has none"):
        scorer("pxap", "maxboxaccv2").check(val, "val of cub")


def score(root: Path, folder: Path, split: str, *more: str) -> Any:
    given = ["--benchmark", "cub", "--split", split, "--root", str(root), "--option", "benchmark.segmentations=true"]
    fixed = ["--normalizer", "none", "--bootstrap", "0", "--json", "--out", str(folder / "out"), *more]
    return CliRunner().invoke(app, ["score", str(folder / split), *given, *fixed])


def test_pxap_is_scored_on_test_and_left_out_on_val(root: Path, tmp_path: Path) -> None:
    for split in ("val", "test"):
        for index, image_id in enumerate(cub_ids(split)):
            x0, y0, x1, y1 = cub_box(index)
            score_map = np.zeros(size_of(index)[::-1])
            score_map[y0 : y1 + 1, x0 : x1 + 1] = 1
            small = np.asarray(Image.fromarray(score_map).resize((224, 224), Image.Resampling.NEAREST))
            path = tmp_path / split / f"{image_id}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, small)
    val, test = score(root, tmp_path, "val"), score(root, tmp_path, "test")
    assert (val.exit_code, test.exit_code) == (0, 0), val.output + test.output
    assert "pxap" not in json.loads(val.stdout)["metrics"]
    assert "pxap: left out: there is no masks" in val.stderr
    assert json.loads(test.stdout)["metrics"]["pxap"]["value"] > 95
    assert json.loads(test.stdout)["primary"] == "maxboxaccv2"


def test_real_photographs_are_read(cub20: Path) -> None:
    benchmark = cub(cub20)
    names = benchmark.class_names()
    assert len(names) == 20
    assert "Brewer Blackbird" in names
    for split, count in (("train", 440), ("val", 160), ("test", 585)):
        images = benchmark.images(split)
        assert len(images) == count
        assert set(images.labels.tolist()) == set(range(20))
    annotations = benchmark.annotations("test")
    assert benchmark.images("test").ids[0] == "004.Groove_billed_Ani/Groove_Billed_Ani_0005_1750.jpg"
    assert annotations.boxes[0].tolist() == [[46, 43, 399, 299]]
    width, height = annotations.sizes[0]
    assert benchmark.images("test").load(0).shape == (height, width, 3)


def test_real_photographs_pass_the_check(cub20: Path) -> None:
    report = check(cub(cub20), ["val"])
    assert report.problems == []
    (val,) = report.splits
    assert (val.images, val.classes, val.boxes) == (160, 20, 160)


def test_real_boxes_are_not_centred_squares(cub20: Path) -> None:
    annotations = cub(cub20).annotations("val")
    boxes = np.concatenate(annotations.boxes)
    share = (boxes[:, 2:] - boxes[:, :2]).prod(1) / annotations.sizes.prod(1)
    assert 0.2 < share.mean() < 0.6


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_file_with_annotations_is_named(root: Path, split: str) -> None:
    assert len(check_annotation_files(cub(root), split)) == 4


def test_masks_are_among_the_files_with_annotations(root: Path) -> None:
    masks = root / "segmentations"
    for image_id in cub(root).images("test").ids:
        write_mask(masks / Path(image_id).with_suffix(".png"), size_of(0), (0, 0, 3, 3))
    found = cub(root, segmentations=True).annotation_files("test")
    assert len(found) == 4 + len(cub(root).images("test").ids)
    assert all(path.is_file() for path in found)
