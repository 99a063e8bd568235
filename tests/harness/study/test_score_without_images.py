"""Third-party maps are scored with the metadata of one split alone; the test data are named as with images.

Data sets are written whole; everything that a benchmark does not need to score a split is deleted; then both must give
the same scores, hashes and name of the test data.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import wsol
from tests.support.cli import run_cli
from tests.support.data_sets import ids, write_data
from tests.support.official_layouts import (
    write_cub,
    write_ilsvrc,
    write_image,
    write_lines,
    write_mask,
    write_openimages,
)
from wsol.data.views import named_images
from wsol.evaluation.predictions.store import StoreWriter
from wsol.plugins import load_plugins
from wsol.study.ledger import read_ledger
from wsol.study.test_data_names import hash_test_data

IMAGES = (".jpg", ".JPEG", ".jpeg")
SCORED: tuple[wsol.EvalSplit, ...] = ("val", "test")


def write_folder(root: Path) -> Path:
    for split in ("train", "val", "test"):
        names = [f"{label}/{i}.png" for label in ("ant", "bee") for i in range(2)]
        for i, name in enumerate(names):
            write_image(root / split / name, (20 + i, 16), i)
        if split != "train":
            boxes = [f"{name},1,2,9,{8 + i}" for i, name in enumerate(names)]
            write_lines(root / f"{split}.csv", ["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *boxes])
    return root


def write_folder_masks(root: Path) -> Path:
    write_folder(root)
    for split in SCORED:
        (root / f"{split}.csv").unlink()
        for i, name in enumerate(f"{label}/{k}.png" for label in ("ant", "bee") for k in range(2)):
            write_mask(root / f"{split}_masks" / name, (20 + i % 4, 16), (1, 2, 9, 9))
    return root


def without_images(root: Path, split: str) -> None:
    """Keep the text files of one split and the masks; delete every photograph."""
    for path in [path for path in root.rglob("*") if path.suffix in IMAGES]:
        path.unlink()
    for other in {"train", "val", "test"} - {split}:
        for folder in [folder for folder in root.rglob(other) if (folder / "image_ids.txt").exists()]:
            shutil.rmtree(folder)


def without_other_splits(root: Path, split: str) -> None:
    """Keep the images of one split and the empty folders of the classes."""
    for path in sorted((root / "train").rglob("*.png")):
        path.unlink()
    other = {"val": "test", "test": "val"}[split]
    for path in root.glob(f"{other}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@dataclass(frozen=True)
class Layout:
    """A data set, and what is deleted before one of its splits is scored."""

    benchmark: str
    write: Callable[[Path], Path]
    delete: Callable[[Path, str], None] = without_images
    metric: str = "maxboxaccv2"
    options: tuple[str, ...] = ()

    def open(self, root: Path) -> wsol.Benchmark:
        options = {"root": str(root), **dict.fromkeys(self.options, True)}
        return load_plugins().create("benchmarks", self.benchmark, options)

    def submission(self, root: Path, split: wsol.EvalSplit, maps: Path) -> wsol.Submission:
        return wsol.Submission(
            maps,
            wsol.ComponentRef(name=self.benchmark, options={"root": str(root), **dict.fromkeys(self.options, True)}),
            split,
            metrics=(self.metric,),
            ledger=root.parent / "ledger.jsonl",
            bootstrap=0,
        )

    def __str__(self) -> str:
        return " ".join([self.benchmark, self.metric, *self.options])


LAYOUTS = [
    Layout("cub", write_cub),
    Layout("cub", write_cub, options=("segmentations",)),
    Layout("ilsvrc", write_ilsvrc),
    Layout("openimages", write_openimages, metric="pxap"),
    Layout("folder", write_folder, without_other_splits),
    Layout("folder", write_folder_masks, without_other_splits, metric="pxap"),
]


def write_maps(path: Path, benchmark: wsol.Benchmark, split: wsol.EvalSplit) -> Path:
    table = named_images(benchmark, split)
    maps = np.random.default_rng(0).random((len(table), 7, 7))
    with StoreWriter(path) as writer:
        writer.append(table.ids, table.labels, maps, np.eye(int(table.labels.max()) + 1)[table.labels])
    return path


@pytest.mark.parametrize("split", SCORED)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_scores_and_names_are_those_of_the_whole_data_set(
    layout: Layout, split: wsol.EvalSplit, tmp_path: Path
) -> None:
    whole, bare = layout.write(tmp_path / "whole" / "data"), tmp_path / "bare" / "data"
    shutil.copytree(whole, bare)
    layout.delete(bare, split)
    maps = write_maps(tmp_path / "my.maps", layout.open(whole), split)
    first, second = (wsol.score_submission(layout.submission(root, split, maps)) for root in (whole, bare))
    assert second.scores.metrics == first.scores.metrics
    one, other = (found.record.data[split] for found in (first, second))
    assert one == other
    assert (one.labels, one.boxes) == (other.labels, other.boxes) != ("", "")
    if split == "test":
        assert hash_test_data(layout.open(bare)) == hash_test_data(layout.open(whole))
        lines = [read_ledger(root.parent / "ledger.jsonl").entries[0].data for root in (whole, bare)]
        assert lines[0] == lines[1]


def test_images_are_the_same_test_data_as_those_of_a_final_run(tmp_path: Path) -> None:
    """What a run records of the images names them, but is no part of what is compared."""
    benchmark = LAYOUTS[0].open(write_cub(tmp_path / "data"))
    images, table = benchmark.images("test"), benchmark.image_table("test")
    assert (list(table.ids), table.labels.tolist()) == (list(images.ids), images.labels.tolist())
    assert table.fingerprint == ""


def broken(root: Path, name: str, text: str | None) -> None:
    path = root / "metadata" / "test" / name
    path.unlink() if text is None else write_lines(path, [text])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("image_ids.txt", None, r"test/image_ids\.txt: no such file; a split needs it"),
        ("class_labels.txt", None, r"test/class_labels\.txt: no such file"),
        ("image_sizes.txt", None, r"test/image_sizes\.txt: no such file"),
        ("localization.txt", None, r"test/localization\.txt: no such file"),
        (
            "image_sizes.txt",
            f"{ids('test')[0]},20,12",
            r"test/image_sizes\.txt: no valid line for '002.Wren/test_1\.png'",
        ),
        ("class_labels.txt", f"{ids('test')[0]},one", r"class_labels\.txt:1: 'one' should be whole numbers"),
        ("localization.txt", "other.png,1,2,3,4", r"localization\.txt:1: id 'other\.png' is not in image_ids\.txt"),
    ],
)
def test_incomplete_metadata_are_named(name: str, text: str | None, says: str, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    maps = write_maps(tmp_path / "my.maps", LAYOUTS[0].open(root), "test")
    shutil.rmtree(root / "images")
    broken(root, name, text)
    with pytest.raises(wsol.DataError, match=says):
        wsol.score_submission(LAYOUTS[0].submission(root, "test", maps))


@pytest.mark.parametrize(("columns", "says"), [(2, ""), (1, "the logits are of 1 classes, but benchmark 'cub' has 2")])
def test_logits_are_compared_with_the_labels_where_the_classes_are_unknown(
    columns: int, says: str, tmp_path: Path
) -> None:
    root = write_data(tmp_path / "data")
    shutil.rmtree(root / "images")
    shutil.rmtree(root / "metadata" / "train")
    with StoreWriter(tmp_path / "my.maps") as writer:
        writer.append(ids("test"), [0, 1], np.random.default_rng(0).random((2, 7, 7)), np.eye(2)[:, :columns])
    given = LAYOUTS[0].submission(root, "test", tmp_path / "my.maps")
    if says:
        with pytest.raises(wsol.DataError, match=says):
            wsol.score_submission(given)
    else:
        warnings = " ".join(wsol.score_submission(given).warnings)
        assert "the number of classes, 2, could not be compared with the benchmark's" in warnings
        assert "train/image_ids.txt: no such file" in warnings


def test_the_command_needs_the_text_files_alone(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    for folder in (root / "images", root / "metadata" / "train", root / "metadata" / "val"):
        shutil.rmtree(folder)
    boxes = [f"{name},1,2,10,9" for name in ids("test")]
    write_lines(tmp_path / "my.csv", ["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *boxes])
    words = ["score", tmp_path / "my.csv", "--benchmark", "cub", "--root", root, "--split", "test"]
    done = run_cli(*words, "--out", tmp_path / "out", "--bootstrap", "0", "--json", "--metric", "maxboxacc")
    assert done.returncode == 0, done.stderr
    assert '"maxboxacc"' in done.stdout
