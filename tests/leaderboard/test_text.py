"""Text of records is neutral in every output: no control sequences, no formulas, no markup."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.leaderboard.test_page import Outline
from tests.leaderboard.test_terminal import printed
from tests.support.leaderboard_records import make, table_of
from wsol.records import Condition, MetricValue, RunRecord
from wsol_leaderboard.files import to_csv, to_json
from wsol_leaderboard.page import render
from wsol_leaderboard.published import match_published

HOSTILE = ["\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "\u202egnp.", "a\rb", "a\tb", "a\x00b", "\x7f", "a\u2028b"]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")']


def everywhere(text: str) -> list[RunRecord]:
    """Records with a text in every place that a row shows."""
    metrics = {text: MetricValue(value=50.0, parts={text: 1.0})}
    fields = {
        "study": text,
        "plan": text,
        "run_id": text,
        "hparams": {text: text},
        "versions": {text: [text]},
        "changes": (text,),
        "conditions": {text: Condition(value=text, default="")},
        "reason": text,
    }
    record = make(text, metrics=metrics, benchmark=text, backbone=text, protocol=text).model_copy(update=fields)
    failed = make(text, value=None, benchmark=text, status="failed", reason=text, run_id="failed")
    return [record, failed]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_output_has_control_characters(text: str) -> None:
    frame = table_of(everywhere(text))
    outputs = [to_csv(frame), to_json(frame), render(frame, match_published(frame)), printed(everywhere(text), 500)]
    for output in outputs:
        assert [c for c in output if not c.isprintable() and c != "\n"] == []
    rows = json.loads(outputs[1])
    assert all(value.isprintable() for row in rows for value in row["hparams"])
    Outline(outputs[2])


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_no_cell_of_a_csv_file_is_a_formula(text: str) -> None:
    frame = table_of(everywhere(text))
    for row in csv.reader(io.StringIO(to_csv(frame))):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or float(cell) < 0
    assert json.loads(to_json(frame))[0]["method"].startswith(text[0] if text[0].isprintable() else "\\")


def test_ordinary_text_is_unchanged() -> None:
    frame = table_of([make("méthode 方-β", study="a 'quoted' study, 100 %")])
    assert "méthode 方-β" in to_csv(frame)
    assert "a 'quoted' study, 100 %" in to_csv(frame)
