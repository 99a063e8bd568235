"""The ledger: a chain of lines, appended completely or not at all, and what is counted from it."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wsol
from wsol.study import ledger as module
from wsol.study.ledger import (
    FILE_NAME,
    TORN_NAME,
    LedgerEntry,
    append,
    check_chain,
    count_attempts,
    count_openings,
    read_ledger,
)

FAST = settings(deadline=None, max_examples=60)


def entry(run: str = "r", **changes: Any) -> LedgerEntry:
    fields: dict[str, Any] = {"kind": "final", "cells": ("cell",), "data": "d", "selection": "s", **changes}
    return LedgerEntry(run=run, **fields)


def filled(path: Path, count: int) -> list[bytes]:
    """A ledger of ``count`` lines; returns them."""
    for number in range(count):
        append(path, entry(f"run {number} ☃"))
    return path.read_bytes().splitlines(keepends=True) if count else []


def found(path: Path, heads: dict[str, wsol.LedgerHead]) -> list[str]:
    """What reading the ledger and comparing it with known ends says."""
    try:
        return check_chain(path, heads)
    except wsol.DataError as error:
        return [str(error)]


def test_lines_are_numbered_and_chained(tmp_path: Path) -> None:
    path = tmp_path / "results" / FILE_NAME
    heads = [append(path, entry(run)) for run in "abc"]
    ledger = read_ledger(path)
    assert [(e.number, e.run, e.note) for e in ledger.entries] == [(1, "a", ""), (2, "b", ""), (3, "c", "")]
    assert [e.previous for e in ledger.entries] == ["", heads[0].hash, heads[1].hash]
    assert (ledger.head, ledger.problems) == (heads[2], ())
    assert check_chain(path, {str(n): head for n, head in enumerate(heads)}) == []


def test_a_missing_ledger_is_an_empty_one(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / FILE_NAME).entries == ()
    assert read_ledger(tmp_path / FILE_NAME).head is None
    assert check_chain(tmp_path / FILE_NAME, {}) == []


@FAST
@given(st.data())
def test_every_edit_cut_change_of_order_and_insertion_is_found(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, FILE_NAME)
        lines = filled(path, 4)
        heads = {"the last run": wsol.LedgerHead(lines=4, hash=read_ledger(path).hashes[3])}
        kind = data.draw(st.sampled_from(["edit", "cut", "swap", "insert", "drop", "bytes"]))
        at, other = data.draw(st.permutations(range(4)))[:2]
        if kind == "edit":
            lines[at] = lines[at].replace(b'"kind":"final"', b'"kind":"score"')
        elif kind == "cut":
            lines = lines[: data.draw(st.integers(0, 3))]
        elif kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "insert":
            lines.insert(at, lines[other])
        elif kind == "drop":
            del lines[at]
        content = bytearray(b"".join(lines))
        if kind == "bytes":
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] = (content[place] + data.draw(st.integers(1, 255))) % 256
        path.write_bytes(bytes(content))
        problems = found(path, heads)
        assert problems
        assert all(str(path) in problem and "\n" not in problem for problem in problems)


@FAST
@given(st.integers(0, 3), st.data())
def test_an_append_that_crashes_at_any_byte_loses_no_acknowledged_line(before: int, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, FILE_NAME)
        acknowledged = filled(path, before)
        kept = b"".join(acknowledged)
        head = append(path, entry("the crashed one"))
        whole = path.read_bytes()
        written = data.draw(st.integers(len(kept), len(whole)))
        path.write_bytes(whole[:written])
        warnings: list[str] = []
        append(path, entry("the next one"), warnings.append)
        ledger = read_ledger(path)
        runs = [e.run for e in ledger.entries]
        crashed = ["the crashed one"] if written == len(whole) else []
        assert runs == [*(f"run {n} ☃" for n in range(before)), *crashed, "the next one"]
        assert path.read_bytes().startswith(kept)
        torn = whole[len(kept) : written]
        if torn and not crashed:
            assert path.with_name(TORN_NAME).read_bytes() == torn + b"\n"
            note = f"line {before + 1} was incomplete and is kept in {TORN_NAME}"
            assert (ledger.entries[-1].note, warnings) == (note, [f"{path}: {note}"])
            assert len(found(path, {"a record": head})) == 1
        else:
            assert (ledger.entries[-1].note, warnings) == ("", [])
            assert not path.with_name(TORN_NAME).exists()


def test_a_last_line_of_zeros_is_set_aside(tmp_path: Path) -> None:
    """A file system may leave a block of zeros after a loss of power."""
    path = tmp_path / FILE_NAME
    filled(path, 1)
    with path.open("ab") as file:
        file.write(b"\0" * 40 + b"\n")
    assert read_ledger(path).problems == (f"{path}:2: the last line is incomplete, so it does not count",)
    append(path, entry("next"))
    assert [e.run for e in read_ledger(path).entries] == ["run 0 ☃", "next"]
    assert read_ledger(path).problems == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(b"{}\n", "not a ledger entry"), (b"\xff\n", "not a ledger entry"), (None, "does not follow")],
)
def test_a_broken_line_in_the_middle_is_named_and_nothing_is_appended(
    tmp_path: Path, wrong: bytes | None, message: str
) -> None:
    path = tmp_path / FILE_NAME
    lines = filled(path, 3)
    lines[1] = lines[0] if wrong is None else wrong
    path.write_bytes(b"".join(lines))
    with pytest.raises(wsol.DataError, match=rf"ledger\.jsonl:2: {message}.*; the ledger was edited: restore"):
        append(path, entry())
    assert path.read_bytes() == b"".join(lines)


def test_a_deleted_a_cut_and_a_rewritten_ledger_differ(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    lines = filled(path, 3)
    heads = {"run-a": wsol.LedgerHead(lines=3, hash=read_ledger(path).hashes[2])}
    path.write_bytes(b"".join(lines[:2]))
    assert check_chain(path, heads) == [f"{path}: the ledger has 2 lines, and had 3 when run-a was evaluated"]
    append(path, entry("another"))
    assert check_chain(path, heads) == [f"{path}: the ledger had another line 3 when run-a was evaluated"]
    path.unlink()
    assert check_chain(path, heads) == [f"{path}: the ledger is missing, and had 3 lines when run-a was evaluated"]


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE_NAME
    filled(path, 2)
    before = path.read_bytes()
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda handle, line: write(handle, line[:10]))
    with pytest.raises(wsol.DataError, match="No space left on device; test data were not opened"):
        append(path, entry())
    assert path.read_bytes() == before

    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.undo()
    monkeypatch.setattr(module.os, "fsync", fail)
    with pytest.raises(wsol.DataError, match="Input/output error; test data were not opened"):
        append(path, entry())
    assert path.read_bytes() == before


def test_a_really_full_disk_leaves_the_ledger_as_it_was(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    append(path, entry())
    before = path.read_bytes()
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"\0" * 4096):
            pass
    with pytest.raises(wsol.DataError, match="test data were not opened"):
        append(path, entry("x" * 100_000))
    assert path.read_bytes() == before
    assert len(read_ledger(path).entries) == 1


def test_a_ledger_that_is_a_folder_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(wsol.DataError, match="test data were not opened"):
        append(tmp_path / FILE_NAME, entry())


def _append_many(path: Path, name: str) -> None:
    for number in range(20):
        append(path, entry(f"{name}{number}"))


def test_processes_that_append_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    runs = [e.run for e in read_ledger(path).entries]
    assert sorted(runs) == sorted(f"{name}{number}" for name in "abc" for number in range(20))


def test_evaluations_are_pairs_of_selection_and_identities_and_restarts_are_repeats() -> None:
    seeds = [entry("final0", number=1), entry("final1", number=2)]
    assert count_openings(seeds, "cell", "d") == (1, 0)
    restarted = [*seeds, entry("final1", number=3, attempt=2)]
    assert count_openings(restarted, "cell", "d") == (1, 1)
    changed = [*restarted, entry("final1", number=4, attempt=3, identities="other code")]
    assert count_openings(changed, "cell", "d") == (2, 1)
    chosen_again = [*changed, entry("final0", number=5, selection="t")]
    assert count_openings(chosen_again, "cell", "d") == (3, 1)
    elsewhere = [
        entry(number=6, data="e"),
        entry(number=7, cells=("other",)),
        entry(number=8, kind="inspection", cells=()),
    ]
    assert count_openings([*chosen_again, *elsewhere], "cell", "d") == (3, 1)
    assert count_openings([*chosen_again, *chosen_again], "cell", "d") == (3, 1)  # a copy of the ledger
    assert count_attempts(restarted, entry("final1")) == 2
