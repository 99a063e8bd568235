"""The papers' studies: every published cell is planned once, with the published search, and nothing else is.

What counts is the published rows of the data sets that a study names; all three of them have CUB.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from wsol.plugins import Plugins, load_plugins
from wsol.study.plan import Cell, Plan, make_plan
from wsol.study.study import load_study

FACTS = Path(__file__).parents[2] / "leaderboard" / "wsol_leaderboard" / "data" / "published_results.csv"
NAMES = {"CUB": "cub", "ImageNet": "ilsvrc", "OpenImages": "openimages"}
BACKBONES = {"VGG16": "vgg16", "InceptionV3": "inception_v3", "ResNet50": "resnet50"}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def plan(name: str, plugins: Plugins, *overrides: str) -> Plan:
    return make_plan(load_study(name, overrides), plugins)


def published(paper: str, table: str, made: Plan) -> list[dict[str, str]]:
    data = {benchmark.name for benchmark in made.study.benchmark}
    assert "cub" in data
    with FACTS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["paper"], row["table"]) == (paper, table)]
    return [row for row in rows if NAMES[row["dataset"]] in data]


def names(cell: Cell) -> tuple[Any, ...]:
    spec = cell.train
    assert spec.backbone is not None
    return spec.benchmark.name, spec.method.name, spec.backbone.name


def test_table_1_of_beyond_gap(plugins: Plugins) -> None:
    made, found = plan("beyond-gap-table1", plugins), []
    for cell in made.cells:
        data, method, backbone = names(cell)
        assert backbone == "resnet50"
        assert cell.train.pooling is not None
        pooling, level = cell.train.pooling.name.upper(), cell.train.method.options.get("level")
        stride = cell.train.backbone.options["stride"]
        network = f"[+ FPN ({level})]" if method == "fpn_cam" else f"[without FPN ({32 // stride}x)]"
        cutout = "[Cutout]" if [a.name for a in cell.train.augmentations] == ["cutout"] else "[no Cutout]"
        assert stride == 32 or method == "cam"
        found.append((f"{pooling} {network} {cutout}", data))
    expected = [(row["method"], NAMES[row["dataset"]]) for row in published("BeyondGAP", "T1", made)]
    assert len(expected) >= 30
    assert sorted(found) == sorted(expected)


def test_the_searches_of_beyond_gap(plugins: Plugins) -> None:
    for cell in plan("beyond-gap-table1", plugins).cells:
        assert len(cell.trials) == 30
        spec = cell.train
        assert spec.pooling is not None
        assert spec.backbone is not None
        narrow = spec.pooling.name == "glsep" and spec.backbone.options["stride"] == 8 and not spec.augmentations
        low, high = (1e-7, 1e-2) if narrow else (1e-5, 1.0)
        assert spec.method.search["lr"] == {"loguniform": [low, high]}
        assert spec.method.search["weight_decay"] == {"loguniform": [1e-7, 1e-1]}
        drawn = {name for trial in cell.trials for name in trial.hparams}
        assert drawn == {"method.lr", "method.weight_decay"} | ({"cutout.max_size"} if spec.augmentations else set())
        sizes = [trial.hparams.get("cutout.max_size", 0.25) for trial in cell.trials]
        assert 0 <= min(sizes) <= max(sizes) < 0.5


def test_table_1_of_ivr(plugins: Plugins) -> None:
    made, found = plan("ivr-table1", plugins), []
    for cell in made.cells:
        data, method, backbone = names(cell)
        assert cell.train.method.options["weight_decay"] == (1e-4 if backbone == "resnet50" else 5e-4)
        assert {trial.hparams["backbone.stride"] for trial in cell.trials} == {8, 16}
        assert len(cell.trials) == 30
        found += [(data, method, backbone, e.normalizer.name) for e in cell.evaluations if e.normalizer]
    expected = []
    for row in published("IVR", "T1", made):
        if row["backbone"] != "Mean":
            method, normalizer = row["method"].lower().split(" + ")
            expected.append((NAMES[row["dataset"]], method, BACKBONES[row["backbone"]], normalizer))
    assert len(expected) >= 72
    assert sorted(found) == sorted(expected)


def test_table_2_of_ivr(plugins: Plugins) -> None:
    made, found = plan("ivr-table2", plugins), []
    for cell in made.cells:
        data, method, backbone = names(cell)
        assert {e.extractor.name for e in cell.evaluations if e.extractor} == {"cam_nwc"}
        found += [(data, method, backbone, e.normalizer.name) for e in cell.evaluations if e.normalizer]
    rows = [row for row in published("IVR", "T2", made) if row["metric"] == "MaxBoxAccV2"]
    words = [row["method"].lower().replace("min-max", "minmax").split(" + ") for row in rows]
    assert sorted(found) == sorted(("cub", m, b, n) for m, n, _ in words for b in BACKBONES.values())


@pytest.mark.parametrize(("name", "cells"), [("beyond-gap-table1", 30), ("ivr-table1", 18), ("ivr-table2", 6)])
def test_they_run_on_generated_images_too(name: str, cells: int, plugins: Plugins) -> None:
    made = plan(name, plugins, "benchmark=sprites", "schedule.epochs=1", "trials=1")
    assert len(made.cells) == cells
    assert all(cell.train.schedule.epochs == 1 and len(cell.trials) == 1 for cell in made.cells)
