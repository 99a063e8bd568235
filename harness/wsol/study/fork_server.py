"""The server that starts a process for each stage: ``python -m wsol.study.fork_server FD``.

It imports the libraries once and forks, which takes milliseconds where a new interpreter takes seconds. It loads no
plugin, opens no data and touches no GPU, so that a process it forks starts with nothing of what another one has seen.

Each worker has a server of its own and passes it two sockets for each stage: one for the stage's messages
(:mod:`wsol.study.stage_process`), and one on which the server sends the process id, and the exit code when the process
has ended. When the worker closes the second one, the process is killed. What a plugin started in a stage and left
running is killed with it, also in another session: on Linux the server becomes its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

from wsol.study import stage_process
from wsol.study.wire import ProcessReport, Wire

FRESH_VARIABLE = "WSOL_FRESH_STAGES"
"""Environment variable; not empty: each stage starts a new interpreter instead of a fork."""
_PR_SET_CHILD_SUBREAPER = 36
LIBRARIES = ("numpy", "scipy", "cv2", "PIL.Image", "numba", "torch", "torchvision", "wsol.study.stages")


class Server:
    """Starts processes for a worker until the worker closes its end.

    Args:
        control: The worker passes the sockets of stages over it.
        fork: Whether to fork; otherwise each stage gets a new interpreter.
    """

    def __init__(self, control: socket.socket, *, fork: bool) -> None:
        self.control = control
        self.fork = fork
        self.running: dict[int, Wire] = {}
        self._ended, self._wakeup = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve; returns when the worker has ended, after killing what still runs."""
        _adopt_orphans()
        for end in (self._ended, self._wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._selector.register(self.control, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self.control:
                    if not self._start():
                        self._kill_all()
                        return
                elif key.fileobj is self._ended:
                    self._ended.recv(4096)
                    self._report_ended()
                else:  # the worker gave up a stage
                    self._selector.unregister(key.fileobj)
                    _kill(key.data)

    def _start(self) -> bool:
        """Start the process of one stage; False when the worker has ended."""
        try:
            data, handles, _, _ = socket.recv_fds(self.control, 1, 2)
        except ConnectionError:
            return False
        if not data:
            return False
        messages, status = (socket.socket(fileno=handle) for handle in handles)
        wire = Wire(status)
        try:
            pid = self._fork(messages) if self.fork else _spawn(messages)
        except OSError as error:
            with contextlib.suppress(OSError):
                wire.send(ProcessReport(error=error.strerror or str(error)))
            wire.close()
            return True
        finally:
            messages.close()
        self.running[pid] = wire
        self._selector.register(status, selectors.EVENT_READ, pid)
        with contextlib.suppress(OSError):
            wire.send(ProcessReport(pid=pid))
        return True

    def _fork(self, messages: socket.socket) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._selector.close()
            for end in (self.control, self._ended, self._wakeup, *(wire.end for wire in self.running.values())):
                end.close()
            stage_process.run(messages, parent)
        finally:
            os._exit(70)  # not reached: the process of a stage ends itself

    def _report_ended(self) -> None:
        while (ended := _ended_child()) is not None:
            if ended in self.running:
                _kill(ended)  # what the process has left in its group; its id is not free before it is reaped
            pid, status = os.waitpid(ended, 0)
            wire = self.running.pop(pid, None)
            if wire is None:  # a stage has left it
                continue
            if not self.running:
                _kill_children()
            with contextlib.suppress(KeyError):
                self._selector.unregister(wire.end)
            with contextlib.suppress(OSError):
                wire.send(ProcessReport(exit=os.waitstatus_to_exitcode(status)))
            wire.close()

    def _kill_all(self) -> None:
        for pid in self.running:
            _kill(pid)
        _kill_children()


def _adopt_orphans() -> None:
    """Become the parent of each process below whose own parent ends, as far as the system can do that."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _ended_child() -> int | None:
    """Process id of a child that has ended and is not reaped."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if ended is None else ended.si_pid


def _kill_children() -> None:
    """Kill and reap all children; the children of each become this process's own, so that none is left."""
    try:
        while children := Path("/proc/thread-self/children").read_text().split():
            for child in map(int, children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    except OSError:  # this system does not list them
        return


def _spawn(messages: socket.socket) -> int:
    """Start a new interpreter for a stage."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from wsol.study.stage_process import main; main({messages.fileno()})"
    )
    messages.set_inheritable(True)
    return os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ, setpgroup=0)


def _kill(pid: int) -> None:
    """Kill a process and what it has started."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def forks() -> bool:
    """Whether to fork: not on systems whose libraries do not survive it, and not if the user does not want it."""
    return hasattr(os, "fork") and sys.platform != "darwin" and not os.environ.get(FRESH_VARIABLE)


def _prepare() -> int:
    """Load once what every stage needs; returns the number of threads, of which a fork would have a single one."""
    for name in LIBRARIES:
        importlib.import_module(name)
    from wsol.evaluation.warm import warm_kernels
    from wsol.plugins import prepare
    from wsol.study import environment, identity

    warm_kernels()
    prepare()
    environment.warm()
    identity.warm()
    gc.collect()
    gc.freeze()
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def main(handle: int) -> NoReturn:
    """Serve the worker at the other end of the socket ``handle``; the process ends with the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's; the server ends with its worker
    control = socket.socket(fileno=handle)
    if forks() and _prepare() == 1:
        Server(control, fork=True).run()
    else:
        Server(control, fork=False).run()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
