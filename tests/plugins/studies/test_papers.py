"""The papers' studies: every published cell is planned once, with its published search and metric, and nothing else."""

from __future__ import annotations

import csv
from collections import Counter
from typing import Any

import pytest

from tests.support.paths import PUBLISHED
from wsol.plugins import Plugins, load_plugins
from wsol.study.config import load_study
from wsol.study.plan import Plan, TrainingCell, make_plan

NAMES = {"CUB": "cub", "ImageNet": "ilsvrc", "OpenImages": "openimages"}
METRICS = {"MaxBoxAccV2": "maxboxaccv2", "PxAP": "pxap"}
BACKBONES = {"VGG16": "vgg16", "InceptionV3": "inception_v3", "ResNet50": "resnet50"}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def plan(name: str, plugins: Plugins, *overrides: str) -> Plan:
    return make_plan(load_study(name, overrides), plugins)


@pytest.fixture(autouse=True)
def _without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSOL_DATA", raising=False)


def published(paper: str, table: str) -> list[dict[str, str]]:
    with PUBLISHED.open(newline="") as file:
        return [row for row in csv.DictReader(file) if (row["paper"], row["table"]) == (paper, table)]


def names(cell: TrainingCell) -> tuple[Any, ...]:
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
        found.append((f"{pooling} {network} {cutout}", data, cell.metrics[0]))
    rows = published("BeyondGAP", "T1")
    expected = [(row["method"], NAMES[row["dataset"]], METRICS[row["metric"]]) for row in rows]
    assert len(expected) == 30 + 24
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
        assert cell.train.benchmark.options == ({"train_list": "proxy_search"} if data == "ilsvrc" else {})
        of_data = (data, cell.metrics[0], method, backbone)
        found += [(*of_data, e.normalizer.name) for e in cell.evaluations if e.normalizer]
    expected = []
    for row in published("IVR", "T1"):
        if row["backbone"] != "Mean":
            method, normalizer = row["method"].lower().split(" + ")
            of_data = (NAMES[row["dataset"]], METRICS[row["metric"]], method, BACKBONES[row["backbone"]])
            expected.append((*of_data, normalizer))
    assert len(expected) == 3 * 72
    assert sorted(found) == sorted(expected)


def test_table_2_of_ivr(plugins: Plugins) -> None:
    made, found = plan("ivr-table2", plugins), []
    for cell in made.cells:
        data, method, backbone = names(cell)
        assert {e.extractor.name for e in cell.evaluations if e.extractor} == {"cam_nwc"}
        found += [(data, method, backbone, e.normalizer.name) for e in cell.evaluations if e.normalizer]
    rows = [row for row in published("IVR", "T2") if row["metric"] == "MaxBoxAccV2"]
    words = [row["method"].lower().replace("min-max", "minmax").split(" + ") for row in rows]
    assert sorted(found) == sorted(("cub", m, b, n) for m, n, _ in words for b in BACKBONES.values())


@pytest.mark.parametrize(("name", "cells"), [("beyond-gap-table1", 30), ("ivr-table1", 18), ("ivr-table2", 6)])
def test_they_run_on_generated_images_too(name: str, cells: int, plugins: Plugins) -> None:
    made = plan(name, plugins, "benchmark=sprites", "schedule.epochs=1", "trials=1")
    assert len(made.cells) == cells
    assert all(cell.train.schedule.epochs == 1 and len(cell.trials) == 1 for cell in made.cells)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("beyond-gap-table1", {"cub": 30, "openimages": 24}),
        ("ivr-table1", {"cub": 18, "ilsvrc": 18, "openimages": 18}),
        ("minmaxcam-table1", {"cub": 16, "ilsvrc": 16, "openimages": 16}),
        ("psol-table1", {"cub": 10, "ilsvrc": 10}),
        ("psol-table2", {"cub": 9, "ilsvrc": 9}),
        ("psol-table3", {"cub": 2, "ilsvrc": 2}),
    ],
)
def test_each_data_set_may_be_run_alone_and_has_its_folder(name: str, cells: dict[str, int], plugins: Plugins) -> None:
    whole = plan(name, plugins, *(f"benchmark.{i}.root=/data/{data}" for i, data in enumerate(cells)))
    found = Counter(cell.train.benchmark.name for cell in whole.cells)
    assert found == cells
    assert {c.train.benchmark.options["root"] for c in whole.cells} == {f"/data/{data}" for data in cells}
    for data, count in cells.items():
        alone = plan(name, plugins, f"benchmark={data}", "benchmark.0.root=/elsewhere")
        assert [cell.train.benchmark.options["root"] for cell in alone.cells] == ["/elsewhere"] * count
