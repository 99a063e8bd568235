"""``wsol score`` on a benchmark of twelve images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.evaluation_samples import bumps
from tests.support.scoring import run, scored, write_boxes, write_maps
from wsol.cli.score import parse_options
from wsol.errors import DataError, UsageError
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.evaluation.predictions.store import StoreWriter
from wsol.records import read_record
from wsol.study.ledger import read_ledger


def test_scores_are_printed_and_recorded(dozen: Path) -> None:
    record_path = dozen / "mine.record.json"
    result = scored(write_maps(dozen / "mine.maps"), "--json", "--record", record_path)
    printed = json.loads(result.stdout)
    record = read_record(record_path)
    assert printed == record.results[0].model_dump(mode="json")
    assert list(printed["metrics"]) == ["maxboxaccv2", "boxacc_val", "top1_cls"]
    assert printed["metrics"]["top1_cls"]["value"] == 100
    assert printed["metrics"]["boxacc_val"]["calibration"]
    assert (record.stage, record.train.method.name, record.test) == ("score", "mine", None)
    assert {split: data.fingerprint for split, data in record.data.items()} == {"val": "dozen-val"}
    assert (record.results[0].protocol, record.results[0].primary) == ("wsoleval-v2", "maxboxaccv2")
    assert read_observations(observations_path(record_path))[0].ids == tuple(f"val/{i}.jpg" for i in range(12))
    assert not (dozen / "results").exists()
    table = scored(dozen / "mine.maps").stdout
    assert f"{printed['metrics']['maxboxaccv2']['value']:.2f}" in table


def test_scoring_test_is_recorded_and_applies_the_thresholds_of_val(dozen: Path) -> None:
    val = dozen / "val.record.json"
    scored(write_maps(dozen / "val.maps", maps=bumps(12, seed=1)), "--name", "mine", "--record", val)
    maps, test = write_maps(dozen / "test.maps", "test"), dozen / "test.record.json"
    scored(maps, "--name", "mine", "--calibration", val, "--record", test, split="test")
    carried = read_record(val).results[0].metrics["boxacc_val"].calibration
    record = read_record(test)
    assert record.results[0].metrics["boxacc_val"].calibration == carried
    entries = read_ledger(dozen / "results" / "ledger.jsonl").entries
    assert [(e.kind, e.cells, e.run) for e in entries] == [("score", ("dozen/mine/-/-/-/-/minmax/-",), "mine")]
    assert record.test is not None
    assert (record.test.selection, record.test.evaluations) == (entries[0].selection, 1)
    with pytest.raises(UsageError, match="thresholds of wsoleval-v2 do not carry over to wsoleval-v1"):
        scored(maps, "--calibration", val, "--protocol", "wsoleval-v1", split="test")
    again = scored(write_maps(dozen / "test.maps", "test", bumps(12, seed=2)), "--name", "mine", split="test")
    assert "scored on test by 2 selection(s)" in again.stderr
    assert "boxacc_val: left out: it needs what was chosen on val" in again.stderr


def test_invalid_maps_do_not_open_test(dozen: Path) -> None:
    with pytest.raises(DataError, match="12 images of the split are missing"):
        scored(write_maps(dozen / "val.maps"), split="test")
    assert not (dozen / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--protocol", "psol"], "protocol 'psol' scores boxes, not maps"),
        (["--metric", "boxacc_val"], "primary metric 'boxacc_val' needs what was chosen on val"),
        (["--record", f"{__file__}/x.record.json"], r"nothing can be written in /.*\.py"),
    ],
)
def test_invalid_arguments_do_not_open_test(dozen: Path, arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        scored(write_maps(dozen / "x.maps", "test"), *arguments, split="test")
    assert not (dozen / "results").exists()


def test_box_rules_and_metrics_of_maps_are_an_error_for_boxes(dozen: Path) -> None:
    csv = write_boxes(dozen / "boxes.csv", "20,20,79,79", split="test")
    for arguments, says in (
        (["--box-rule", "threshold"], "box rule 'threshold' makes boxes from maps, but boxes were given"),
        (["--metric", "map_extrema"], "primary metric 'map_extrema' is not available: there is no map"),
        (["--metric", "top1_cls"], "primary metric 'top1_cls' is not available: there is no logits"),
    ):
        with pytest.raises(UsageError, match=says):
            scored(csv, *arguments, split="test")
    assert not (dozen / "results").exists()


def test_a_calibration_is_for_test_only(dozen: Path) -> None:
    record = dozen / "val.record.json"
    scored(write_maps(dozen / "x.maps"), "--record", record)
    with pytest.raises(UsageError, match="give it with --split test"):
        scored(dozen / "x.maps", "--calibration", record)


@pytest.mark.parametrize("classes", [1, 3])
def test_logits_of_another_number_of_classes_are_an_error(dozen: Path, classes: int) -> None:
    with StoreWriter(dozen / "x.maps") as writer:
        ids = [f"val/{i}.jpg" for i in range(12)]
        writer.append(ids, np.arange(12) % 2, bumps(12), np.zeros((12, classes)))
    with pytest.raises(DataError, match=f"logits are of {classes} classes, but benchmark 'dozen' has 2"):
        scored(dozen / "x.maps")


def test_boxes_outside_their_image_are_named_and_omitted_metrics_are_recorded(dozen: Path) -> None:
    csv, record = write_boxes(dozen / "boxes.csv", "20,20,79,79", "20,20,101,79"), dozen / "boxes.record.json"
    result = scored(csv, "--record", record)
    assert "1 box leaves the image, and is clipped: val/0.jpg" in result.stderr
    assert read_record(record).results[0].notes == ("top1_cls: left out: there is no logits",)
    assert "leave" not in scored(write_boxes(csv, "0,0,100,100")).stderr


@pytest.mark.parametrize("protocol", ["wsoleval-v2", "legacy", "psol", "minmaxcam"])
def test_boxes_outside_their_image_are_counted_under_every_protocol(dozen: Path, protocol: str) -> None:
    csv, record = write_boxes(dozen / "boxes.csv", "20,20,79,79", "20,20,101,79"), dozen / "boxes.record.json"
    result = scored(csv, "--record", record, "--protocol", protocol)
    assert "1 box leaves the image, and is clipped: val/0.jpg" in result.stderr
    assert read_record(record).results[0].problems == {"outside": 1}
    assert read_observations(observations_path(record))[0].problem_names() == ["outside", *[""] * 11]


def test_boxes_of_a_store_that_are_none_are_named_counted_and_score_nothing(dozen: Path) -> None:
    boxes = np.tile([0.2, 0.2, 0.79, 0.79], (12, 1))
    boxes[1], boxes[2], boxes[3], boxes[4] = np.nan, (0.2, 0.2, np.inf, 0.8), (0.8, 0.2, 0.2, 0.8), (0, 0, 1.2, 1)
    with StoreWriter(dozen / "boxes.maps", kind="boxes") as writer:
        writer.append([f"val/{i}.jpg" for i in range(12)], np.arange(12) % 2, boxes)
    result = scored(dozen / "boxes.maps", "--record", dozen / "boxes.record.json")
    assert "2 boxes are not finite and count as no box: val/1.jpg, val/2.jpg" in result.stderr
    assert "1 box ends before it starts and counts as no box: val/3.jpg" in result.stderr
    assert "1 box leaves the image, and is clipped: val/4.jpg" in result.stderr
    found = read_record(dozen / "boxes.record.json").results[0]
    assert found.problems == {"nan": 1, "infinite": 1, "reversed": 1, "outside": 1}
    assert found.metrics["maxboxaccv2"].parts["iou_0.3"] == pytest.approx(100 * 9 / 12)


def test_the_observations_describe_each_image(dozen: Path) -> None:
    record = dozen / "mine.record.json"
    scored(write_maps(dozen / "mine.maps"), "--record", record)
    details = read_observations(observations_path(record))[0].details
    assert details is not None
    assert details.threshold == read_record(record).results[0].metrics["maxboxaccv2"].threshold
    assert details.objects.tolist() == [1] * 12
    assert details.area == pytest.approx(0.6**2, abs=0.01)


def test_maps_without_a_normalizer_must_be_in_the_unit_interval(dozen: Path) -> None:
    maps = bumps(12)
    with pytest.raises(DataError, match=r"12 maps are not in \[0, 1\]; choose a normalizer: val/0\.jpg"):
        scored(write_maps(dozen / "x.maps", maps=maps + 1), "--normalizer", "none")
    assert scored(write_maps(dozen / "x.maps", maps=maps / maps.max()), "--normalizer", "none").exit_code == 0


def test_boxes_are_scored_by_the_same_command(dozen: Path) -> None:
    lines = [f"val/{i}.jpg,20,20,79,{79 if i else 30}" for i in range(12)]
    (dozen / "boxes.csv").write_text("\n".join(["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *lines]))
    result = scored(dozen / "boxes.csv", "--json", "--metric", "gt_known", "--metric", "top1_cls", "--protocol", "psol")
    printed = json.loads(result.stdout)
    assert printed["metrics"]["gt_known"]["value"] == pytest.approx(100 * (1 + 5 / 6) / 2)
    assert printed["evaluation"] == {"parts": {}}
    assert "top1_cls: left out: there is no logits" in result.stderr


def test_options_reach_their_parts(dozen: Path) -> None:
    maps = write_maps(dozen / "x.maps")
    scores = [
        json.loads(scored(maps, "--json", "--box-rule", "threshold", "--option", f"box_rule.theta={theta}").stdout)
        for theta in (0.05, 0.7)
    ]
    assert scores[0]["metrics"]["maxboxaccv2"]["value"] != scores[1]["metrics"]["maxboxaccv2"]["value"]
    assert scores[1]["evaluation"]["parts"]["box_rule"]["options"] == {"theta": 0.7}


def test_options_are_read_as_set_reads_a_study() -> None:
    found = parse_options(["percentile=1e-5", "benchmark.n=[1, 2]", "benchmark.n.1=3", "box_rule.inner.theta=.5"])
    assert found.normalizer == {"percentile": 1e-5}
    assert found.benchmark == {"n": [1, 3]}
    assert found.box_rule == {"inner": {"theta": 0.5}}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--option", "theta"], "not KEY=VALUE"),
        (["--option", "=1"], "not KEY=VALUE"),
        (["--option", "box_rule.=1"], "not KEY=VALUE"),
        (["--option", "percentile=[1"], r"--option normalizer\.percentile=\[1: the value is not valid YAML"),
        (["--option", "percentile={a: 1, a: 2}"], "the value is not valid YAML"),
        (
            ["--option", "benchmark.n=1", "--option", "benchmark.n.inner=1"],
            r"benchmark\.n\.inner=1: 'n' holds",
        ),
        (["--option", "boxrule.theta=1"], "did you mean 'box_rule'"),
        (["--option", "percentile=1"], "unknown key 'percentile'"),
        (["--normalizer", "minmx"], "did you mean 'minmax'"),
        (["--record", "mine.json"], r"ends in \.record\.json"),
        (["--metric", "pxap"], "primary metric 'pxap' is not available: there is no masks"),
    ],
)
def test_wrong_usage_is_an_error(dozen: Path, arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        scored(write_maps(dozen / "x.maps"), *arguments)


def test_only_val_and_test_are_scored(dozen: Path) -> None:
    result = run("score", write_maps(dozen / "x.maps"), "--benchmark", "dozen", "--split", "train")
    assert result.exit_code == 2
    assert "'train' is not one of 'val', 'test'" in result.stderr


def test_a_record_that_exists_is_not_overwritten(dozen: Path) -> None:
    path = dozen / "x.record.json"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        scored(write_maps(dozen / "x.maps"), "--record", path)
    assert path.read_text() == "mine"
