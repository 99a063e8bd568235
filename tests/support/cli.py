"""The command line for tests: in this process, or in a separate one for tests of imports, signals and Ray."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from typer.testing import CliRunner

from wsol.cli import main as entry

ENVIRONMENT = {"COLUMNS": "200", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Result:
    """The exit code of a command and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def run_cli(*arguments: object, cwd: Path | None = None, **environment: str) -> Result:
    """Run ``wsol`` in this process, through the function of the console script, which maps errors to exit codes.

    ``environment`` is added to the present one. Afterwards folder and environment are restored.
    """
    words = [str(argument) for argument in arguments]
    with CliRunner().isolation() as (stdout, stderr, *_), _restored(words, cwd, environment):
        try:
            entry.main()
            code: str | int | None = 0
        except SystemExit as error:
            code = error.code
        sys.stdout.flush()
        sys.stderr.flush()
        assert code is None or isinstance(code, int), code
        return Result(code or 0, stdout.getvalue().decode(), stderr.getvalue().decode())


@contextlib.contextmanager
def _restored(words: list[str], cwd: Path | None, environment: dict[str, str]) -> Iterator[None]:
    """``wsol`` with ``words`` as this process's command line; global state that a call changes is restored."""
    commands, groups = list(entry.app.registered_commands), list(entry.app.registered_groups)
    hook, folder = sys.excepthook, Path.cwd()
    with mock.patch.dict(os.environ, {**ENVIRONMENT, **environment}), mock.patch.object(sys, "argv", ["wsol", *words]):
        os.chdir(cwd or folder)
        try:
            yield
        finally:
            os.chdir(folder)
            sys.excepthook = hook
            entry.app.registered_commands[:] = commands
            entry.app.registered_groups[:] = groups


def start_process(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start the installed ``wsol`` script in a separate process."""
    script = Path(sysconfig.get_path("scripts")) / "wsol"
    return subprocess.Popen(
        [str(script), *(str(argument) for argument in arguments)],
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_default_interrupt,
    )


def _default_interrupt() -> None:
    """A shell that starts pytest in the background makes it, and all that it starts, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_process(*arguments: object, cwd: Path | None = None, timeout: float = 500, **environment: str) -> Result:
    """Run the installed ``wsol`` script in a separate process: for tests of imports, signals and Ray."""
    with start_process(*arguments, cwd=cwd, **environment) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Result(process.returncode, stdout, stderr)
