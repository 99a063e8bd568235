from __future__ import annotations

import csv

import pytest

from tests.support.leaderboard_records import make, table_of
from wsol.recipes import ComponentRef
from wsol.records import MetricValue, RunRecord
from wsol_leaderboard.published import FACTS, match_published


def found(*records: RunRecord) -> list[tuple[str, str, float]]:
    rows = match_published(table_of(records)).to_dict("records")
    return [(row["paper"], row["published_method"], row["published_value"]) for row in rows]


def with_parts(record: RunRecord, **parts: object) -> RunRecord:
    return record.model_copy(
        update={"train": record.train.model_copy(update={"parts": {**record.train.parts, **parts}})}
    )


def test_the_facts_are_numbers_with_their_source():
    with FACTS.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 700
    assert all(row["paper"] and row["table"] and row["method"] for row in rows)
    assert all(0 < float(row["value"]) <= 100 for row in rows)
    assert all(row["std"] == "" or float(row["std"]) >= 0 for row in rows)


def test_plain_cam_matches_every_published_name():
    rows = found(make("cam", benchmark="cub"))
    assert ("IVR", "CAM + Minmax", 62.98) in rows
    assert ("BeyondGAP", "GAP (Zhou et al., 2016)", 63.0) in rows
    assert ("BeyondGAP", "GAP [without FPN (4x)] [no Cutout]", 62.22) in rows
    assert not any("[Cutout]" in name or "FPN (P" in name or "HaS" in name for _, name, _ in rows)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (make("cam", benchmark="cub", normalizer="ivr"), ("IVR", "CAM + IVR", 66.83)),
        (make("has", benchmark="cub"), ("IVR", "HaS + Minmax", 64.63)),
        (make("minmaxcam", benchmark="cub", backbone="mobilenet_v2"), ("MinMaxCAM", "MinMaxCAM", 65.0)),
        (
            with_parts(make("fpn_cam", benchmark="cub"), pooling=ComponentRef(name="gmp", options={"level": 4})),
            ("BeyondGAP", "GMP [+ FPN (P4)] [no Cutout]", 63.16),
        ),
        (
            make("psol", benchmark="imagenet", metrics={"gt_known": MetricValue(value=60.0)}),
            ("PSOL", "PSOL-ResNet50-Sep", 65.44),
        ),
        (
            with_parts(make("cam", benchmark="cub"), augmentations=(ComponentRef(name="has"),)),
            ("IVR", "HaS + Minmax", 64.63),
        ),
        (
            with_parts(make("cam", benchmark="cub"), pooling=ComponentRef(name="glsep")),
            ("BeyondGAP", "GLSEP [without FPN (2x)] [no Cutout]", 56.86),
        ),
    ],
    ids=lambda value: value.run_id if isinstance(value, RunRecord) else value[1],
)
def test_published_rows_are_listed_next_to_matching_recipes(record, expected):
    assert expected in found(record)


def test_no_published_row_is_next_to_another_benchmark_backbone_or_unscored_row():
    assert found(make("cam", benchmark="sprites")) == []
    assert found(make("cam", benchmark="cub", backbone="tiny")) == []
    assert found(make("cam", value=None, benchmark="cub", status="failed", reason="boom")) == []


def test_published_numbers_change_no_row(study):
    frame = table_of(study)
    before = frame.copy()
    match_published(frame)
    assert frame.equals(before)
