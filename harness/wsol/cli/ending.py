"""How a command ends: its exit code, and one line on standard error for each ending that is not a success."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

import typer

from wsol import interrupts
from wsol.cli.common import err, out, styled, warn
from wsol.errors import WsolError, one_line

EXIT_CODES = (
    "Exit codes: 0 done, 1 some runs failed or findings, 2 wrong usage or configuration, 3 data or weights missing or "
    "broken, 4 an unforeseen error, 130 interrupted (Ctrl-C), 141 the output was closed, 143 terminated (SIGTERM)."
)
MAX_LINE = 900
"""Most characters in a line of an error."""
UNFORESEEN, INTERRUPTED, OUTPUT_CLOSED = 4, 130, 141
_CONTINUED = (("run",), ("search",), ("final",), ("data", "prepare"), ("data", "cache"))
"""Commands that continue where they stopped when they are called again."""
_USAGE_ERRORS = typer.BadParameter.__bases__


def ended(command: Callable[[], int | None], words: list[str]) -> int:
    """Run a command to its end, whatever happens.

    Args:
        command: The command; it returns its exit code, None for 0.
        words: The command line, to say how an interrupted command continues.

    Returns:
        The exit code of the process.
    """
    threading.excepthook = _thread_failed
    for stream in (sys.stdout, sys.stderr):  # what the terminal's encoding lacks is escaped
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command() or 0
        sys.stdout.flush()
    except BaseException as error:
        code = _failed(error)
    if interrupts.exit_code() is not None and code != 0:
        code = interrupts.exit_code() or INTERRUPTED
    return _say_interrupted(words, code) if code in (INTERRUPTED, 143) else code


def _failed(error: BaseException) -> int:
    """Print the line of an error and return its exit code."""
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
        _close_output()
        return OUTPUT_CLOSED
    if isinstance(error, KeyboardInterrupt) or interrupts.exit_code() is not None:
        return interrupts.exit_code() or INTERRUPTED
    if isinstance(error, WsolError):
        say_error(str(error))
        return error.exit_code
    if isinstance(error, _USAGE_ERRORS):
        return _wrong_usage(error)
    if isinstance(error, SystemExit) and _module(error.__traceback__).startswith(("typer", "click")):
        return error.code if isinstance(error.code, int) else 0  # shell completion ends like this
    if isinstance(error, OSError) and error.filename is not None:
        say_error(f"{error.filename}: {error.strerror}")
        return 3
    say_error(f"unforeseen: {one_line(error)[:500]}{_saved(error)}")
    return UNFORESEEN


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """Print one line about an error in a thread, instead of Python's traceback."""
    if failure.exc_value is not None:
        warn(f"a thread ended early: {one_line(failure.exc_value)[:500]}{_saved(failure.exc_value)}")


def say_error(message: str) -> None:
    """Print the line of an error to standard error; lines that quote long inputs are cut."""
    lines = [line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…" for line in message.splitlines()]
    message = "\n".join(lines)
    try:
        err.print(styled(("error:", "red"), f" {message}"), soft_wrap=True)
    except (OSError, ValueError):  # standard error is closed; the exit code remains
        _close_output()


def _wrong_usage(error: BaseException) -> int:
    message, context = str(getattr(error, "format_message", error.__str__)()), getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # with rich, the help is printed already
        out.print(message) if message.strip() else None
        return 2
    where = context.command_path if context else "wsol"
    say_error(f"{' '.join(message.split()).rstrip('.')[:500]}; see '{where} --help'")
    return 2


def _saved(error: BaseException) -> str:
    """Write the traceback of an error to a file of its own, and say where."""
    try:
        handle, path = tempfile.mkstemp(prefix="wsol-traceback-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except (OSError, RecursionError):
        return "; the traceback could not be saved"
    return f"; this is a bug, please report it with the traceback in {path}"


def _module(trace: TracebackType | None) -> str:
    """Name of the module that raised an error."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")) if trace is not None else ""


def _say_interrupted(words: list[str], code: int) -> int:
    continues = any(tuple(words[: len(command)]) == command for command in _CONTINUED) and "--dry-run" not in words
    how = "interrupted" if code == INTERRUPTED else "terminated"
    try:
        err.print(f"{how}; run the same command again to continue" if continues else how)
    except OSError:
        _close_output()
    return code


def _close_output() -> None:
    """Let what is still buffered for a closed pipe go nowhere, so that Python does not complain about it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            except (OSError, ValueError):
                continue
