"""Interruptions: SIGINT (Ctrl-C) and SIGTERM end a command in the same way, also during imports and inside Ray."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_received: list[int] = []


class Interrupted(KeyboardInterrupt):
    """Raised where a signal arrives, so that every clean-up for Ctrl-C runs for SIGTERM as well."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise Interrupted(signal.Signals(number).name)


@contextmanager
def raised_on_signals() -> Iterator[None]:
    """Raise :class:`Interrupted` for each signal within the block; a signal that is ignored stays ignored.

    Does nothing outside of the main thread, which alone may handle signals.
    """
    before = {}
    try:
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, _interrupt):
                before[number] = signal.signal(number, _interrupt)
    except ValueError:  # not the main thread
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if before:
            _received.clear()


@contextmanager
def kept_handlers() -> Iterator[None]:
    """Restore the handlers of all signals after the block, for libraries that install their own."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            try:
                signal.signal(number, handler)
            except ValueError:  # not the main thread, where the library could not install any either
                break


def exit_code() -> int | None:
    """Exit code of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM; None when no signal arrived."""
    return 128 + _received[0] if _received else None


def is_interruption(error: BaseException) -> bool:
    """Whether an error is a signal to this process, and not a KeyboardInterrupt that a plugin raised itself."""
    handled = signal.getsignal(signal.SIGINT) is _interrupt
    return isinstance(error, Interrupted) or (isinstance(error, KeyboardInterrupt) and not handled)
