"""Running code of plugins: it cannot end the process or write into a command's output, and its errors are one line."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import NoReturn, TextIO, TypeVar

from wsol.errors import DataError, PluginError, WsolError, one_line
from wsol.interrupts import is_interruption

V = TypeVar("V")
MAX_REASON = 400
"""Most characters of a foreign error's message."""
_LIBRARY_ERRORS = frozenset(
    {
        "xml.etree.ElementTree.ParseError",
        "xml.parsers.expat.ExpatError",
        "json.decoder.JSONDecodeError",
        "_csv.Error",
        "zipfile.BadZipFile",
        "tarfile.TarError",
        "zlib.error",
        "struct.error",
        "pandas.errors.ParserError",
        "pandas.errors.EmptyDataError",
        "yaml.error.YAMLError",
    }
)
"""Errors of libraries that read files; like those of the operating system, they are about data and not about code."""


class ContractError(PluginError):
    """What a component did instead of what its base class asks for; the message continues ``images('train') …``."""


@dataclass(frozen=True)
class Origin:
    """A component and the code that defines it, for errors.

    Attributes:
        component: Kind and name of the component: ``"benchmark 'birds'"``.
        plugin: Name of its plugin.
        code: Package or file of the plugin's code; None where it is not known.
    """

    component: str
    plugin: str
    code: Path | None

    @contextlib.contextmanager
    def calling(self, call: str, fallback: str = "") -> Iterator[None]:
        """Call the component in a ``with`` block.

        Args:
            call: What is called, for the error: ``"images('train')"``.
            fallback: Place to name where the error was not raised in the plugin's code, ``FILE:LINE``; the plugin
                itself is named where that place is not in its code either, as of a method that it inherits.

        Raises:
            PluginError: The block raised an error that is none of wsol's, or ended the process.
            DataError: That error is about a file that cannot be read or parsed.
        """
        try:
            yield
        except ContractError as error:
            raise PluginError(f"{self._begin(call, fallback)} {error}") from error.__cause__
        except WsolError:
            raise
        except BaseException as error:  # a plugin may raise anything, also SystemExit
            if is_interruption(error):
                raise
            raise self._failure(call, fallback, error) from error

    def _begin(self, call: str, place: str) -> str:
        if self.code is not None and not place.startswith((f"{self.code}:", f"{self.code}{os.sep}")):
            place = str(self.code)
        return f"{place or 'unknown file'}: {self.component} of plugin {self.plugin}: {call}"

    def _failure(self, call: str, fallback: str, error: BaseException) -> WsolError:
        frames = list(_frames(error.__traceback__))
        own = [number for number, (frame, _) in enumerate(frames) if self._owns(frame.f_code)]
        place = f"{frames[own[-1]][0].f_code.co_filename}:{frames[own[-1]][1]}" if own else fallback
        if isinstance(error, SystemExit | KeyboardInterrupt):
            return PluginError(f"{self._begin(call, place)} ends the process: {one_line(error)[:MAX_REASON]}")
        message = f"{self._begin(call, place)} failed: {one_line(error)[:MAX_REASON]}"
        if not is_file_error(error):
            return PluginError(message)
        inner = [frame for frame, _ in frames[own[-1] :]] if own else []
        file = "" if getattr(error, "filename", None) else _file_that_is_read(inner)
        return DataError(f"{message} (reading {file})" if file else message)

    def _owns(self, code: CodeType) -> bool:
        return self.code is not None and owns(self.code, code)


def place_in(code: Path, error: BaseException) -> str:
    """Where an error passed through some code last.

    Args:
        code: Package or file.
        error: The error, as it was caught.

    Returns:
        ``FILE:LINE``; empty where the error did not come from there.
    """
    own = [(frame.f_code, line) for frame, line in _frames(error.__traceback__) if owns(code, frame.f_code)]
    return f"{own[-1][0].co_filename}:{own[-1][1]}" if own else ""


def place_of(part: Callable[..., V] | type) -> str:
    """Where a function or class is defined.

    Args:
        part: A function, method, ``functools.partial``, class, or object that can be called.

    Returns:
        ``FILE:LINE`` of a function, ``FILE`` of anything else; empty where that is not known.
    """
    while isinstance(part, functools.partial):
        part = part.func
    code = getattr(inspect.unwrap(part), "__code__", None)
    if isinstance(code, CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}"
    module = getattr(part, "__module__", None)
    return str(getattr(sys.modules.get(str(module)), "__file__", None) or "")


def owns(code: Path, part: CodeType) -> bool:
    """Whether a package or file contains some code."""
    return Path(part.co_filename).is_relative_to(code)


def is_file_error(error: BaseException) -> bool:
    """Whether an error says that a file cannot be read or parsed."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return isinstance(error, OSError | EOFError | UnicodeError) or not names.isdisjoint(_LIBRARY_ERRORS)


def _frames(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _file_that_is_read(frames: list[FrameType]) -> str:
    """The file that the innermost of some frames names in a variable; empty unless it is one."""
    for frame in reversed(frames):
        named = {found for value in frame.f_locals.values() if (found := _file_name(value))}
        if len(named) == 1:
            return named.pop()
    return ""


def _file_name(value: str | os.PathLike[str] | TextIO) -> str:
    """The path that a variable holds, or that of an open file; empty for anything else."""
    name = getattr(value, "name", None) if isinstance(value, io.IOBase) else value
    if not isinstance(name, str | os.PathLike):
        return ""
    with contextlib.suppress(Exception):  # a path of a plugin's own class, or a text that is no path
        path = os.fspath(name)
        if isinstance(path, str) and os.path.isfile(path) and not path.endswith(".py"):
            return path
    return ""


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Keep foreign code from ending the command in silence with ``os._exit``, and from writing into its output.

    Blocks may be nested, and run in several threads; within another block of its thread a block does nothing, so that
    code that calls itself without end leaves no block open.

    Raises:
        ContractError: The code called ``os._exit``, or closed standard output or standard error.
    """
    if _CONTAINMENT.is_inside():
        yield
        return
    streams = (sys.stdout, sys.stderr)
    _CONTAINMENT.enter()
    try:
        yield
        if any(stream.closed for stream in streams):
            raise ContractError("closes the standard output or standard error")
    finally:
        _CONTAINMENT.leave()


class _Containment:
    """What the first of all open blocks replaces in the process, and the last one puts back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: set[tuple[int, int]] = set()  # process and thread of each open block
        self._replaced = contextlib.ExitStack()

    def is_inside(self) -> bool:
        """Whether this thread is in a block."""
        return (os.getpid(), threading.get_ident()) in self._inside

    def enter(self) -> None:
        """Open a block in this thread."""
        with self._lock:
            if not self._inside:
                self._replace()
            self._inside.add((os.getpid(), threading.get_ident()))

    def leave(self) -> None:
        """Close a block of this thread."""
        with self._lock:
            self._inside.discard((os.getpid(), threading.get_ident()))  # absent in a process forked within the block
            if not self._inside:
                self._replaced.close()

    def _replace(self) -> None:
        # Standard output belongs to the command, which may print JSON.
        self._replaced.enter_context(contextlib.redirect_stdout(_Output(sys.stderr)))
        self._replaced.enter_context(contextlib.redirect_stderr(_Output(sys.stderr)))
        exit_now = os._exit

        def raise_exit(status: int) -> NoReturn:
            if not self.is_inside():  # a child of the plugin, or another thread
                exit_now(status)
            raise ContractError(f"calls os._exit({status!r})")

        os._exit = raise_exit
        self._replaced.callback(setattr, os, "_exit", exit_now)
        self._replaced.callback(_change_back, _folder())


_CONTAINMENT = _Containment()


def _folder() -> str:
    """The working directory; empty where it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _change_back(folder: str) -> None:
    """Make a folder the working directory again: a command's relative paths are of the one that it started in."""
    if folder and _folder() != folder:
        os.chdir(folder)


class _Output(io.TextIOBase):
    """Writes to another stream, and cannot close it."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text to the stream."""
        return self.stream.write(text)

    def flush(self) -> None:
        """Write out what the stream holds back."""
        self.stream.flush()

    def fileno(self) -> int:
        """Return the stream's file descriptor."""
        return self.stream.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()

    def close(self) -> None:
        """Leave the stream open, and this one too."""
