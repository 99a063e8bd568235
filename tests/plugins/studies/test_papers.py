"""The papers' studies: every published cell is planned once, with its published search and metric, and nothing else."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.studies import BACKBONES, DATA_SETS, METRICS, cells, names, plan, published


def test_table_1_of_beyond_gap() -> None:
    found = []
    for cell in cells("beyond-gap-table1"):
        data, method, backbone = names(cell)
        assert backbone == "resnet50"
        assert cell.train.ref("pooling") is not None
        pooling, level = cell.train.ref("pooling").name.upper(), cell.train.method.options.get("level")
        stride = cell.train.ref("backbone").options["stride"]
        network = f"[+ FPN ({level})]" if method == "fpn_cam" else f"[without FPN ({32 // stride}x)]"
        cutout = "[Cutout]" if [a.name for a in cell.train.refs("augmentation")] == ["cutout"] else "[no Cutout]"
        assert stride == 32 or method == "cam"
        found.append((f"{pooling} {network} {cutout}", data, cell.metrics[0]))
    rows = published("BeyondGAP", "T1")
    expected = [(row["method"], DATA_SETS[row["dataset"]], METRICS[row["metric"]]) for row in rows]
    assert len(expected) == 30 + 24
    assert sorted(found) == sorted(expected)


def test_the_searches_of_beyond_gap() -> None:
    for cell in cells("beyond-gap-table1"):
        assert len(cell.trials) == 30
        spec = cell.train
        (pooling,), (backbone,), cutout = (spec.refs(part) for part in ("pooling", "backbone", "augmentation"))
        narrow = pooling.name == "glsep" and backbone.options["stride"] == 8 and not cutout
        low, high = (1e-7, 1e-2) if narrow else (1e-5, 1.0)
        assert spec.method.search["lr"] == {"loguniform": [low, high]}
        assert spec.method.search["weight_decay"] == {"loguniform": [1e-7, 1e-1]}
        drawn = {name for trial in cell.trials for name in trial.hparams}
        assert drawn == {"method.lr", "method.weight_decay"} | ({"cutout.max_size"} if cutout else set())
        sizes = [trial.hparams.get("cutout.max_size", 0.25) for trial in cell.trials]
        assert 0 <= min(sizes) <= max(sizes) < 0.5


def test_table_1_of_ivr() -> None:
    found = []
    for cell in cells("ivr-table1"):
        data, method, backbone = names(cell)
        assert cell.train.method.options["weight_decay"] == (1e-4 if backbone == "resnet50" else 5e-4)
        assert {trial.hparams["backbone.stride"] for trial in cell.trials} == {8, 16}
        assert len(cell.trials) == 30
        assert cell.train.benchmark.options == ({"train_list": "proxy_search"} if data == "ilsvrc" else {})
        of_data = (data, cell.metrics[0], method, backbone)
        found += [(*of_data, e.ref("normalizer").name) for e in cell.evaluations if e.ref("normalizer")]
    expected = []
    for row in published("IVR", "T1"):
        if row["backbone"] != "Mean":
            method, normalizer = row["method"].lower().split(" + ")
            of_data = (DATA_SETS[row["dataset"]], METRICS[row["metric"]], method, BACKBONES[row["backbone"]])
            expected.append((*of_data, normalizer))
    assert len(expected) == 3 * 72
    assert sorted(found) == sorted(expected)


def test_table_2_of_ivr() -> None:
    found = []
    for cell in cells("ivr-table2"):
        data, method, backbone = names(cell)
        assert {e.ref("extractor").name for e in cell.evaluations if e.ref("extractor")} == {"cam_nwc"}
        found += [(data, method, backbone, e.ref("normalizer").name) for e in cell.evaluations if e.ref("normalizer")]
    rows = published("IVR", "T2", "MaxBoxAccV2")
    words = [row["method"].lower().replace("min-max", "minmax").split(" + ") for row in rows]
    assert sorted(found) == sorted(("cub", m, b, n) for m, n, _ in words for b in ("vgg16", "inception_v3", "resnet50"))


@pytest.mark.parametrize(("name", "count"), [("beyond-gap-table1", 30), ("ivr-table1", 18), ("ivr-table2", 6)])
def test_they_can_be_planned_on_generated_images(name: str, count: int) -> None:
    made = plan(name, "benchmark=sprites", "schedule.epochs=1", "trials=1")
    assert len(made.cells) == count
    assert all(cell.train.schedule.epochs == 1 and len(cell.trials) == 1 for cell in made.cells)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("beyond-gap-table1", {"cub": 30, "openimages": 24}),
        ("ivr-table1", {"cub": 18, "ilsvrc": 18, "openimages": 18}),
        ("minmaxcam-table1", {"cub": 16, "ilsvrc": 16, "openimages": 16}),
        ("psol-table1", {"cub": 10, "ilsvrc": 10}),
        ("psol-table2", {"cub": 9, "ilsvrc": 9}),
        ("psol-table3", {"cub": 2, "ilsvrc": 2}),
    ],
)
def test_each_data_set_may_be_run_alone_and_has_its_folder(name: str, counts: dict[str, int]) -> None:
    whole = plan(name, *(f"benchmark.{i}.root=/data/{data}" for i, data in enumerate(counts)))
    found = Counter(cell.train.benchmark.name for cell in whole.cells)
    assert found == counts
    assert {c.train.benchmark.options["root"] for c in whole.cells} == {f"/data/{data}" for data in counts}
    for data, count in counts.items():
        alone = plan(name, f"benchmark={data}", "benchmark.0.root=/elsewhere")
        assert [cell.train.benchmark.options["root"] for cell in alone.cells] == ["/elsewhere"] * count
