"""Errors that a user can cause; each message says what is wrong, where, and what to do about it."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import ClassVar


class WsolError(Exception):
    """Base class of all expected errors; the command line prints the message without a traceback."""

    exit_code: ClassVar[int] = 1
    """Exit code of the process: 1 some runs failed, 2 wrong usage or configuration, 3 data or weights missing or
    broken; 4 is for errors of other classes."""


class UsageError(WsolError):
    """Wrong usage or configuration: an unknown name, a bad option, a study that does not validate."""

    exit_code = 2


class PluginError(UsageError):
    """A plugin that cannot be loaded, or a component that does not follow the specification of its hook."""


class SealError(UsageError):
    """Test data requested without a sealed selection, or with a selection that was changed after sealing."""


class LeaseError(UsageError):
    """A study's results folder that another process is writing to."""


class DataError(WsolError):
    """Data that are missing or broken: an image, a line of an annotation file, a score map, a record."""

    exit_code = 3

    @classmethod
    def at(cls, path: Path, line: int, message: str) -> DataError:
        """The error for a line of a file.

        Args:
            path: The file.
            line: Number of the line, from 1.
            message: What is wrong with it.

        Returns:
            An error with the message ``PATH:LINE: MESSAGE``.
        """
        return cls(f"{path}:{line}: {message}")


class WeightsError(DataError):
    """Pretrained weights that are missing or do not fit the network."""


class RunError(WsolError):
    """A run that failed while training or evaluating."""


class DivergedError(RunError):
    """Training produced a NaN or infinite loss; the trial ends with the status ``diverged``."""


def one_line(error: BaseException) -> str:
    r"""The message of an error on one line; of an error that is not expected, its type as well.

    Example:
        >>> one_line(ValueError("too\nlarge"))
        'ValueError: too large'
    """
    try:
        text = " ".join(str(error).split())
    except Exception as broken:  # an exception of a plugin may not even have a message
        text = f"its message cannot be read ({type(broken).__name__})"
    return text if isinstance(error, WsolError) else f"{type(error).__name__}: {text}".removesuffix(": ")


def printable(text: str) -> str:
    r"""Escape what a terminal would obey instead of showing: control characters, escape sequences, lone surrogates.

    Texts of files, plugins and names pass through here before they are printed. Line breaks stay.

    Example:
        >>> printable("cafe \x1b[31mred")
        'cafe \\x1b[31mred'
    """
    return "".join(c if c == "\n" or c.isprintable() or unicodedata.category(c) == "Zs" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
