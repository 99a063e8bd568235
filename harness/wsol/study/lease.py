"""The lease of a study: one process at a time writes to its results folder.

``lease.json`` names the process that holds it, where it runs and when it last renewed it. A lease whose process has
ended is free at once on the same machine, and after :data:`STALE_SECONDS` without renewal anywhere else. Every lease
has a larger number than the one before; a worker that an earlier holder left running compares the numbers before it
writes, and stops.

The number is claimed by linking a file of that name, which succeeds for one process only, also on shared storage
without locks. Times are those of the storage, so that clocks of different machines are not compared.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from wsol.errors import DataError, LeaseError, UsageError
from wsol.files import lock, write_atomic, writing
from wsol.recipes import Model, content_hash
from wsol.study.ledger import now

FILE_NAME = "lease.json"
STALE_SECONDS = 180.0
"""A lease that was not renewed for this long is free."""
RENEW_SECONDS = 20.0
CLAIM = ".lease-"
"""Start of the names of the files whose creation claims a number."""


class LeaseHolder(Model):
    """Content of ``lease.json``.

    Attributes:
        number: Number of the lease, larger than those before.
        owner: Random name of the holder.
        host: Name of its machine.
        machine: Identifies the machine, its boot and its space of process ids; empty where they are not known.
        pid: Its process id.
        born: Start of the process, by the clock of the machine; empty where it is not known.
        since: When the lease was taken, UTC, ISO 8601.
        released: Whether it was given back.
    """

    number: int
    owner: str
    host: str
    machine: str
    pid: int
    born: str
    since: str
    released: bool = False


class Lease:
    """A lease that this process holds.

    Attributes:
        folder: The study's results folder.
        holder: What ``lease.json`` says.
    """

    def __init__(self, folder: Path, holder: LeaseHolder) -> None:
        self.folder = folder
        self.holder = holder

    @property
    def number(self) -> int:
        """Number of the lease."""
        return self.holder.number

    def check(self) -> None:
        """Raise LeaseError where another process has taken the study over."""
        check_lease(self.folder, self.number)

    def renew(self, *, released: bool = False) -> None:
        """Write the lease again, unless another process has taken the study over.

        Args:
            released: Whether the lease is given back.

        Raises:
            LeaseError: Another process holds the study.
            DataError: The file cannot be written.
        """
        self.check()
        self.holder = self.holder.model_copy(update={"released": released})
        _write(self.folder, self.holder)


@contextmanager
def hold_lease(folder: Path) -> Iterator[Lease]:
    """Hold the lease of a study while the block runs; a thread renews it.

    Args:
        folder: The study's results folder, which exists.

    Yields:
        The lease.

    Raises:
        LeaseError: Another process holds it; the message names the process.
        UsageError: The folder holds a file of this name that wsol did not write.
        DataError: The lease cannot be written.
    """
    lease = _acquire(folder)
    ended = threading.Event()
    thread = threading.Thread(target=_keep_renewing, args=(lease, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(LeaseError, DataError):
            lease.renew(released=True)


def check_lease(folder: Path, number: int | None) -> None:
    """Check, before something is written to a study, that no other process has taken it over.

    Args:
        folder: The study's results folder.
        number: Number of the lease that the writer works under; None: it works without one.

    Raises:
        LeaseError: There is a newer lease.
    """
    if number is None:
        return
    holder = _current(folder)
    if holder is not None and holder.number > number:
        raise LeaseError(
            f"{folder}: process {holder.pid} on {holder.host} has taken this study over since {holder.since}; "
            "nothing was written"
        )


def _acquire(folder: Path) -> Lease:
    with writing(folder / FILE_NAME, "the lease of the study"), lock(folder / ".lease.lock"):
        while True:
            before = _current(folder)
            with _claim_file(folder) as mine:
                if before is not None and _is_held(before, folder, mine):
                    raise LeaseError(_busy(folder, before))
                holder = _new_holder(1 if before is None else before.number + 1)
                if _claim(folder, holder, mine):
                    _remove_claims(folder, holder.number)
                    return Lease(folder, holder)


def _new_holder(number: int) -> LeaseHolder:
    return LeaseHolder(
        number=number,
        owner=secrets.token_hex(8),
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        born=_born(os.getpid()) or "",
        since=now(),
    )


def _busy(folder: Path, holder: LeaseHolder) -> str:
    return (
        f"{folder}: process {holder.pid} on {holder.host} has been working on this study since {holder.since}; wait "
        "for it or stop it, then run the same command again (if it was killed on another machine, after "
        f"{STALE_SECONDS / 60:g} minutes)"
    )


@contextmanager
def _claim_file(folder: Path) -> Iterator[Path]:
    """A new file; its time is the present one by the clock of the storage."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE_NAME}.")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _claim(folder: Path, holder: LeaseHolder, mine: Path) -> bool:
    """Take the number of ``holder``; False where another process was faster."""
    mine.write_text(holder.model_dump_json())
    claimed = folder / f"{CLAIM}{holder.number}"
    try:
        _create(claimed, mine)
    except FileExistsError:
        _remove_broken(claimed, mine)
        return False
    written = _read(folder / FILE_NAME)
    if written is not None and written.number >= holder.number:  # claimed, written and removed since it was read
        claimed.unlink(missing_ok=True)
        return False
    _write(folder, holder)
    return True


def _create(claimed: Path, mine: Path) -> None:
    """Give ``mine`` a second name; raises FileExistsError where the name is taken."""
    try:
        os.link(mine, claimed)
    except FileExistsError:
        raise
    except OSError:  # storage without links: the file is created first and has its content a moment later
        with claimed.open("xb") as file:
            file.write(mine.read_bytes())


def _remove_broken(claimed: Path, now_file: Path) -> None:
    """Remove a claim without content whose process was killed, on storage without links."""
    with contextlib.suppress(FileNotFoundError):
        if now_file.stat().st_mtime - claimed.stat().st_mtime < STALE_SECONDS:
            time.sleep(0.01)
        elif claimed.stat().st_size == 0:
            claimed.unlink()


def _remove_claims(folder: Path, number: int) -> None:
    for path in folder.glob(f"{CLAIM}*"):
        if path.name.removeprefix(CLAIM).isdigit() and int(path.name.removeprefix(CLAIM)) <= number:
            path.unlink(missing_ok=True)


def _current(folder: Path) -> LeaseHolder | None:
    """The lease with the largest number; one that was claimed and not written yet counts."""
    found = [_read(folder / FILE_NAME)]
    for path in folder.glob(f"{CLAIM}*"):
        with contextlib.suppress(UsageError):
            found.append(_read(path))
    return max((holder for holder in found if holder is not None), key=lambda holder: holder.number, default=None)


def _read(path: Path) -> LeaseHolder | None:
    users = f"{path}: wsol did not write this file and does not overwrite it; move it, or give the study another name"
    try:
        return LeaseHolder.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        if path.is_symlink():  # the user's, and it leads nowhere; writing would replace it
            raise UsageError(users) from None
        return None
    except ValidationError:
        raise UsageError(users) from None
    except OSError as error:
        raise DataError(f"{path}: the lease of the study cannot be read: {error.strerror or error}") from None


def _write(folder: Path, holder: LeaseHolder) -> None:
    write_atomic(folder / FILE_NAME, holder.model_dump_json(indent=1) + "\n", "the lease of the study")


def _is_held(holder: LeaseHolder, folder: Path, now_file: Path) -> bool:
    """Whether the process of a lease may still be there."""
    if holder.released:
        return False
    if holder.machine and holder.machine == _machine() and _has_ended(holder):
        return False
    times = [path.stat().st_mtime for path in (folder / FILE_NAME, *folder.glob(f"{CLAIM}*")) if path.exists()]
    return now_file.stat().st_mtime - max(times, default=0.0) < STALE_SECONDS


def _has_ended(holder: LeaseHolder) -> bool:
    """Whether no process with this id, or a later one, runs on this machine."""
    born = _born(holder.pid)
    return born is None or bool(born and holder.born and born != holder.born)


def _born(pid: int) -> str | None:
    """The start of a process; None where it has ended, empty where the start is not known."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return ""


def _machine() -> str:
    """Identify the machine, its boot and its space of process ids: processes of two containers are not comparable."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return content_hash([socket.gethostname(), boot, os.readlink("/proc/self/ns/pid")])
    except OSError:
        return content_hash([socket.gethostname()]) if os.name == "posix" and not Path("/proc").exists() else ""


def _keep_renewing(lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(RENEW_SECONDS):
        with contextlib.suppress(DataError):  # a full disk: it may have space the next time
            try:
                lease.renew()
            except LeaseError:
                return  # the next check ends the command
