"""What is never in one ranking: other test data, protocols, conditions. Nothing knows a condition by its name."""

from __future__ import annotations

import csv
import io
import json
from itertools import permutations

import pytest

from tests.leaderboard.test_page import Outline
from tests.leaderboard.test_terminal import printed
from tests.support.leaderboard_records import make, table_of, with_opening
from wsol.records import Condition, RunRecord, SplitData
from wsol.study.conditions import DATA_PROBLEMS, Facts, ranking_conditions
from wsol_leaderboard.files import to_csv
from wsol_leaderboard.page import render
from wsol_leaderboard.splits import name_test_data
from wsol_leaderboard.terminal import print_table

INVENTED = {"phase of the moon": Condition(value="full", default="new")}


def on(data: SplitData, record: RunRecord) -> RunRecord:
    return record.model_copy(update={"data": {"test": data}})


def test_an_invented_condition_appears_everywhere() -> None:
    records = [make("a", value=60.0), make("b", value=70.0), make("c", value=65.0)]
    records[1] = records[1].model_copy(update={"conditions": INVENTED})
    frame = table_of(records)
    assert dict(zip(frame["method"], frame["rank"], strict=True)) == {"c": 1, "a": 2, "b": 1}
    rows = list(csv.DictReader(io.StringIO(to_csv(frame))))
    assert {row["method"]: row["condition phase of the moon"] for row in rows} == {"a": "new", "b": "full", "c": "new"}
    assert json.loads(rows[-1]["conditions"]) in ({"phase of the moon": "full"}, {"phase of the moon": "new"})
    page = render(frame)
    assert "MaxBoxAccV2 on sprites, wsoleval-v2 version 1, phase of the moon full" in page
    assert '<select name="phase of the moon">' in page
    assert {"<option>full</option>", "<option>new</option>"} <= set(page.splitlines())
    filters = [json.loads(attrs["data-filters"] or "") for tag, attrs in Outline(page).tags if tag == "section"]
    assert [values["phase of the moon"] for values in filters] == ["full", "new"]
    assert "phase of the moon full" in printed(records, 100)


def test_equal_defaults_are_printed_nowhere() -> None:
    plain = {"phase of the moon": Condition(value="new", default="new"), "changes accepted": Condition(value=None)}
    records = [make("a", value=60.0).model_copy(update={"conditions": plain}), make("b", value=70.0)]
    frame = table_of(records)
    assert frame["rank"].tolist() == [1, 2], "a condition that a record lacks has its default"
    for text in (to_csv(frame), render(frame), printed(records, 100)):
        assert "moon" not in text
        assert "changes accepted" not in text


def test_a_mark_is_printed_by_its_name_and_unmarked_rows_come_first() -> None:
    marked = make("a", value=90.0).model_copy(update={"conditions": {"boxes from file": Condition(value=True)}})
    frame = table_of([marked, make("b", value=10.0)])
    assert frame["method"].tolist() == ["b", "a"]
    assert frame["rank"].tolist() == [1, 1]
    titles = [line for line in printed([marked, make("b", value=10.0)], 100).splitlines() if "version 1" in line]
    assert [title.strip() for title in titles] == [
        "sprites, wsoleval-v2 version 1",
        "sprites, wsoleval-v2 version 1, boxes from file",
    ]


def test_rows_on_data_with_accepted_problems_rank_apart() -> None:
    conditions = ranking_conditions(Facts(marks=(DATA_PROBLEMS,)))
    frame = table_of([make("a", value=90.0).model_copy(update={"conditions": conditions}), make("b", value=10.0)])
    assert (frame["method"].tolist(), frame["rank"].tolist()) == (["b", "a"], [1, 1])


def test_values_of_any_type_separate_rows() -> None:
    values = [{"a": [1, 2]}, [1, 2], 1.5, "1.5", True, "<i>"]
    records = [
        make(f"m{n}").model_copy(update={"conditions": {"odd\nname": Condition(value=value)}})
        for n, value in enumerate(values)
    ]
    frame = table_of(records)
    assert frame["rank"].tolist() == [1] * len(values)
    page = render(frame)
    Outline(page)
    assert "<i>" not in page.partition("<main>")[2]
    assert print_table(frame) is None


def test_two_folders_of_photographs_are_never_in_one_ranking() -> None:
    mine, yours = (
        SplitData(fingerprint=f"folder-{name}", labels=name * 16, boxes=name * 16, pixels=name * 16) for name in "ab"
    )
    records = [on(mine, make("a", benchmark="folder")), on(yours, make("b", value=90.0, benchmark="folder"))]
    frame = table_of(records)
    assert frame["rank"].tolist() == [1, 1]
    assert frame["test_data"].nunique() == 2
    for name in frame["test_data"]:
        assert f"folder, wsoleval-v2 version 1, test data {name}" in " ".join(printed(records, 120).split())
    assert '<select name="test data">' in render(frame)
    assert '<select name="test data">' not in render(table_of(records[:1]))


LABELS = SplitData(fingerprint="f", labels="1", boxes="2")
FULL = LABELS.model_copy(update={"masks": "3", "pixels": "4"})


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (LABELS, FULL, True),
        (FULL, FULL.model_copy(update={"fingerprint": "another name"}), True),
        (FULL, FULL.model_copy(update={"boxes": "9"}), False),
        (FULL, FULL.model_copy(update={"masks": "9"}), False),
        (FULL, FULL.model_copy(update={"pixels": "9"}), False),
        (FULL, FULL.model_copy(update={"labels": "9"}), False),
        (SplitData(fingerprint="a"), SplitData(fingerprint="b"), False),
        (SplitData(fingerprint="a"), SplitData(fingerprint="a"), True),
    ],
    ids=str,
)
def test_test_data_are_compared_where_both_records_have_a_hash(a: SplitData, b: SplitData, equal: bool) -> None:
    names = name_test_data([a, b])
    assert (names[a] == names[b]) is equal
    assert table_of([on(a, make("a")), on(b, make("b"))])["rank"].tolist() == ([1, 1])
    frame = table_of([on(a, make("a")), on(b, make("b", value=61.0))])
    assert sorted(frame["rank"]) == ([1, 2] if equal else [1, 1])


def test_data_that_fit_two_that_differ_are_in_the_ranking_of_neither() -> None:
    first, second = (FULL.model_copy(update={"pixels": pixels}) for pixels in "56")
    for order in permutations([LABELS, first, second]):
        names = name_test_data(order)
        assert len(set(names.values())) == 3
    again = name_test_data([LABELS, first])
    assert again[LABELS] == again[first]


def test_a_recipe_without_a_result_on_test_is_listed_with_its_study() -> None:
    records = [make("a"), make("b", "search", 50.0), make("c", value=None, status="failed", reason="boom")]
    frame = table_of(records)
    assert frame["test_data"].nunique() == 1
    assert len(frame.drop_duplicates(["benchmark", "test_data", "conditions", "metric"])) == 1


def test_counts_belong_to_the_test_data() -> None:
    mine, yours = (SplitData(fingerprint=name) for name in "ab")
    records = [on(mine, make("a")), on(yours, with_opening(make("a", study="other"), data="d2", selection="x"))]
    assert table_of(records)["test_evaluations"].tolist() == [1, 1]
    assert table_of([on(mine, record) for record in records])["test_evaluations"].tolist() == [2, 2]
