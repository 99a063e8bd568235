"""``wsol compare`` on records of twelve images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.scoring import run, scored
from wsol.errors import DataError, UsageError
from wsol.evaluation.observation_file import observations_path
from wsol.records import Condition, SplitData, read_record, write_record


def test_two_records_are_compared_image_by_image(two_records: tuple[Path, Path]) -> None:
    a, b = two_records
    found = json.loads(run("compare", b, a, "--json", "--replicates", 200).stdout)
    values = [read_record(path).results[0].metrics["maxboxaccv2"].value for path in (b, a)]
    assert found["test"]["difference"] == pytest.approx(values[0] - values[1])
    assert found["test"]["low"] > 0
    assert (found["test"]["p_value"], found["test"]["images"]) == (pytest.approx(2 / 201), 12)
    assert (found["a"], found["b"], found["split"]) == ("b[0]", "a[0]", "val")
    text = run("compare", a, a).stdout
    assert "A - B +0.00" in text
    assert "p = 1.0000" in text


def test_incomparable_records_are_an_error(two_records: tuple[Path, Path], dozen: Path) -> None:
    a, b = two_records
    other = dozen / "v1.record.json"
    scored(dozen / "a.maps", "--record", other, "--protocol", "wsoleval-v1")
    observations_path(b).unlink()
    for arguments, says in (
        ((a, other), "protocols differ: wsoleval-v2 and wsoleval-v1"),
        ((a, b), r"b\.observations\.npz: the record's observations cannot be read"),
        ((a, a, "--b", 1), "has 1 results on val, numbered from 0"),
        ((a, a, "--metric", "maxboxacc"), "no observations of 'maxboxacc'; did you mean 'maxboxaccv2'"),
    ):
        error = run("compare", *arguments).exception
        assert isinstance(error, DataError | UsageError)
        with pytest.raises(type(error), match=says):
            raise error


def test_other_images_of_the_same_names_are_not_compared(two_records: tuple[Path, Path]) -> None:
    record = read_record(two_records[1])
    write_record(record.model_copy(update={"data": {"val": SplitData(fingerprint="another")}}), two_records[1])
    with pytest.raises(DataError, match="the images of val differ: fingerprint dozen-val"):
        raise run("compare", *two_records).exception or AssertionError


def test_results_under_different_conditions_are_not_compared(two_records: tuple[Path, Path]) -> None:
    a, b = two_records
    record = read_record(b)
    invented = {"invented": Condition(value={"rule": 2}, default=1)}
    write_record(record.model_copy(update={"conditions": invented}), b)
    with pytest.raises(DataError, match=r"conditions differ: invented 1 and \{'rule': 2\}; such scores are never"):
        raise run("compare", a, b).exception or AssertionError
    write_record(read_record(a).model_copy(update={"conditions": invented}), a)
    assert run("compare", a, b).exit_code == 0


def test_observations_of_another_record_are_not_compared(two_records: tuple[Path, Path]) -> None:
    observations_path(two_records[1]).write_bytes(observations_path(two_records[0]).read_bytes())
    with pytest.raises(DataError, match=r"b\.record\.json: its observations are of another record"):
        raise run("compare", *two_records).exception or AssertionError
