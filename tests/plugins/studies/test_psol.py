"""The paper's tables as studies: every published row that the backbones allow is planned."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.studies import BACKBONES, DATA_SETS, cells, published
from wsol.study.plan import TrainingCell

SCHEDULES = {  # section 4.2
    "CUB": {"epochs": 30, "decay_every": 10, "decay": 0.1, "batch_size": 64},
    "ImageNet": {"epochs": 6, "decay_every": 2, "decay": 0.1, "batch_size": 256},
}


def named(cell: TrainingCell) -> tuple[str, str, dict[str, Any]]:
    assert cell.train.ref("backbone") is not None
    return cell.train.method.name, cell.train.ref("backbone").name, cell.train.method.options


def test_table_1() -> None:
    planned = {(cell.train.benchmark.name, *named(cell)[:2]) for cell in cells("psol-table1")}
    rows = published("PSOL", "T1")
    assert len(rows) == 2 * 7
    method = {"VGG16-CAM": "cam", "VGG16-ACoL": "acol", "SPG": "spg"}
    for row in rows:
        cell = (DATA_SETS[row["dataset"]], method.get(row["method"], "ddt"), BACKBONES[row["backbone"]])
        assert cell in planned, row["method"]
    ddt = [cell for cell in cells("psol-table1") if cell.train.method.name == "ddt"]
    assert all(len(cell.trials) == 1 for cell in ddt)


@pytest.mark.parametrize("dataset", SCHEDULES)
def test_table_2(dataset: str) -> None:
    found = {}
    for cell in cells("psol-table2"):
        method, backbone, options = named(cell)
        if method == "psol" and cell.train.benchmark.name == DATA_SETS[dataset]:
            assert cell.train.schedule.model_dump() == SCHEDULES[dataset]
            found[backbone, {"joint": "Joint"}.get(options.get("variant", ""), "Sep")] = options
            assert (options["ddt_backbone"], options["ddt"], options["lr"]) == ("vgg16", {"pool": 2}, 1e-3)
            assert options.get("ten_crop", False) == (dataset == "ImageNet")
    rows = published("PSOL", "T2", "Top-1 Loc", dataset=dataset)
    psol = [row for row in rows if row["method"].startswith("PSOL") and row["backbone"] != "VGG16"]
    assert len(psol) == 8
    assert {(BACKBONES[row["backbone"]], row["method"].rsplit("-", 1)[1]) for row in psol} == set(found)
    assert found["vgg16", "Sep"]["stage"] == "conv5"


def test_table_3_and_4_name_their_regressors() -> None:
    regressors = {row["backbone"] for row in published("PSOL", "T3") if row["method"].startswith("PSOL")}
    for dataset in SCHEDULES:
        trained = [cell for cell in cells("psol-table3") if cell.train.benchmark.name == DATA_SETS[dataset]]
        assert {named(cell)[1] for cell in trained} == {BACKBONES[name] for name in regressors}
        assert [cell.train.schedule.model_dump() for cell in trained] == [SCHEDULES[dataset]] * 2
    assert {row["dataset"] for row in published("PSOL", "T4")} == {"ImageNet"}
    for cell in cells("psol-table4"):
        assert cell.train.benchmark.name == "ilsvrc"
        assert cell.train.schedule.model_dump() == SCHEDULES["ImageNet"]
    table4 = [named(cell)[:2] for cell in cells("psol-table4")]
    assert sorted(table4) == [("cam", "efficientnet_b7"), ("psol", "densenet161"), ("psol", "inception_v3")]


@pytest.mark.parametrize(
    ("name", "count"), [("psol-table1", 10), ("psol-table2", 9), ("psol-table3", 2), ("psol-table4", 3)]
)
def test_they_can_be_planned_on_generated_images(name: str, count: int) -> None:
    assert len(cells(name, "benchmark=sprites", "trials=1")) == count
