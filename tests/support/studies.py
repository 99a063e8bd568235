"""Studies of tests: the shipped ones as plans with published numbers, and a small one that was run."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import PUBLISHED, TOY
from tests.support.stages import stay_in_this_process
from wsol.plugins import load_plugins
from wsol.study.config import load_study
from wsol.study.job import SerialRunner
from wsol.study.plan import Plan, TrainingCell, make_plan
from wsol.study.run import run_study

DETERMINISM: dict[str, Any] = {
    "name": "s",
    "benchmark": "sprites",
    "recipes": [
        {"method": "cam", "backbone": "tiny", "pooling": "gap", "extractor": "cam", "normalizer": ["minmax", "none"]}
    ],
    "schedule": {"epochs": 1},
    "metrics": ["maxboxaccv2", "pxap", "top1_cls"],
    "trials": 2,
    "seeds": 1,
    "bootstrap": 20,
}
"""A small study with a training, a sweep and all kinds of metrics, whose numbers must not depend on how it is run."""

DATA_SETS = {
    "CUB": "cub",
    "ImageNet": "ilsvrc",
    "OpenImages": "openimages",
    "Stanford Cars": "cars",
    "Tiny-ImageNet": "tiny-imagenet",
    "Oxford Flowers-102": "flowers",
}
BACKBONES = {
    "VGG16": "vgg16",
    "VGG-GAP": "vgg16",
    "InceptionV3": "inception_v3",
    "ResNet50": "resnet50",
    "MobilenetV2": "mobilenet_v2",
    "DenseNet161": "densenet161",
}
METRICS = {
    "MaxBoxAccV2": "maxboxaccv2",
    "PxAP": "pxap",
    "GT-known Loc": "gt_known",
    "Top-1 Loc": "top1_loc",
    "Top-1 Cls": "top1_cls",
}


@cache
def plan(study: str, *overrides: str) -> Plan:
    """A shipped study as a plan, made once; the plan must not be changed."""
    return make_plan(load_study(study, overrides), load_plugins())


def cells(study: str, *overrides: str) -> tuple[TrainingCell, ...]:
    """The cells of a shipped study."""
    return plan(study, *overrides).cells


def names(cell: TrainingCell) -> tuple[str, str, str]:
    """Benchmark, method and backbone."""
    assert cell.train.ref("backbone") is not None
    return cell.train.benchmark.name, cell.train.method.name, cell.train.ref("backbone").name


def published(paper: str, table: str, *metrics: str, **columns: str) -> list[dict[str, str]]:
    """Rows of a paper's table: of these metrics if any are named, and with these values in their columns."""
    return [
        row
        for row in _published()
        if (row["paper"], row["table"]) == (paper, table)
        and (not metrics or row["metric"] in metrics)
        and all(row[column] == value for column, value in columns.items())
    ]


@cache
def _published() -> list[dict[str, str]]:
    with PUBLISHED.open(newline="") as file:
        return list(csv.DictReader(file))


SMALL: dict[str, Any] = {
    "name": "small",
    "benchmark": "toy",
    "recipes": [
        {"method": "toy", "normalizer": ["minmax", {"name": "ivr", "percentile": {"choice": [0.0, 0.3, 0.6]}}]},
        {"method": "center"},
    ],
    "metrics": ["maxboxaccv2", "boxacc_val", "top1_cls"],
    "schedule": {"epochs": 1},
    "trials": 3,
    "seeds": 2,
    "bootstrap": 20,
}
"""A study of the toy plugin with a sweep, a metric that carries a threshold to test, and a method without training."""


def run_small(folder: Path, **changes: Any) -> Path:
    """Run the small study in ``folder``, with changes to its keys; returns its results folder."""
    study = {**SMALL, **changes}
    with pytest.MonkeyPatch.context() as patch:
        stay_in_this_process(patch)
        run_study(study, out=folder, plugins=[TOY], cache=folder / "cache", runner=SerialRunner())
    return folder / str(study["name"])
