"""Errors of libtiff, with which Pillow decodes compressed TIFF files.

By itself, libtiff prints them on standard error without the file's name, and Pillow ignores some, such as those of JPEG
data: the rest of the image would be grey.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from contextlib import suppress
from functools import cache

_ErrorHandler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_of_thread = threading.local()


def _notice(module: bytes | None, text: bytes | None, values: int | None) -> None:
    """Called by libtiff in the thread that decodes; ``text`` has placeholders for ``values``."""
    _of_thread.failed = True


_notice_in_c = _ErrorHandler(_notice)
"""What libtiff calls; it must exist as long as libtiff."""


@cache
def _take_over() -> None:
    """Let libtiff report to :func:`_notice`; without effect where it is a part of Pillow that cannot be reached."""
    pillow = importlib.util.find_spec("PIL._imaging")
    with suppress(OSError, AttributeError):
        ctypes.CDLL(pillow.origin if pillow else None).TIFFSetErrorHandler(
            _notice_in_c
        )  # found in what Pillow is linked to


def watch() -> None:
    """Forget errors of libtiff in this thread; those that follow are seen by :func:`failed`."""
    _take_over()
    _of_thread.failed = False


def failed() -> bool:
    """Whether libtiff reported an error in this thread since the last :func:`watch`."""
    return bool(_of_thread.failed)
