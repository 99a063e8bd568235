"""The process of one stage: read what to do, do it, send the outcome or the error, and end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from wsol.errors import DivergedError, WsolError, one_line
from wsol.study.outcomes import Failure
from wsol.study.wire import Message, Start, Wire

if TYPE_CHECKING:
    from wsol.recipes import JsonObject
    from wsol.records import EpochLog

_PR_SET_PDEATHSIG = 1
UNFORESEEN = 4
"""Exit code for an exception that is no :class:`wsol.WsolError`."""


class WorkerLink:
    """The worker as seen from the process of a stage. The process ends when the worker has ended.

    Args:
        wire: The connection to the worker.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._answers: queue.SimpleQueue[JsonObject] = queue.SimpleQueue()

    def listen(self) -> None:
        """Receive answers in a thread, which also notices that the worker has ended."""
        threading.Thread(target=self._listen, name="wsol worker", daemon=True).start()

    def epoch(self, log: EpochLog, epochs_done: int) -> None:
        """See :meth:`wsol.study.stages.Reports.epoch`."""
        self._wire.send(Message(epoch=log, epochs_done=epochs_done))

    def checkpoint(self, written: Path) -> None:
        """See :meth:`wsol.study.stages.Reports.checkpoint`."""
        self._wire.send(Message(checkpoint=str(written)))
        self._answers.get()

    def checked(self, split: str, done: int, total: int) -> None:
        """See :meth:`wsol.study.stages.Reports.checked`."""
        self._wire.send(Message(checked=(split, done, total)))

    def _listen(self) -> None:
        while True:
            try:
                answer = self._wire.receive()
            except OSError:
                answer = None
            if answer is None:
                os.killpg(0, signal.SIGKILL)
            else:
                self._answers.put(answer)


def run(messages: socket.socket, parent: int) -> NoReturn:
    """Be the process of a stage.

    Args:
        messages: The connection to the worker.
        parent: Process id of the server, with which this process ends.
    """
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    _end_with(parent)
    wire = Wire(messages)
    content = wire.receive()
    if content is None:
        os._exit(0)
    start = Start.model_validate(content)
    _enter(start)
    link = WorkerLink(wire)
    link.listen()
    try:
        last = Message(outcome=_run(start.task, link))
    except BaseException as error:  # a third-party plugin may raise anything
        last = Message(failure=describe_failure(error))
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    wire.send(last)
    os._exit(0)


def main(handle: int) -> NoReturn:
    """Be the process of a stage in an interpreter of its own; ``handle`` is the socket to the worker."""
    run(socket.socket(fileno=handle), os.getppid())


def _end_with(parent: int) -> None:
    """End this process when the server ends, as far as the system can do that."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _enter(start: Start) -> None:
    """Take over environment, folder and import path of the worker; nothing can be read from standard input."""
    os.environ.clear()
    os.environ.update(start.environment)
    sys.path[:] = start.import_path
    os.chdir(start.folder)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)


def _run(task: JsonObject, link: WorkerLink) -> JsonObject:
    from wsol.study import stages

    return stages.run(task, link).model_dump(mode="json")


def describe_failure(error: BaseException) -> Failure:
    """Describe an exception of a stage for the worker; an unexpected one has its traceback."""
    name = type(error).__name__
    if isinstance(error, WsolError):
        diverged = isinstance(error, DivergedError)
        return Failure(error=name, message=str(error), exit_code=error.exit_code, diverged=diverged)
    message = one_line(error)
    if isinstance(error, SystemExit):
        message = f"a plugin ended its process with sys.exit({error.code!r})"
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return Failure(error=name, message=message, exit_code=UNFORESEEN, traceback=text)
