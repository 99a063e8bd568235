"""Rows of bad inputs: a command line with files, the exit code, and the line that must be printed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.cli import Result, run_cli

FOLDER, PIPE, UNREADABLE = "a folder", "a named pipe", "an unreadable file"


@dataclass(frozen=True)
class Row:
    """A bad input.

    Attributes:
        arguments: The command line after ``wsol``, split at spaces.
        code: The exit code.
        message: Regular expression of the error.
        files: Path → content; :data:`FOLDER` and :data:`PIPE` instead of a content.
        more: Further words of the command line, which may have spaces.
    """

    arguments: str
    code: int
    message: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    more: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.arguments, *(word[:40] for word in self.more), self.message[:40]])


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write the files of a row."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is FOLDER:
            path.mkdir()
        elif content is PIPE:
            os.mkfifo(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of everything below a folder."""
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in sorted(folder.rglob("*"))}


def check(row: Row, folder: Path, **environment: str) -> Result:
    """Run the command of a row in a folder, and check how it ends and that it wrote nothing."""
    write_files(folder, row.files)
    before = listing(folder)
    done = run_cli(*row.arguments.split(), *row.more, cwd=folder, **environment)
    shown = f"exit code {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}"
    assert done.returncode == row.code, shown
    assert "Traceback" not in done.stdout + done.stderr, shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr), shown
    errors = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert errors, shown
    assert errors[0].startswith("error: "), shown
    assert re.search(row.message, "\n".join(errors)), shown
    assert max(map(len, errors)) < 1000, shown
    assert listing(folder) == before, shown
    return done
