"""One format of box files: what is written can be read, and what could not be read is not written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import wsol

HEADER = "image_id,x0,y0,x1,y1"
FIT = (0.0, 0.25, 0.5, 1.0)


@pytest.mark.parametrize(
    ("boxes", "unit", "message"),
    [
        ([("a", FIT), ("a", FIT)], "shares", "1 image comes twice: image 'a'"),
        ([("", FIT)], "shares", "1 image id is empty, or has spaces around it"),
        ([(" a", FIT)], "shares", "1 image id is empty, or has spaces around it"),
        ([("a\n", FIT)], "shares", "1 image id is empty, or has spaces around it"),
        ([("a\rb", FIT)], "shares", "line breaks"),
        ([("a", FIT), ("b", (0, 0, 1, 1))], "pixels", "no value is above 1"),
        ([("a", ("x", 0, 1, 1))], "shares", "1 line is not image_id,x0"),
        ([("a", (0, 0, 1))], "shares", "1 line is not image_id,x0"),
        ([("a", (None, 0, 1, 1))], "shares", "1 line is not image_id,x0"),
        ([("a", FIT)], "meters", "unit 'meters' is unknown; use pixels or shares"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path: Path, boxes: Any, unit: Any, message: str) -> None:
    path = tmp_path / "b.csv"
    with pytest.raises(wsol.DataError, match=message):
        wsol.write_box_csv(path, boxes, unit)
    assert not path.exists()


def test_values_are_rounded_before_they_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    wsol.write_box_csv(path, [('a "b", c', (-1e-9, -0.0, 1 + 1e-9, 1))], "shares")
    assert "-0" not in path.read_text()
    assert wsol.read_box_csv(path, ['a "b", c'], "shares").tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize(
    "first",
    [
        "# wsol boxes: unit=pixels",
        "#wsol boxes: unit=pixels  ",
        "  #  WSOL  Boxes :  Unit = PIXELS,,,,",
        '"# wsol boxes: unit=pixels"',
        '"# wsol boxes: unit=pixels",,,,',
        "\ufeff# wsol boxes: unit=pixels",
    ],
)
def test_the_unit_may_be_spelled_as_a_spreadsheet_leaves_it(tmp_path: Path, first: str) -> None:
    (tmp_path / "b.csv").write_text(f"{first}\n{HEADER}\na,1,2,3,4\n")
    assert wsol.read_box_csv(tmp_path / "b.csv", ["a"], "pixels").tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("unit", ["meters", "percent", "pixels (original)"])
def test_an_unknown_unit_is_named(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "b.csv"
    path.write_text(f"# wsol boxes: unit={unit}\n{HEADER}\na,1,2,3,4\n")
    with pytest.raises(wsol.DataError) as error:
        wsol.read_box_csv(path, ["a"], "pixels")
    assert str(error.value) == f"{path}:1: unit '{unit}' is unknown; use pixels or shares"


def test_an_image_with_a_wrong_line_is_not_missing_too(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(f"# wsol boxes: unit=pixels\n{HEADER}\na,1,2,x,4\nb,9,2,3,4\n")
    with pytest.raises(wsol.DataError) as error:
        wsol.read_box_csv(tmp_path / "b.csv", ["a", "b", "c"], "pixels")
    assert str(error.value).splitlines()[1:] == [
        "2 lines are not image_id,x0,y0,x1,y1 with x0 <= x1 and y0 <= y1: line 3, line 4",
        "1 image of the split is missing: c",
    ]


def test_several_boxes_of_an_image_are_accepted_where_they_are_expected(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text(f"# wsol boxes: unit=pixels\n{HEADER}\na,1,2,3,4\na,5,6,7,8\n")
    unit, rows = wsol.read_box_rows(path, several=True)
    assert (unit, [(row.line, row.box) for row in rows]) == ("pixels", [(3, (1, 2, 3, 4)), (4, (5, 6, 7, 8))])
    with pytest.raises(wsol.DataError, match=r"1 image comes twice: a \(line 4\)"):
        wsol.read_box_csv(path, ["a"], "pixels")
