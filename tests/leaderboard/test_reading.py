"""Which files a leaderboard reads, what identifies a run, and the index, which must make no difference."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from tests.support.leaderboard_records import make, write_study
from wsol.errors import DataError
from wsol.records import Curve, EpochLog, MetricValue, RunRecord, write_record
from wsol_leaderboard import index, reading
from wsol_leaderboard.files import to_csv
from wsol_leaderboard.reading import collect
from wsol_leaderboard.table import build_table


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("WSOL_CACHE", str(folder))
    monkeypatch.setattr(reading, "INDEXED", 2)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with two studies of one recipe, whose run ids are equal, and files of other kinds."""
    folder = tmp_path / "results"
    for name in ("a", "b"):
        trials = [
            make("cam", "search", 50.0, study=name, run_id=f"cam-t{n:03d}", trial=n, seeds_planned=2) for n in range(2)
        ]
        finals = [
            make("cam", value=60.0 + n, study=name, run_id=f"cam-t000-final{n}", seed=n, seeds_planned=2)
            for n in range(2)
        ]
        write_study([*trials, *finals], folder / name)
        (folder / name / "leaderboard.csv").write_text("rank\n")
    (folder / "ledger.jsonl").write_text("")
    (folder / "notes.txt").write_text("mine")
    return folder


def table(*places: Path) -> str:
    return to_csv(build_table(collect(places)))


def rows(text: str) -> list[dict[str, str]]:
    import csv
    import io

    return list(csv.DictReader(io.StringIO(text)))


def test_all_ways_to_name_the_results_give_one_table(results: Path) -> None:
    whole = table(results)
    assert [(row["study"], row["status"]) for row in rows(whole)] == [("a", "complete"), ("b", "complete")]
    records = sorted(results.rglob("*.record.json"))
    assert table(*sorted(results.iterdir())) == whole, "results/*"
    assert table(results / "a", results / "b") == whole
    assert table(results / "a" / "runs", results / "b" / "runs") == whole
    assert table(*records) == whole
    assert table(results, results / "a", records[0], results / "a" / ".." / "a") == whole, "each file counts once"
    link = results.parent / "link"
    link.symlink_to(results)
    assert table(link, results) == whole


def test_a_study_alone_finds_its_own_ledger(results: Path) -> None:
    assert [row["status"] for row in rows(table(results / "a"))] == ["complete"]
    final = results / "a" / "runs" / "cam-t000-final0.record.json"
    assert [row["status"] for row in rows(table(final))] == ["partial"], "of two seeds, one was given"
    (results / "a" / "ledger.jsonl").unlink()
    assert [row["status"] for row in rows(table(results / "a"))] == ["refused"]


def test_copies_of_records_and_ledgers_count_once(results: Path) -> None:
    whole = table(results)
    shutil.copytree(results / "a", results / "copy of a")
    assert table(results) == whole


def test_a_run_of_equal_identity_and_other_content_is_an_error_that_names_both(results: Path) -> None:
    path = results / "a" / "runs" / "cam-t000.record.json"
    other = make("cam", "search", 51.0, study="a", run_id="cam-t000", seeds_planned=2)
    write_record(other, results / "c" / "cam-t000.record.json")
    with pytest.raises(DataError, match=r"run cam-t000 differs from the one in") as error:
        collect([results])
    assert str(path) in str(error.value)
    assert "/c/cam-t000.record.json" in str(error.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda ledger, lines: ledger.unlink(), "deleted, cut or edited"),
        (lambda ledger, lines: ledger.write_bytes(b""), "deleted, cut or edited"),
        (lambda ledger, lines: ledger.write_bytes(lines[0] + b"\n"), "line 2 of its study's ledger is missing"),
        (lambda ledger, lines: ledger.write_bytes(lines[1] + b"\n"), "does not follow the line before"),
        (lambda ledger, lines: ledger.write_bytes(b"\n".join(lines[::-1]) + b"\n"), "does not follow"),
        (lambda ledger, lines: ledger.write_bytes(lines[0] + b"\n" + lines[1][:40]), "line 2 of its study's ledger"),
        (
            lambda ledger, lines: ledger.write_bytes(b"\n".join(lines).replace(b"final0", b"final7") + b"\n"),
            "does not follow the line before",
        ),
        (
            lambda ledger, lines: ledger.write_bytes(b"\n".join(lines).replace(b"final1", b"final7") + b"\n"),
            "line 2 of its study's ledger is missing or changed",
        ),
    ],
    ids=["deleted", "emptied", "cut", "first line deleted", "reordered", "torn", "first edited", "last edited"],
)
def test_a_ledger_that_was_changed_is_noticed(results: Path, change: object, reason: str) -> None:
    ledger = results / "a" / "ledger.jsonl"
    assert callable(change)
    change(ledger, ledger.read_bytes().splitlines())
    found = {row["study"]: row for row in rows(table(results))}
    assert found["a"]["status"] == "refused"
    assert reason in found["a"]["reason"]
    assert found["b"]["status"] == "complete", "another study's ledger is not affected"


def test_a_selection_that_was_changed_is_noticed(results: Path) -> None:
    path = results / "a" / "selection.jsonl"
    path.write_text(path.read_text().replace('"value":50.0', '"value":91.0'))
    found = {row["study"]: row for row in rows(table(results))}
    assert "the selection was changed after it was sealed" in found["a"]["reason"]
    assert found["b"]["status"] == "complete"


def test_files_that_are_no_records_are_ignored_among_several_places_only(results: Path) -> None:
    with pytest.raises(DataError, match=r"notes\.txt: neither a folder nor a record"):
        collect([results / "notes.txt"])
    with pytest.raises(DataError, match="no records"):
        collect([results / "notes.txt", results / "ledger.jsonl"])
    with pytest.raises(DataError, match="nowhere: no such folder or file"):
        collect([results, results / "nowhere"])


def test_broken_files_are_named_and_left_out_only_on_request(results: Path) -> None:
    bad = results / "a" / "runs" / "bad.record.json"
    for content in (b"", b"{", b"\xff\xfe", b"[]", b'{"schema_version": 3}', b"[" * 100_000):
        bad.write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.record\.json"):
            collect([results])
        assert len(collect([results], keep_going=True).found) == 8
    bad.unlink()
    bad.mkdir()
    assert len(collect([results]).found) == 8


def large(record: RunRecord) -> RunRecord:
    """With everything that a summary leaves out."""
    curve = Curve(name="IoU 0.5", x=[0.0, 1.0], y=[1.0, 2.0])
    log = EpochLog(phase="train", epoch=1, lr=0.1, losses={"ce": 1.0}, seconds=1.0)
    results = tuple(
        r.model_copy(
            update={
                "metrics": {name: value.model_copy(update={"curves": (curve,)}) for name, value in r.metrics.items()},
                "sweep": {"normalizer.p": [1]},
            }
        )
        for r in record.results
    )
    more = {"history": (log,), "distributions": {"numpy": "2"}, "hardware": {"cpu": "x"}, "results": results}
    return record.model_copy(update=more)


def test_the_index_makes_no_difference(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in results.rglob("*t000.record.json"):
        write_record(large(RunRecord.model_validate_json(path.read_bytes())), path)
    with_index = [table(results) for _ in range(2)]
    assert (results / index.FILE_NAME).is_file()
    monkeypatch.setattr(reading, "INDEXED", 10**6)
    assert {table(results), *with_index} == {with_index[0]}


def test_the_index_is_read_and_has_columns_for_other_tools(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collect([results])
    frame = pd.read_parquet(results / index.FILE_NAME)
    assert sorted(frame["run_id"])[:2] == ["cam-t000", "cam-t000"]
    assert set(frame["sha256"]) == {hashlib.sha256(p.read_bytes()).hexdigest() for p in results.rglob("*.record.json")}
    monkeypatch.setattr("wsol.parse_record", None)
    assert len(collect([results]).found) == 8, "no record was parsed"


def test_a_changed_record_is_noticed_whatever_its_time_says(results: Path) -> None:
    collect([results])
    path = results / "a" / "runs" / "cam-t000-final0.record.json"
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"value": 60.0', b'"value": 91.0').replace(b"60.0", b"91.0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    values = {row["study"]: json.loads(row["values"]) for row in rows(table(results))}
    assert values["a"]["0"] == 91.0
    path.unlink()
    assert {row["study"]: row["seeds_done"] for row in rows(table(results))} == {"a": "1", "b": "2"}


BROKEN = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-50]),
    "noise": lambda path: path.write_bytes(os.urandom(500)),
    "other columns": lambda path: pd.DataFrame({"a": [1]}).to_parquet(path),
    "other types": lambda path: pd.DataFrame({"sha256": [1, 1], "summary": [None, 2]}).to_parquet(path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_index_costs_a_rebuild_and_no_error(results: Path, how: str) -> None:
    whole = table(results)
    BROKEN[how](results / index.FILE_NAME)
    assert table(results) == whole
    assert table(results) == whole
    if how != "a folder":
        assert len(pd.read_parquet(results / index.FILE_NAME)) == 8


def tampered(path: Path) -> None:
    """Change a summary in the index, under the right hash and with the signature of before."""
    file = pyarrow.parquet.read_table(path)
    frame = file.to_pandas()
    assert frame["summary"].str.contains("60.0", regex=False).any()
    frame["summary"] = frame["summary"].str.replace("60.0", "97.125", regex=False)
    changed = pyarrow.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(file.schema.metadata)
    pyarrow.parquet.write_table(changed, path)


def test_an_edited_index_is_not_believed(results: Path) -> None:
    whole = table(results)
    tampered(results / index.FILE_NAME)
    assert table(results) == whole
    assert not pd.read_parquet(results / index.FILE_NAME)["summary"].str.contains("97.125", regex=False).any(), (
        "it was built again"
    )


def test_an_index_that_came_with_the_results_is_not_believed(results: Path, cache: Path) -> None:
    whole = table(results)
    (cache / index.KEY_NAME).unlink()
    tampered(results / index.FILE_NAME)
    key = (cache / index.KEY_NAME).read_bytes() if (cache / index.KEY_NAME).exists() else b""
    assert table(results) == whole
    assert (cache / index.KEY_NAME).read_bytes() != key
    assert stat.S_IMODE((cache / index.KEY_NAME).stat().st_mode) == 0o600


def test_an_index_of_another_layout_is_not_used(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collect([results])
    assert index.load_index(results)
    monkeypatch.setattr(index, "VERSION", index.VERSION + 1)
    index._layout.cache_clear()
    assert index.load_index(results) == {}
    index._layout.cache_clear()


@pytest.mark.parametrize("what", ["cache", "results"])
def test_a_folder_that_cannot_be_written_needs_no_index(
    results: Path, cache: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "cache":
        monkeypatch.setenv("WSOL_CACHE", str(results / "notes.txt" / "below a file"))
    else:
        monkeypatch.setattr("wsol.write_atomic", _read_only)
    assert len(rows(table(results))) == 2
    assert not (results / index.FILE_NAME).exists()


def _read_only(path: Path, content: bytes, what: str) -> None:
    raise DataError(f"{path}: {what} cannot be written: Read-only file system")


def test_without_pyarrow_records_are_read_without_an_index(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table(results)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert table(results) == whole


def test_two_readers_at_once_leave_a_whole_index(results: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        tables = set(pool.map(lambda _: table(results), range(8)))
    assert len(tables) == 1
    assert len(index.load_index(results)) == 8
    assert [path.name for path in results.glob(".*")] == [index.FILE_NAME]


def test_few_records_get_no_index(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "INDEXED", 9)
    collect([results])
    assert not (results / index.FILE_NAME).exists()


def test_numbers_that_json_lacks_survive_the_index(results: Path) -> None:
    metrics = {"MaxBoxAccV2": MetricValue(value=float("nan"), low=float("-inf"))}
    write_study([make("odd", metrics=metrics, study="c")], results / "c")
    first, second = table(results), table(results)
    assert first == second
    assert "MaxBoxAccV2 is nan on test" in first
