"""Messages between a worker, its fork server and the processes of stages: JSON over a socket, one a line."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

from wsol.recipes import JsonObject, Model
from wsol.records import EpochLog
from wsol.study.outcomes import Failure

_CHUNK = 1 << 16


class Start(Model):
    """The first message to the process of a stage.

    Attributes:
        task: What to do, a :class:`wsol.study.job.Task`.
        environment: Environment variables of the worker.
        folder: Working directory of the worker.
        import_path: Its ``sys.path``.
    """

    task: JsonObject
    environment: dict[str, str]
    folder: str
    import_path: tuple[str, ...]


class Message(Model):
    """A message from the process of a stage; one of the attributes is set.

    Attributes:
        epoch: Log of a finished epoch.
        epochs_done: Number of epochs that are done in all phases.
        checkpoint: A complete checkpoint that waits for its name; the process waits for an answer.
        checked: Of a check of data, the split, the number of images that are done and of all images.
        outcome: What the stage leaves; the last message.
        failure: Why it has no outcome; the last message.
    """

    epoch: EpochLog | None = None
    epochs_done: int = 0
    checkpoint: str | None = None
    checked: tuple[str, int, int] | None = None
    outcome: JsonObject | None = None
    failure: Failure | None = None


class ProcessReport(Model):
    """A message from the server about the process of a stage; one of the attributes is set.

    Attributes:
        pid: The process was started.
        exit: It ended with this exit code; minus the signal that killed it.
        error: It could not be started.
    """

    pid: int | None = None
    exit: int | None = None
    error: str | None = None


class Wire:
    """One end of a connection between a worker and the process of a stage.

    Args:
        end: A connected stream socket; closed by :meth:`close`.

    Attributes:
        ended: Whether the other end is known to be closed, so that no further message arrives.
    """

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.ended = False
        self._received = bytearray()

    def send(self, message: Model) -> None:
        """Send a message; raises OSError when the other end is closed."""
        content = message.model_dump(mode="json", exclude_defaults=True)
        self.end.sendall(json.dumps(content).encode() + b"\n")

    def receive(self) -> JsonObject | None:
        """Wait for the next message; None when the other end is closed."""
        while b"\n" not in self._received:
            data = self.end.recv(_CHUNK)
            if not data:
                self.ended = True
                return None
            self._received += data
        return self._next()

    def waiting(self) -> Iterator[JsonObject]:
        """The messages that have arrived, without waiting for others."""
        while True:
            while b"\n" in self._received:
                yield self._next()
            try:
                data = self.end.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:  # the other end was closed with unread messages
                data = b""
            if not data:
                self.ended = True
                return
            self._received += data

    def close(self) -> None:
        """Close this end."""
        self.end.close()

    def _next(self) -> JsonObject:
        line, _, rest = self._received.partition(b"\n")
        self._received = bytearray(rest)
        message: JsonObject = json.loads(line)
        return message
