"""The studies of MinMaxCAM and of the weight maps: every published cell that can be run is planned once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.studies import BACKBONES, DATA_SETS, METRICS, plan, published
from wsol.study.plan import Plan


def methods(made: Plan, *options: str) -> list[tuple[Any, ...]]:
    """(method, backbone, options of the method) of each cell."""
    found = []
    for cell in made.cells:
        method, backbone = cell.train.method, cell.train.ref("backbone")
        assert backbone is not None
        found.append((method.name, backbone.name, *(method.options.get(option) for option in options)))
    return found


def test_minmaxcam_table_1() -> None:
    made = plan("minmaxcam-table1")
    rows = published("MinMaxCAM", "T1", "MaxBoxAccV2", "PxAP")
    wanted = [
        (DATA_SETS[row["dataset"]], row["method"].lower(), BACKBONES[row["backbone"]])
        for row in rows
        if row["method"] != "I2C"
    ]
    assert len(wanted) == 3 * 16
    data = [cell.train.benchmark.name for cell in made.cells]
    assert sorted(zip(data, *zip(*methods(made), strict=True), strict=True)) == sorted(wanted)
    for cell in made.cells:
        assert len(cell.trials) == 30
        assert cell.metrics[0] == ("pxap" if cell.train.benchmark.name == "openimages" else "maxboxaccv2")
        if cell.train.method.name == "minmaxcam":
            assert cell.train.schedule.epochs == (200 if cell.train.benchmark.name == "cub" else 10)
            assert {name for trial in cell.trials for name in trial.hparams} == {"method.crr", "method.frr"}
            assert cell.train.schedule.batch_size == (50 if cell.train.ref("backbone").name == "resnet50" else 60)
            draws = [trial.hparams["method.crr"] for trial in cell.trials]
            assert 0 <= min(draws) < 2 < 18 < max(draws) < 20


def test_minmaxcam_table_2() -> None:
    rows = published("MinMaxCAM", "T2", "MaxBoxAccV2")
    masks = {"MinMaxCAM": "inputs", "MinMaxCAM, H applied to features": "features"}
    wanted = [("minmaxcam", BACKBONES[row["backbone"]], masks[row["method"]]) for row in rows]
    assert sorted(methods(plan("minmaxcam-table2"), "mask")) == sorted(wanted)


def test_minmaxcam_table_3() -> None:
    rows = published("MinMaxCAM", "T3", "MaxBoxAccV2")
    sizes = [row["method"].rpartition("S=")[2] for row in rows]
    wanted = [("cam", "mobilenet_v2", None) if s == "CAM" else ("minmaxcam", "mobilenet_v2", int(s)) for s in sizes]
    assert len(wanted) == 5
    assert sorted(methods(plan("minmaxcam-table3"), "set_size"), key=str) == sorted(wanted, key=str)


def test_minmaxcam_figure_5_varies_one_weight_at_a_time() -> None:
    made = plan("minmaxcam-fig5")
    found = methods(made, "crr", "frr")
    assert all(len(cell.trials) == 1 for cell in made.cells)
    assert len(set(found)) == len(found) == 18
    for backbone, crr, frr in (("vgg16", 1, 10), ("mobilenet_v2", 10, 1)):
        points = {point[2:] for point in found if point[1] == backbone}
        assert {p[0] for p in points if p[1] == frr} == {0, 1, 5, 10, 20}
        assert {p[1] for p in points if p[0] == crr} == {0, 1, 5, 10, 20}
        assert all(p[0] == crr or p[1] == frr for p in points)


@pytest.mark.parametrize("table", [1, 2, 3, 4, 5])
def test_weightmap_tables_of_results(table: int) -> None:
    """Methods, data set, metrics and the network f are the table's; g has both encoders, boxes its threshold."""
    made = plan(f"weightmap-table{table}")
    own = [row for row in published("WeightMap", f"T{table}") if row["method"].startswith("Weight map")]
    names = {row["method"].replace("Weight map ", "weightmap").replace("II", "2").replace("I", "1") for row in own}
    assert sorted(methods(made)) == sorted((name, net) for name in names for net in ("resnet18", "resnet50"))
    (teacher,) = {row["backbone"].removesuffix(" f").lower() for row in own}
    for cell in made.cells:
        assert len(cell.trials) == 1
        assert {cell.train.benchmark.name} == {DATA_SETS[row["dataset"]] for row in own}
        assert {METRICS[row["metric"]] for row in own} <= set(cell.metrics)
        assert cell.protocol == "legacy"
        f = cell.train.method.options["f"]
        assert (f["backbone"], f["epochs"], f["batch_size"]) == ({"name": teacher, "stride": 32}, 200, 16)
        (evaluation,) = cell.evaluations
        assert evaluation.ref("normalizer") is not None
        assert evaluation.ref("normalizer").name == "none"
        if "gt_known" in cell.metrics:
            assert evaluation.ref("box_rule") is not None
            assert evaluation.ref("box_rule").options == {"theta": 0.1}


def test_weightmaps_on_tiny_imagenet_train_longer_and_with_weight_decay() -> None:
    found = {}
    for table in (1, 2, 3, 4, 5):
        for cell in plan(f"weightmap-table{table}").cells:
            g = (cell.train.schedule.epochs, cell.train.schedule.batch_size, cell.train.method.options["lr"])
            found[table] = (*g, cell.train.method.options.get("weight_decay", 0))
    assert found.pop(3) == (1000, 128, 1e-4, 5e-5)
    assert set(found.values()) == {(100, 128, 1e-4, 0)}


def test_table_4_of_weightmap_uses_masks_of_cub() -> None:
    for cell in plan("weightmap-table4").cells:
        assert cell.train.benchmark.options == {"segmentations": True}
        assert cell.metrics == ("gt_known", "pxap")  # the first one chooses, and val has no masks


def test_weightmap_table_6() -> None:
    terms = {"R": "sparsity", "outer": "outer", "inner": "inner"}
    wanted = []
    for row in published("WeightMap", "T6", "GT-known Loc"):
        kept = {terms[term] for term in row["method"].rpartition("terms ")[2].split("+")}
        wanted.append(("weightmap2", "resnet18", *(None if t in kept else 0 for t in terms.values())))
    assert len(wanted) == 4
    assert sorted(methods(plan("weightmap-table6"), *terms.values()), key=str) == sorted(wanted, key=str)


@pytest.mark.parametrize("name", ["minmaxcam-table3", *(f"weightmap-table{i}" for i in range(1, 7))])
def test_they_can_be_planned_on_generated_images(name: str) -> None:
    made = plan(name, "benchmark=sprites", "schedule.epochs=1", "trials=1", "recipes.0.backbone=tiny")
    assert all(cell.train.benchmark.name == "sprites" for cell in made.cells)
