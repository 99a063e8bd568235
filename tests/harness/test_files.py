"""Atomic files, locks and folders."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import wsol
from wsol import files
from wsol.code_files import files_hash
from wsol.files import AtomicFile, lock, make_folder, write_atomic, writing
from wsol.study.identity import path_hash


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_atomic_file_replaces_the_old_one_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "new" / "f"
    write_atomic(path, "old")
    with AtomicFile(path) as file:
        file.write(b"a")
        file.write(b"b")
        assert path.read_text() == "old"
    assert path.read_text() == "ab"
    assert names(path.parent) == ["f"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_error_of_the_block_passes_unchanged_and_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with AtomicFile(tmp_path / "f") as file:
            file.write(b"half")
            raise FileNotFoundError("an image")

    with pytest.raises(FileNotFoundError, match="an image"):
        write_half()
    assert names(tmp_path) == []


def test_bytes_are_written_at_their_place(tmp_path: Path) -> None:
    with AtomicFile(tmp_path / "f") as file:
        file.write_at(b"cd", 2)
        file.write_at(b"ab", 0)
    assert (tmp_path / "f").read_bytes() == b"abcd"


def test_messages_say_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for parent, what in ((tmp_path / "file", "the record"), (tmp_path / "file" / "deeper", "the figure")):
        with pytest.raises(wsol.DataError, match=f"x: {what} cannot be written: .*; nothing was changed"):
            write_atomic(parent / "x", "", what)
    with pytest.raises(wsol.DataError, match="file/x: the data folder cannot be made: "):
        make_folder(tmp_path / "file" / "x", "the data folder")
    expected = pytest.raises(wsol.DataError, match=r"file/x: the ledger cannot be written: .*; test stays closed")
    with expected, writing(tmp_path / "file" / "x", "the ledger", "; test stays closed"):
        (tmp_path / "file" / "x").write_text("")


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    script = """
        import sys
        from pathlib import Path
        import wsol
        from wsol.files import lock

        try:
            with lock(Path(sys.argv[1]), busy="in use"):
                print("held")
        except wsol.DataError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]

    def other() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with lock(path) as held:
        assert held
        assert other() == "in use"
    assert other() == "held"


def test_bytes_on_disk_do_not_count_holes(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        os.truncate(file.fileno(), 2**24)
    assert files.bytes_on_disk(tmp_path / "f") < 2**24
    assert files.bytes_on_disk(tmp_path / "none") == 0


def test_a_folder_has_room_or_the_message_says_how_much_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.check_space(tmp_path, 1, "a test needs", "stop")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": files.MARGIN}))
    with pytest.raises(wsol.DataError, match="a test needs 2 MiB and 64 to spare, 64 MiB are free; free some space or"):
        files.check_space(tmp_path, 2 * 2**20, "a test needs", "stop")


def test_a_pipe_is_neither_read_nor_hashed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for hash_it in (files.hash_file, lambda path: files_hash(tmp_path, [path])):
        with pytest.raises(OSError, match="a pipe or device, not a file"):
            hash_it(tmp_path / "pipe")
    with pytest.raises(wsol.DataError, match=r"pipe: cannot be read: a pipe or device, not a file"):
        files.read_bytes(tmp_path / "pipe")
    with pytest.raises(wsol.DataError, match=r"method.table: .*pipe: cannot be read: a pipe or device, not a file"):
        path_hash(tmp_path / "pipe", "method.table")
