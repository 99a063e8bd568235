from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.support.leaderboard_records import make, opened, write_study
from wsol.errors import DataError, UsageError
from wsol.records import write_record
from wsol_leaderboard.cli import leaderboard
from wsol_leaderboard.reading import collect

app = typer.Typer()
app.command()(leaderboard)


@pytest.fixture
def folder(study, tmp_path):
    write_study([*study, make("cam", benchmark="cub", value=55.0)], tmp_path)
    return tmp_path / "runs"


def run(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_prints_the_table_and_writes_nothing_without_out(folder):
    before = sorted(folder.rglob("*"))
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert "64.0 ± 0.5" in result.stdout
    assert sorted(folder.rglob("*")) == before


def test_is_a_plain_function_too(folder, tmp_path, capsys):
    leaderboard([folder], out=tmp_path / "out")
    assert (tmp_path / "out" / "leaderboard.csv").read_text().startswith("rank,benchmark,")
    assert "64.0 ± 0.5" in capsys.readouterr().out


def test_published_numbers_come_as_a_file_too(folder, tmp_path):
    named = opened([make("cam", benchmark="cub", value=55.0, study="named")], folder)
    write_record(named[0], folder / "named.record.json")
    result = run(folder, "--published", "-o", tmp_path / "out")
    assert "not measured here" in result.stdout
    assert "IVR,T1,CAM + Minmax,62.98" in (tmp_path / "out" / "leaderboard-published.csv").read_text()


def test_overlapping_folders_count_once(folder):
    assert run(folder, folder, folder.parent, "-f", "csv").stdout == run(folder, "-f", "csv").stdout


def test_filters(folder):
    rows = json.loads(run(folder, "--benchmark", "cub", "-f", "json").stdout)
    assert [row["benchmark"] for row in rows] == ["cub"]
    error = run(folder, "--metric", "MaxBoxAccV3").exception
    assert isinstance(error, UsageError)
    assert "did you mean 'MaxBoxAccV2'" in str(error)


def test_a_broken_record_is_named_and_skipped_only_when_asked(folder):
    broken = folder / "broken.record.json"
    broken.write_text('{"schema_version": 3, "run')
    with pytest.raises(DataError, match=r"broken\.record\.json: not a record"):
        collect([folder])
    result = run(folder, "--keep-going", "-f", "csv")
    assert result.exit_code == 0
    assert "warning:" in result.stderr
    assert "broken.record.json" in result.stderr
    assert "64.0" in result.stdout


def test_two_files_with_one_run_id_and_different_contents_are_both_named(folder, study):
    write_record(study[0].model_copy(update={"seconds": 3.0}), folder / "sub" / "copy.record.json")
    with pytest.raises(DataError, match=f"run {study[0].run_id} differs from the one in") as error:
        collect([folder])
    assert "/sub/copy.record.json" in str(error.value)
    assert f"/{study[0].run_id}.record.json" in str(error.value)


def test_a_folder_without_records_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no records"):
        collect([tmp_path])
    with pytest.raises(DataError, match="no such folder"):
        collect([tmp_path / "nowhere"])
