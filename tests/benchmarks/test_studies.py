"""Studies on miniatures of data sets, from the search to test, in this process: no Ray, a network of few weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.official_layouts import write_cub, write_ilsvrc, write_image, write_lines, write_mask
from wsol.plugins import load_plugins
from wsol.records import RunRecord
from wsol.study.config import load_study
from wsol.study.job import SerialRunner
from wsol.study.plan import make_plan
from wsol.study.session import Session
from wsol_ilsvrc import Ilsvrc

pytestmark = pytest.mark.usefixtures("stages_here")

STUDY: dict[str, Any] = {
    "name": "mini",
    "benchmark": [{"name": "sprites"}],
    "recipes": [
        {
            "method": {"name": "cam", "lr": 0.01},
            "backbone": {"name": "tiny", "stride": 4},
            "pooling": "gap",
            "extractor": "cam",
            "normalizer": "minmax",
        }
    ],
    "trials": 1,
    "seeds": 1,
    "bootstrap": 0,
    "schedule": {"epochs": 1, "batch_size": 4},
}


def run(folder: Path, name: str, root: Path, *more: str, **changes: Any) -> tuple[list[RunRecord], list[RunRecord]]:
    """Records of the trials and of the final runs; the benchmark is set as on the command line."""
    (folder / "mini.yaml").write_text(yaml.safe_dump({**STUDY, **changes}))
    overrides = [f"benchmark.0.{option}" for option in (f"name={name}", f"root={root}", *more)]
    plan = make_plan(load_study(str(folder / "mini.yaml"), overrides), load_plugins())
    session = Session(plan, load_plugins(), folder / "out", cache=folder / "cache")
    trials = session.search(SerialRunner())
    if any(record.status != "complete" for record in trials):
        return trials, []
    session.seal()
    return trials, session.final(SerialRunner())


def write_folder(root: Path, *kinds: str) -> Path:
    """Two classes of images with boxes or masks."""
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        lines = []
        for label in ("cat", "dog"):
            for i in range(count):
                write_image(root / split / label / f"{i}.png", (30, 20), i + ord(label[0]))
                lines.append(f"{label}/{i}.png,{i},2,{i + 9},11")
                if "masks" in kinds and split != "train":
                    write_mask(root / f"{split}_masks" / label / f"{i}.png", (30, 20), (i, 2, i + 10, 12))
        if "boxes" in kinds and split != "train":
            write_lines(root / f"{split}.csv", ["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *lines])
    return root


@pytest.mark.parametrize(
    ("kind", "metrics"),
    [("boxes", {"maxboxaccv2", "maxboxacc", "top1_loc", "top1_cls"}), ("masks", {"pxap", "top1_cls"})],
)
def test_a_folder_goes_from_search_to_test(tmp_path: Path, kind: str, metrics: set[str]) -> None:
    root = write_folder(tmp_path / "data", kind)
    trials, finals = run(tmp_path, "folder", root, "resize=36", "crop=32")
    assert [record.status for record in (*trials, *finals)] == ["complete"] * 2, trials[0].reason
    (val, test) = finals[0].results
    assert (val.split, test.split) == ("val", "test")
    assert set(test.metrics) == metrics
    assert test.primary == ("pxap" if kind == "masks" else "maxboxaccv2")
    assert all(0 <= value.value <= 100 for value in test.metrics.values())


def test_trials_train_on_the_proxy_list_and_final_runs_on_everything(tmp_path: Path) -> None:
    root = write_ilsvrc(tmp_path / "data")
    trials, finals = run(tmp_path, "ilsvrc", root, "train_list=proxy_search")
    assert [record.status for record in (*trials, *finals)] == ["complete"] * 2, trials[0].reason
    benchmark = Ilsvrc(Ilsvrc.Options(root=str(root), train_list="proxy"))
    assert trials[0].data["train of trials"].fingerprint == benchmark.images("train").fingerprint
    assert finals[0].data["train"].fingerprint == Ilsvrc(Ilsvrc.Options(root=str(root))).images("train").fingerprint
    assert trials[0].data["train of trials"] != finals[0].data["train"]


def test_masks_of_cub_are_scored_on_test_and_do_not_choose(tmp_path: Path) -> None:
    root = write_cub(tmp_path / "data")
    trials, finals = run(tmp_path, "cub", root, "segmentations=true")
    assert [record.status for record in (*trials, *finals)] == ["complete"] * 2, trials[0].reason
    val, test = finals[0].results
    assert set(test.metrics) - set(val.metrics) == {"pxap"}
    assert any("pxap: left out" in note for note in val.notes)


def test_a_metric_that_val_has_no_masks_for_fails_before_training(tmp_path: Path) -> None:
    root = write_cub(tmp_path / "data")
    (trial,), _ = run(tmp_path, "cub", root, "segmentations=true", metrics=["pxap", "maxboxaccv2"])
    assert trial.status == "failed"
    assert "the primary metric 'pxap' needs masks, and val of cub has none" in trial.reason
    assert trial.history == ()
