"""Oxford Flowers-102, on a miniature of its official layout, and the effect of JPEG on a blue background."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import Flowers102
from typer.testing import CliRunner

import wsol
from tests.support.opened_files import check_annotation_files
from tests.support.pictures import SIZE, cut, write
from tests.support.views import open_trial
from wsol.cli.main import app
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.plugins import load_plugins
from wsol.protocols import get_protocol
from wsol.study.config import validate_study
from wsol.study.plan import make_plan
from wsol.study.session import Session
from wsol_flowers import wsol_benchmarks
from wsol_flowers.benchmark import Flowers, FlowersOptions, not_blue

COUNT = 3 * 102
SPLITS = {"train": "trnid", "val": "valid", "test": "tstid"}


def petals(height: int, width: int, lobes: int = 5) -> np.ndarray:
    """A flower's outline, bool [height, width]."""
    y, x = np.mgrid[0:height, 0:width]
    y, x = y - height / 2, x - width / 2
    angle = np.arctan2(y, x)
    return np.hypot(y, x) < min(height, width) * (0.3 + 0.1 * np.cos(lobes * angle))


def on_blue(shape: np.ndarray, seed: int, colour: tuple[int, int, int] | None = None) -> np.ndarray:
    """A textured flower on pure blue, uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    small = rng.normal(0, 30, (shape.shape[0] // 4 + 1, shape.shape[1] // 4 + 1, 3))
    texture = small.repeat(4, 0).repeat(4, 1)[: shape.shape[0], : shape.shape[1]]
    image = np.clip(np.array(colour or rng.integers(30, 226, 3)) + texture, 0, 255).astype(np.uint8)
    image[~shape] = (0, 0, 255)
    return image


def jpeg(image: np.ndarray, quality: int, subsampling: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(stored))


def segment(root: Path, number: int, image: np.ndarray) -> None:
    (root / "segmim").mkdir(exist_ok=True)
    Image.fromarray(image).save(root / "segmim" / f"segmim_{number:05d}.jpg", quality=95, subsampling=0)


def save_lists(root: Path, labels: list[int] | None = None, **splits: list[int]) -> None:
    """As MATLAB stores them: 1 x N, small unsigned integers."""
    numbers = list(range(1, COUNT + 1))
    whole = {"trnid": numbers[:102], "valid": numbers[102:204], "tstid": numbers[204:]} | splits
    savemat(root / "setid.mat", {name: np.array([found], dtype=np.uint16) for name, found in whole.items()})
    labels = [1 + i % 102 for i in range(COUNT)] if labels is None else labels
    savemat(root / "imagelabels.mat", {"labels": np.array([labels], dtype=np.uint8)})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("flowers")
    save_lists(root)
    for number in range(1, COUNT + 1):
        write(root / "jpg" / f"image_{number:05d}.jpg", seed=number, mode={205: "L", 206: "CMYK"}.get(number, "RGB"))
        if number > 102:  # those of train are never opened
            segment(root, number, on_blue(petals(SIZE[1], SIZE[0]), number, (200, 60, 60)))
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "flowers")


def flowers(root: Path, **options: object) -> Flowers:
    return Flowers(FlowersOptions(root=str(root), **options))


def test_the_benchmark_is_registered_and_described() -> None:
    assert wsol_benchmarks() == [Flowers]
    assert (Flowers.schedule.epochs, Flowers.schedule.decay_every, Flowers.schedule.batch_size) == (200, 80, 16)
    assert (Flowers.protocol, Flowers.metrics[0], Flowers.split_sizes[0]) == ("legacy", "pxap", 1020)
    assert all((Flowers.licence, Flowers.citation, Flowers.source, Flowers.paper))


def test_class_names_equal_torchvisions() -> None:
    assert list(Flowers().class_names()) == Flowers102.classes


def test_archives_equal_torchvisions() -> None:
    known = {archive.name: archive.md5 for archive in Flowers.archives}
    for name, md5 in Flowers102._file_dict.values():
        assert known[name] == md5
    assert {archive.url.rpartition("/")[0] + "/" for archive in Flowers.archives} == {Flowers102._download_url_prefix}


def test_the_official_splits(whole: Path) -> None:
    for split, first in (("train", 1), ("val", 103), ("test", 205)):
        images = flowers(whole).images(split)
        assert images.ids[0] == f"jpg/image_{first:05d}.jpg"
        assert images.labels.tolist() == list(range(102))


def test_torchvision_reads_the_same_images(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flowers102, "_check_integrity", lambda self: True)  # the lists are not the real ones
    shutil.copytree(whole, tmp_path / "flowers-102")
    for split in SPLITS:
        theirs = Flowers102(str(tmp_path), split=split)
        ours = flowers(tmp_path).images(split)
        assert [Path(path).name for path in theirs._image_files] == [Path(name).name for name in ours.ids]
        first = 1 if min(theirs._labels) == 1 else 0  # newer versions count from 0
        assert [label - first for label in theirs._labels] == ours.labels.tolist()


def test_masks_are_true_where_the_image_is_not_blue(whole: Path) -> None:
    annotations = flowers(whole).annotations("test")
    truth = petals(SIZE[1], SIZE[0])
    assert annotations.sizes.tolist() == [list(SIZE)] * 102
    assert annotations.boxes is None
    for index in (0, 50, 101):
        foreground, ignore = annotations.masks(index)
        assert (foreground.dtype, foreground.shape, ignore) == (np.bool_, (SIZE[1], SIZE[0]), None)
        assert (foreground & truth).sum() / (foreground | truth).sum() > 0.9


def test_blue_comes_back_from_jpeg_as_254() -> None:
    for quality in (75, 90, 95):
        plain = jpeg(np.full((32, 32, 3), (0, 0, 255), dtype=np.uint8), quality, 2)
        assert np.unique(plain.reshape(-1, 3), axis=0).tolist() == [[0, 0, 254]]
        assert not not_blue(plain, 0).any()


def test_the_mask_rule_at_its_thresholds() -> None:
    pixels = np.array([[[24, 24, 230], [25, 0, 254], [0, 25, 254], [0, 0, 229], [0, 0, 255]]], dtype=np.uint8)
    assert not_blue(pixels, 24).tolist() == [[False, True, True, True, False]]
    assert not_blue(pixels, 0).tolist() == [[True, True, True, True, False]]


@pytest.mark.parametrize(("quality", "subsampling"), [(75, 0), (75, 2), (90, 2), (95, 0), (95, 2)])
def test_the_tolerance_recovers_the_outline(quality: int, subsampling: int) -> None:
    """Better than no tolerance, and than a tolerance so large that blue petals are lost."""

    def overlap(tolerance: int) -> float:
        found = []
        for seed in range(9):
            truth = petals(200, 240, 3 + seed % 5)
            colour = ((70, 50, 200), (25, 30, 25), None)[seed % 3]  # blue, dark, any
            mask = not_blue(jpeg(on_blue(truth, seed, colour), quality, subsampling), tolerance)
            found.append((mask & truth).sum() / (mask | truth).sum())
        return float(np.mean(found))

    chosen = overlap(FlowersOptions().tolerance)
    assert chosen > 0.93
    assert chosen > overlap(0) + 0.05
    assert chosen > overlap(80) + 0.05


def test_an_empty_segmentation_is_ignored_everywhere(root: Path) -> None:
    segment(root, 205, on_blue(np.zeros(SIZE[::-1], dtype=bool), 0))
    foreground, ignore = flowers(root).annotations("test").masks(0)
    assert (foreground.any(), ignore.all()) == (False, True)
    assert check(flowers(root), ["test"]).problems == []


def test_the_masks_as_maps_score_100(root: Path, tmp_path: Path) -> None:
    """Through ``wsol score``, in the frame of the protocol: the middle 224 of 256 pixels."""
    segment(root, 103, on_blue(np.zeros(SIZE[::-1], dtype=bool), 0))
    data = flowers(root)
    images, annotations = data.images("val"), data.annotations("val")
    rng = np.random.default_rng(0)

    def pxap(noise: float) -> float:
        for index, image_id in enumerate(images.ids):
            mask = annotations.masks(index)[0].astype(np.float32)
            square = cv2.resize(mask, (256, 256), interpolation=cv2.INTER_NEAREST)[16:240, 16:240]
            path = tmp_path / "maps" / f"{image_id}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, square + noise * rng.random(square.shape, dtype=np.float32) + (index == 0) * np.eye(224))
        command = ["score", tmp_path / "maps", "--benchmark", "flowers", "--root", root, "--out", tmp_path / "results"]
        command += ["--split", "val", "--metric", "pxap", "--bootstrap", "0", "--json"]
        result = CliRunner().invoke(app, [str(part) for part in command])
        assert result.exit_code == 0, result.output
        return float(json.loads(result.stdout)["metrics"]["pxap"]["value"])

    assert pxap(0) == 100  # the map of the image whose segmentation is empty counts for nothing
    assert 40 < pxap(2) < 95


def test_training_reads_no_segmentation(root: Path, tmp_path: Path) -> None:
    for number in range(1, 103):
        (root / "segmim" / f"segmim_{number:05d}.jpg").write_text("never opened")
    data = flowers(root)
    open_trial(data, get_protocol(data.protocol), ImageCache(tmp_path / "cache"))
    assert check(data).problems == []
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        data.annotations("train")
    shutil.rmtree(root / "segmim")
    assert len(data.images("test")) == 102
    with pytest.raises(wsol.DataError, match=r"segmim_00205.jpg: no such image"):
        data.annotations("test")


def test_all_problems_are_reported_with_their_place(root: Path) -> None:
    labels = [1 + i % 102 for i in range(COUNT)]
    labels[206] = 103
    save_lists(root, labels, tstid=[205, 206, 207, 206, 9999, 0, 1, *range(208, COUNT + 1)])
    cut(root / "jpg" / "image_00208.jpg")
    (root / "jpg" / "image_00209.jpg").unlink()
    (root / "segmim" / "segmim_00210.jpg").unlink()
    cut(root / "segmim" / "segmim_00211.jpg")
    write(root / "segmim" / "segmim_00212.jpg", size=(30, 30))
    report = check(flowers(root))
    expected = {"unreadable image": 2, "unreadable mask": 3, "unknown id": 2, "bad label": 1, "duplicate id": 1}
    assert report.counts() == {**expected, "wrong size": 1, "image in two splits": 1}
    messages = [problem.message for problem in report.problems]
    assert f"{root}/setid.mat:tstid(3): class 103 is out of range; classes are 1 to 102" in messages
    assert (
        f"{root}/setid.mat:tstid(4): 'jpg/image_00206.jpg' is repeated; it was at {root}/setid.mat:tstid(2)" in messages
    )
    assert f"{root}/setid.mat:tstid(5): no image 9999; imagelabels.mat has {COUNT}" in messages
    assert "'jpg/image_00001.jpg' is in train and in test" in messages
    assert f"{root}/segmim/segmim_00212.jpg: 30 x 30 pixels, the image 24 x 16" in messages
    with pytest.raises(wsol.DataError, match=r"setid.mat:tstid\(3\): class 103"):
        flowers(root).images("test")


@pytest.mark.usefixtures("stages_here")
def test_a_study_without_data_is_an_error_before_training(root: Path, tmp_path: Path) -> None:
    plugins = load_plugins()

    def check_data(place: Path) -> None:
        benchmark = {"name": "flowers", "root": str(place)}
        study = validate_study({"name": "s", "benchmark": benchmark, "recipes": [{"method": "center"}]}, "test")
        Session(make_plan(study, plugins), plugins, tmp_path / "out").check_data()

    check_data(root)
    with pytest.raises(wsol.DataError, match=r"no 'setid.mat' there; 'wsol data info flowers' says"):
        check_data(tmp_path / "elsewhere")
    (root / "jpg" / "image_00150.jpg").unlink()
    with pytest.raises(wsol.DataError, match=r"unreadable image: 1\n.*image_00150.jpg: no such image"):
        check_data(root)


def test_a_missing_or_broken_list_is_named(root: Path) -> None:
    cut(root / "imagelabels.mat", 0.3)
    with pytest.raises(wsol.DataError, match=r"imagelabels.mat: not a readable MATLAB file"):
        flowers(root).images("train")
    (root / "setid.mat").unlink()
    with pytest.raises(wsol.DataError, match=r"no 'setid.mat' there; 'wsol data info flowers' says"):
        flowers(root).images("train")


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_file_with_annotations_is_named(root: Path, split: str) -> None:
    assert len(check_annotation_files(flowers(root), split)) > 2


def test_annotations_do_not_need_the_images(root: Path) -> None:
    before, table = flowers(root).annotations("test"), flowers(root).image_table("test")
    shutil.rmtree(root / "jpg")
    after = flowers(root).annotations("test")
    assert after.sizes.tolist() == before.sizes.tolist()
    assert flowers(root).image_table("test").ids == table.ids
