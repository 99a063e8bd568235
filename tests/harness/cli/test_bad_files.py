"""Bad files for every command that reads some: records, observations, stores, boxes, weights, images, data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.bad_inputs import FOLDER, PIPE, Row, check, listing
from tests.support.cli import run_cli
from tests.support.scoring import PLUGIN

VERSION = '{"schema_version": 3'
HOSTILE: dict[str, str | bytes] = {
    "empty": "",
    "text": "hello",
    "binary": bytes(range(256)),
    "latin": b'{"a": "caf\xe9"}',
    "utf16": '{"schema_version": 3}'.encode("utf-16"),
    "nul": "\0" * 100,
    "list": "[]",
    "number": "3",
    "null": "null",
    "string": '"x"',
    "deep lists": "[" * 100_000,
    "deep mappings": '{"a":' * 100_000,
    "deep": VERSION + ', "a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "huge number": VERSION + ', "seed": ' + "9" * 10_000 + "}",
    "other version": '{"schema_version": 99}',
    "version true": '{"schema_version": true}',
    "version list": '{"schema_version": [3]}',
    "no fields": VERSION + "}",
    "unknown key": VERSION + ', "\\u001b[31m": 1}',
    "wrong types": VERSION + ', "run_id": 3, "study": [], "train": "x", "results": {}, "history": 7}',
    "surrogate": VERSION + ', "run_id": "\\ud800"}',
    "truncated": VERSION + ', "run_id": "a',
    "two values": VERSION + "} {}",
    "not a number": VERSION + ', "seconds": NaN, "seed": Infinity}',
}


def records() -> list[Row]:
    """Each hostile record for each command that reads records."""
    rows = []
    for name, content in HOSTILE.items():
        files = {"a.record.json": content}
        for command in ("compare a.record.json a.record.json", "plot a.record.json --out out", "env a.record.json"):
            rows.append(Row(command, 3, r"a\.record\.json", files, ()))
        rows.append(Row("localize --run a --out out", 3, r"a\.record\.json", {**files, "a/weights.pt": b"x"}))
        rows.append(Row("pseudo-boxes --run a --out out.csv", 3, r"a\.record\.json", {**files, "a/weights.pt": b"x"}))
        if name not in ("unknown key",):
            rows.append(Row("leaderboard .", 3, r"record", files))
    return rows


PLACES = [
    Row(command, 3, r"a\.record\.json: cannot be read", {"a.record.json": kind})
    for command in ("compare a.record.json a.record.json", "plot a.record.json --out out", "env a.record.json")
    for kind in (FOLDER, PIPE)
]
PLACES += [
    Row("compare nowhere nowhere", 3, "nowhere: cannot be read: No such file"),
    Row("plot nowhere --out out", 3, "nowhere: cannot be read"),
    Row("env nowhere", 3, "nowhere: cannot be read"),
    Row("env", 3, "File name too long", more=("x" * 300,)),
    Row("compare", 3, "File name too long", more=("x" * 300, "x")),
    Row("compare", 3, r"\\x1b\[31m: cannot be read", more=("\x1b[31m", "x")),
    Row("leaderboard nowhere", 3, "no such folder"),
    Row("leaderboard .", 3, "no records"),
    Row("leaderboard", 3, "no such folder|File name too long", more=("x" * 300,)),
    Row("verify nowhere", 3, "no such folder"),
    Row("localize --run nowhere", 3, "not the folder of a final run"),
    Row("localize --run", 3, "not the folder of a final run|File name too long", more=("x" * 300,)),
    Row("localize --run a", 3, "not the folder of a final run", {"a": FOLDER}),
    Row("localize --run a", 3, "not the folder of a final run", {"a": PIPE}),
    Row("pseudo-boxes --run nowhere", 3, "not the folder of a final run"),
    Row("transfer --run nowhere --benchmark sprites --split val", 3, "not the folder of a final run"),
    Row("transfer --run nowhere --benchmark sprits --split val", 2, "did you mean 'sprites'"),
    Row("run quickstart --weights nowhere", 3, "no such file or folder"),
    Row("run quickstart --weights", 3, "no such file or folder|File name too long", more=("x" * 300,)),
    Row("data info sprits", 2, "did you mean 'sprites'"),
    Row("data info", 2, "unknown benchmark ''", more=("",)),
    Row("data cache folder --root nowhere", 3, "nowhere"),
    Row("run quickstart --set benchmark=folder --set benchmark.root=nowhere", 3, "nowhere"),
    Row("data cache folder --root", 3, "File name too long|no such", more=("x" * 300,)),
    Row("score nowhere --benchmark dozen --split val", 3, "nowhere"),
    Row("score --benchmark dozen --split val", 3, "File name too long|no such", more=("x" * 300,)),
    Row("score a.maps --benchmark dozen --split val", 3, "a.maps", {"a.maps": PIPE}),
    Row("score a.csv --benchmark dozen --split val", 3, "a.csv", {"a.csv": PIPE}),
    Row("score a.csv --benchmark dozen --split val", 3, "a.csv", {"a.csv": FOLDER}),
    Row("score a --benchmark dozen --split val", 3, "missing", {"a": FOLDER}),
    Row("score /dev/null --benchmark dozen --split val", 3, "/dev/null"),
    Row("score /proc/self/mem --benchmark dozen --split val", 3, "/proc/self/mem: cannot be read"),
    Row("seal quickstart --out file", 3, "cannot be (made|written)|Not a directory", {"file": ""}),
]
HEAD = "# wsol boxes: unit=pixels\n"
BOXES: list[tuple[str | bytes, str]] = [
    ("", "the unit of the boxes is not stated"),
    (b"\xff\xfe", "not UTF-8 text"),
    (b"\xef\xbb\xbf" + HEAD.encode(), "header"),
    ("\0" * 10, "unit"),
    ("# wsol boxes: unit=miles\n", "unit 'miles' is unknown"),
    (HEAD, "header"),
    (HEAD + "a,b\n", "header"),
    (HEAD + "image_id,x0,y0,x1,y1\n", "missing"),
    (HEAD + "image_id,x0,y0,x1,y1\n\x1b[31m,1,2,3,4\n", r"missing|\\x1b"),
    (HEAD + 'image_id,x0,y0,x1,y1\n"open,1,2,3,4\n', "CSV|missing"),
    (HEAD + "image_id,x0,y0,x1,y1\na,nan,2,3,4\n", "line"),
    (HEAD + "image_id,x0,y0,x1,y1\na,1e400,2,3,4\n", "line"),
    (HEAD + "image_id,x0,y0,x1,y1\na,9,2,3,4\n", "line"),
    (HEAD + "image_id,x0,y0,x1,y1\na," + "9" * 5000 + ",2,3,4\n", "line"),
    (HEAD + "image_id,x0,y0,x1,y1\n" + "x" * 200_000 + ",1,2,3,4\n", "CSV|missing"),
    (HEAD + "image_id,x0,y0,x1,y1\na\n", "line"),
    ("\r\n".join([HEAD.strip(), "image_id,x0,y0,x1,y1", "a,1,2,3,4", ""]), "missing"),
]
MAPS = [
    *(
        Row("score a.maps --benchmark dozen --split val", 3, r"a\.maps", {"a.maps": content})
        for content in (b"", b"text", b"\x93NUMPY", b"wsol", bytes(1000), b"PK\x03\x04", b"WSOLMAPS" + bytes(100))
    ),
    *(Row("score a.csv --benchmark dozen --split val", 3, m, {"a.csv": content}) for content, m in BOXES),
    *(
        Row("score a --benchmark dozen --split val", 3, "missing", {"a/x.npy": content})
        for content in (b"", b"text", b"\x93NUMPY\x01\x00", bytes(1000))
    ),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the benchmark ``dozen`` is known."""
    plugin = tmp_path / "dozen.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setenv("WSOL_PLUGINS", str(plugin))
    monkeypatch.delenv("WSOL_DATA", raising=False)
    place = tmp_path / "place"
    place.mkdir()
    return place


@pytest.mark.parametrize("row", [*records(), *PLACES, *MAPS], ids=str)
def test_a_bad_file_is_one_line(row: Row, folder: Path) -> None:
    check(row, folder)


@pytest.mark.parametrize(
    "command", ["data check cub", "data check cub --root nowhere", "data prepare folder --root nowhere"]
)
def test_a_check_of_missing_data_lists_them_as_problems(command: str, folder: Path) -> None:
    done = run_cli(*command.split(), cwd=folder)
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    assert "no data folder" in done.stdout or "nowhere" in done.stdout
    assert listing(folder) == {}


@pytest.mark.parametrize("size", [0, 1, 10, 100, 1000])
def test_a_truncated_map_is_one_line(size: int, folder: Path) -> None:
    (folder / "a").mkdir()
    np.save(folder / "a" / "x.npy", np.zeros((20, 20)))
    content = (folder / "a" / "x.npy").read_bytes()
    (folder / "a" / "x.npy").write_bytes(content[:size])
    check(Row("score a --benchmark dozen --split val", 3, "missing"), folder)
