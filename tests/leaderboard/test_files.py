from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest

import wsol
from tests.support.leaderboard_records import make, table_of
from wsol_leaderboard.build import write_files
from wsol_leaderboard.files import to_csv, to_json
from wsol_leaderboard.published import match_published


def test_csv_round_trips_exactly():
    value = 100 / 3
    frame = table_of([make(value=value), make('b, with "quotes"', value=value / 7)])
    back = list(csv.DictReader(io.StringIO(to_csv(frame))))
    assert [float(row["mean"]) for row in back] == [value, value / 7]
    assert [row["method"] for row in back] == frame["method"].tolist()
    assert pd.read_csv(io.StringIO(to_csv(frame)))["rank"].tolist() == [1, 2]


def test_a_reason_of_many_lines_stays_one_row(study):
    text = to_csv(table_of(study))
    assert len(text.splitlines()) == 1 + len(table_of(study))
    assert "out of memory" in text


def test_json_has_objects_numbers_and_nulls(study):
    rows = json.loads(to_json(table_of(study)))
    assert rows[0]["rank"] == 1
    assert rows[0]["hparams"] == {"method.lr": 0.05}
    assert rows[-1]["rank"] is None
    assert rows[-1]["mean"] is None
    assert rows[0]["primary"] is True


def test_rebuilding_gives_the_same_bytes(study, tmp_path):
    frame = table_of(study)
    first = {path.name: path.read_bytes() for path in write_files(frame, tmp_path)}
    again = {path.name: path.read_bytes() for path in write_files(table_of(study[::-1]), tmp_path)}
    assert first == again
    assert set(first) == {"leaderboard.csv", "leaderboard.html"}


@pytest.mark.parametrize("name", ["leaderboard.csv", "leaderboard.html", "leaderboard-published.csv"])
def test_files_of_the_user_are_kept_and_earlier_leaderboards_replaced(name, study, tmp_path):
    frame = table_of(study)
    published = match_published(frame)
    write_files(frame, tmp_path, published)
    write_files(frame, tmp_path, published)
    (tmp_path / name).write_text("rank,name\n1,mine\n")
    with pytest.raises(wsol.UsageError, match=rf"{name}: exists, and this command did not write it"):
        write_files(frame, tmp_path, published)
    assert (tmp_path / name).read_text() == "rank,name\n1,mine\n"
    write_files(frame, tmp_path, published, overwrite=True)
    assert (tmp_path / name).read_text() != "rank,name\n1,mine\n"
