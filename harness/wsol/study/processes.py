"""The worker's side of the stages: one fork server for each worker, and one process for each stage.

See :mod:`wsol.study.fork_server` and :mod:`wsol.study.stage_process` for the other sides.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wsol.errors import RunError
from wsol.recipes import JsonObject
from wsol.study.outcomes import Failure
from wsol.study.wire import Message, ProcessReport, Start, Wire

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""Environment of the server: libraries must not start threads when they are imported."""
_PATIENCE = 30.0
"""Seconds to wait for a process that was killed."""

OnMessage = Callable[[Message], None]
"""Called with each message of a stage before the last one."""


class StageError(RunError):
    """A stage that ended with an error.

    Attributes:
        failure: The error.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class StageKilled(RunError):
    """A stage whose process was killed before it had an outcome; it may succeed when it is started again."""


def run_stage(label: str, task: JsonObject, on_message: OnMessage) -> JsonObject:
    """Run a stage in a process of its own, which does not outlive this call.

    Args:
        label: What the stage is to the user, for errors.
        task: What to do, see :class:`wsol.study.job.Task`.
        on_message: Called with each message before the outcome.

    Returns:
        The outcome.

    Raises:
        StageError: The stage raised an error, or ended without an outcome.
        StageKilled: Its process was killed, or the server was.
        RunError: No process can be started.
    """
    with _process(label) as process:
        return process.run(task, on_message)


class _Process:
    """The process of a stage.

    Args:
        label: What the stage is to the user.
        messages: The connection to the process.
        status: The connection to the server, which reports the process's id and its end.
    """

    def __init__(self, label: str, messages: socket.socket, status: socket.socket) -> None:
        self.label = label
        self.messages = Wire(messages)
        self.status = Wire(status)
        self.ended = False
        self.pid: int | None = None
        self.last: Message | None = None

    def run(self, task: JsonObject, on_message: OnMessage) -> JsonObject:
        """Send the task, answer messages until the process has ended, and return its outcome."""
        with contextlib.suppress(OSError):  # it has ended already, which the server reports
            self.messages.send(
                Start(task=task, environment=dict(os.environ), folder=os.getcwd(), import_path=tuple(sys.path))
            )
        code = self._follow(on_message)
        if code == 0 and self.last is not None and self.last.failure is not None:
            raise StageError(self.last.failure)
        if code == 0 and self.last is not None and self.last.outcome is not None:
            return self.last.outcome
        raise self._unfinished(code)

    def kill(self) -> None:
        """Kill the process and wait for its end, unless it has ended."""
        with contextlib.suppress(OSError):
            if not self.ended:
                self.status.end.shutdown(socket.SHUT_WR)
                self.status.end.settimeout(_PATIENCE)
                while self.status.receive() is not None:
                    pass
        self.messages.close()
        self.status.close()

    def _kill_group(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _follow(self, on_message: OnMessage) -> int | None:
        """Handle messages until the process has ended; returns its exit code, None when the server was killed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.messages.end, selectors.EVENT_READ)
            selector.register(self.status.end, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self.messages.end in ready:
                    self._handle_waiting(on_message)
                    if self.messages.ended:
                        selector.unregister(self.messages.end)
                if self.status.end in ready:
                    reports = [ProcessReport.model_validate(report) for report in self.status.waiting()]
                    self.pid = next((report.pid for report in reports if report.pid is not None), self.pid)
                    reports = [report for report in reports if report.pid is None]
                    if reports or self.status.ended:
                        self.ended = True
                        if not reports:  # the server was killed, and did not kill what the stage had started
                            self._kill_group()
                        self._handle_waiting(on_message)
                        return self._exit_code(reports)

    def _exit_code(self, reports: list[ProcessReport]) -> int | None:
        for report in reports:
            if report.error is not None:
                raise RunError(f"{self.label}: no process can be started: {report.error}")
            return report.exit
        return None

    def _handle_waiting(self, on_message: OnMessage) -> None:
        for content in self.messages.waiting():
            message = Message.model_validate(content)
            if message.outcome is not None or message.failure is not None:
                self.last = message
                continue
            on_message(message)
            if message.checkpoint is not None:
                with contextlib.suppress(OSError):
                    self.messages.send(Message())

    def _unfinished(self, code: int | None) -> RunError:
        if code is None:
            return StageKilled(f"{self.label}: the server of its process was killed")
        if code < 0:
            hint = "; it may have needed more memory than there is" if -code == signal.SIGKILL else ""
            return StageKilled(f"{self.label}: its process was killed by signal {_signal_name(-code)}{hint}")
        message = f"{self.label}: its process ended with exit code {code} and no result; plugins must not end it"
        return StageError(Failure(error="RunError", message=message, exit_code=1))


@contextmanager
def _process(label: str) -> Iterator[_Process]:
    """Start the process of a stage; it is killed when the block ends before it has."""
    messages, theirs = socket.socketpair()
    status, servers = socket.socketpair()
    process = _Process(label, messages, status)
    try:
        try:
            _SERVERS.start_stage(theirs, servers)
        finally:
            theirs.close()
            servers.close()
        yield process
    finally:
        process.kill()


class _Server:
    """A running fork server, which ends when this process does."""

    def __init__(self) -> None:
        control, theirs = socket.socketpair()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from wsol.study.fork_server import main; main({theirs.fileno()})"
        )
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            control.close()
            raise RunError(f"no process can be started: {error.strerror or error}") from None
        finally:
            theirs.close()
        self.control = control

    def start_stage(self, messages: socket.socket, status: socket.socket) -> None:
        """Pass the sockets of a stage on; raises OSError when the server has ended."""
        socket.send_fds(self.control, [b"s"], [messages.fileno(), status.fileno()])

    def stop(self) -> None:
        """End the server and its processes."""
        self.control.close()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class _Servers:
    """The server of this process, started when it is first needed and again after it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._owner = 0

    def start_stage(self, messages: socket.socket, status: socket.socket) -> None:
        """Let the server start a process; arguments as for :meth:`_Server.start_stage`."""
        with self._lock:
            if self._owner == os.getpid() and self._server is not None:
                with contextlib.suppress(OSError):
                    self._server.start_stage(messages, status)
                    return
                self._server.stop()
            self._server, self._owner = _Server(), os.getpid()
            try:
                self._server.start_stage(messages, status)
            except OSError as error:
                raise RunError(f"no process can be started: {error.strerror or error}") from None

    def stop(self) -> None:
        """End the server of this process, if there is one."""
        with self._lock:
            if (
                self._owner == os.getpid() and self._server is not None
            ):  # and not that of the process it was forked from
                self._server.stop()
            self._server = None


_SERVERS = _Servers()
atexit.register(_SERVERS.stop)


def end_server() -> None:
    """End the fork server of this process; the next stage starts another one."""
    _SERVERS.stop()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
