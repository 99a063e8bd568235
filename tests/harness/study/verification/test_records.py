"""The scores of single records: any edited number is found, and what counts as equal."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.forgery import finals, numbers, parent, trials
from wsol.evaluation.observation_file import observations_path
from wsol.records import parse_record
from wsol.registry import Plugins
from wsol.study.selection import read_selection
from wsol.study.verification.checks import check_record
from wsol.study.verification.choices import check_choice, check_final
from wsol.study.verification.equality import differences
from wsol.study.verification.finding import Skipped
from wsol.study.verification.folders import RecordFile
from wsol.study.verification.marks import check_conditions


def changed(value: float, how: str) -> float:
    """Another number than ``value``."""
    if isinstance(value, int):
        return value + 1
    return {"next": math.nextafter(value, math.inf), "more": value + 0.5, "other": -1 - value}[how]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), how=st.sampled_from(["next", "more", "other"]))
def test_any_edited_number_in_the_results_of_a_record_is_found(
    finished: Path, plugins: Plugins, data: st.DataObject, how: str
) -> None:
    path = data.draw(st.sampled_from([*trials(finished), *finals(finished)]))
    content: Any = json.loads(path.read_text())
    places = [place for place in numbers(content["results"]) if "curves" not in place or place[-1] % 100 == 0]
    place = data.draw(st.sampled_from(places))
    holder = parent(content["results"], place)
    holder[place[-1]] = changed(holder[place[-1]], how)
    file = RecordFile(path, parse_record(json.dumps(content).encode(), str(path)))
    assert [*check_record(file, plugins), *of_the_choice(finished, file)], place


def of_the_choice(study: Path, file: RecordFile) -> list[Any]:
    """What the sealed choices say about a record."""
    selection = read_selection(study / "selection.jsonl")
    if file.record.stage == "final":
        return list(check_final(file, selection))
    return [finding for choice in selection.choices for finding in check_choice(choice, "selection.jsonl", [file])]


def test_records_of_the_study_have_no_findings(finished: Path, plugins: Plugins) -> None:
    for path in [*trials(finished), *finals(finished)]:
        assert list(check_record(RecordFile(path, parse_record(path.read_bytes(), "r")), plugins)) == []


@pytest.mark.parametrize("cpu", ["another processor", None])
def test_another_processor_rounds_differently(finished: Path, plugins: Plugins, cpu: str | None) -> None:
    path = finals(finished)[0]
    content: Any = json.loads(path.read_text())
    value = content["results"][0]["metrics"]["maxboxaccv2"]
    value["value"] = math.nextafter(value["value"], 0)
    content["hardware"]["cpu"] = cpu or content["hardware"]["cpu"]
    found = list(check_record(RecordFile(path, parse_record(json.dumps(content).encode(), "r")), plugins))
    assert bool(found) == (cpu is None)


def test_a_metric_that_is_not_installed_is_not_checked(finished: Path, plugins: Plugins) -> None:
    path = finals(finished)[0]
    content: Any = json.loads(path.read_text())
    content["settings"]["metrics"].append("homemade")
    outcome, marks = check_record(RecordFile(path, parse_record(json.dumps(content).encode(), "r")), plugins)
    assert isinstance(marks, Skipped)
    assert "not checked: scores: unknown metric 'homemade'" in outcome.line()


def test_a_mark_of_a_file_that_was_removed_is_found(finished: Path, plugins: Plugins) -> None:
    content: Any = json.loads(finals(finished)[0].read_text())
    psol = {"name": "psol", "options": {"boxes": "boxes.csv"}, "search": {}}
    content["train"]["parts"] |= {"method": psol, "backbone": {"name": "resnet50"}}
    content["hparams"] = {}
    for conditions, lines in ({"boxes from file": {"value": True}}, 0), ({}, 1):
        record = parse_record(json.dumps({**content, "conditions": conditions}).encode(), "r")
        found = [outcome.line() for outcome in check_conditions(RecordFile(finals(finished)[0], record), plugins)]
        assert len(found) == lines
        assert all("condition 'boxes from file': expected True" in line for line in found)


def test_broken_observations_are_one_finding(study: Path, plugins: Plugins) -> None:
    path = finals(study)[0]
    observations_path(path).write_bytes(b"PK broken")
    (finding,) = check_record(RecordFile(path, parse_record(path.read_bytes(), "r")), plugins)
    assert "SHA-256" in finding.line()


@pytest.mark.parametrize(
    ("expected", "found", "places"),
    [
        ({"a": [1, 2.0]}, {"a": (1, 2)}, []),
        ({"a": math.nan}, {"a": math.nan}, []),
        ({"a": 1}, {"b": 1}, [" a", " b"]),
        ([1, 2], [1, 2, 3], [""]),
        ({"a": {"b": [0, 1]}}, {"a": {"b": [0, 2]}}, [" a b 1"]),
        (True, 1, [""]),
        (1.0, "1.0", [""]),
        (None, 0, [""]),
    ],
)
def test_differences_name_the_place(expected: Any, found: Any, places: list[str]) -> None:
    assert [place for place, _, _ in differences(expected, found)] == places


def test_equal_within_the_tolerance() -> None:
    assert list(differences(50.0, 50.0 + 1e-9, 1e-9)) == []
    assert list(differences(50.0, 50.0 + 1e-6, 1e-9)) != []
