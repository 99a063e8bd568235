"""Files: folders, free space, locks, and files that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pydantic import JsonValue

from wsol.errors import DataError, UsageError, WsolError

MARGIN = 64 * 2**20
"""Bytes to leave free on the disk."""


def read_bytes(path: Path, error: type[WsolError] = DataError, limit: int = 2**30) -> bytes:
    """Read a regular file; a folder, a pipe or a device is an error, so that a command never waits for one.

    Args:
        path: The file.
        error: Class of the errors.
        limit: Most bytes.

    Raises:
        WsolError: ``PATH: cannot be read: REASON``, of the class ``error``.
    """
    try:
        check_regular(path)
        if (size := path.stat().st_size) > limit:
            raise error(f"{path}: cannot be read: {size:,} bytes, at most {limit:,} are accepted")
        return path.read_bytes()
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror or problem}") from None
    except ValueError as problem:  # a path with a NUL character
        raise error(f"{path}: cannot be read: {problem}") from None


def read_text(path: Path, error: type[WsolError] = DataError, limit: int = 2**30) -> str:
    """Read a text file in UTF-8; a byte-order mark is dropped.

    Args:
        path: The file.
        error: Class of the errors.
        limit: Most bytes.

    Raises:
        WsolError: See :func:`read_bytes`; or the file is not UTF-8 text.
    """
    content = read_bytes(path, error, limit)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        kind = "; it seems to be UTF-16: save it as UTF-8" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise error(f"{path}: cannot be read: not UTF-8 text (byte {problem.start + 1}){kind}") from None


def read_lines(path: Path, error: type[WsolError] = DataError) -> list[str]:
    """Read the lines of a text file in UTF-8, see :func:`read_text`.

    Lines end with a line feed, a carriage return, or both. ``str.splitlines`` also splits at characters that may be
    part of a name, such as U+2028.

    Args:
        path: The file.
        error: Class of the errors.

    Returns:
        The lines, without their ends.

    Raises:
        WsolError: The file cannot be read, or is not UTF-8 text; of the class ``error``.
    """
    lines = read_text(path, error).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def read_json(path: Path, what: str = "JSON", error: type[WsolError] = DataError) -> JsonValue:
    """Read a JSON file.

    Args:
        path: The file.
        what: What it should be, for the message: ``"a record"``.
        error: Class of the errors.

    Raises:
        WsolError: The file cannot be read, or ``PATH: not WHAT: REASON``; of the class ``error``.
    """
    return parse_json(read_text(path, error), str(path), what, error)


def parse_json(text: str, where: str, what: str = "JSON", error: type[WsolError] = DataError) -> JsonValue:
    """Parse JSON of any origin.

    Args:
        text: The JSON text.
        where: Beginning of the message of an error.
        what: What the text should be, for the message.
        error: Class of the errors.

    Raises:
        WsolError: ``WHERE: not WHAT: REASON``, of the class ``error``.
    """
    try:
        value: JsonValue = json.loads(text)
    except RecursionError:
        raise error(f"{where}: not {what}: nested too deeply") from None
    except ValueError as problem:
        raise error(f"{where}: not {what}: {problem}") from None
    return value


SOCKET_PATH = 107
"""Most bytes in the path of a socket on Linux."""


def socket_folder(room: int) -> Path:
    """Choose a temporary folder for sockets, whose paths are short by the rules of the operating system.

    Args:
        room: Bytes that follow the folder in the path of a socket.

    Returns:
        ``TMPDIR`` where its path is short enough, otherwise another folder for temporary files.

    Raises:
        UsageError: There is none.
    """
    folders = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")]
    for folder in folders:
        if len(os.fsencode(folder)) + room <= SOCKET_PATH and folder.is_dir() and os.access(folder, os.W_OK):
            return folder
    raise UsageError(f"TMPDIR {folders[0]}: the path is too long for sockets; set it to a folder of a short path")


@contextmanager
def writing(path: Path, what: str = "the file", consequence: str = "") -> Iterator[None]:
    """Turn an OSError of the block into a DataError.

    Args:
        path: What the block writes.
        what: What it is to the user, for the message: ``"the image cache"``.
        consequence: Further text of the message.

    Raises:
        DataError: ``PATH: WHAT cannot be written: REASON``, and the consequence.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: {what} cannot be written: {error.strerror or error}{consequence}") from None


def make_folder(folder: Path, what: str = "the folder") -> None:
    """Make a folder with its parents.

    Args:
        folder: The folder; it may exist.
        what: What the folder is, for the error.

    Raises:
        DataError: ``FOLDER: WHAT cannot be made: REASON``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: {what} cannot be made: {error.strerror or error}") from None


def check_space(folder: Path, size: int, need: str, remedy: str) -> None:
    """Check that ``size`` bytes and :data:`MARGIN` fit on the disk of an existing folder.

    Args:
        folder: Where the bytes are to be written.
        size: Number of bytes.
        need: Subject and verb of the message: ``"decoded images need"``.
        remedy: What to do instead of freeing space.

    Raises:
        DataError: They do not fit.
    """
    free = shutil.disk_usage(folder).free
    if size + MARGIN > free:
        raise DataError(
            f"{folder}: {need} {size / 2**20:.0f} MiB and {MARGIN / 2**20:.0f} to spare, "
            f"{free / 2**20:.0f} MiB are free; free some space or {remedy}"
        )


def hash_open_file(file: BinaryIO) -> str:
    """Hash the rest of an open file: SHA-256, 64 hexadecimal digits."""
    found = hashlib.sha256()
    while block := file.read(2**20):
        found.update(block)
    return found.hexdigest()


def check_regular(path: Path) -> None:
    """Raise OSError for what is not a regular file; opening a pipe would wait, and a device may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "a pipe or device"
        raise OSError(errno.EINVAL, f"{kind}, not a file", str(path))


def hash_file(path: Path) -> str:
    """Hash a regular file: SHA-256, 64 hexadecimal digits; raises OSError."""
    check_regular(path)
    with path.open("rb") as file:
        return hash_open_file(file)


def bytes_on_disk(path: Path) -> int:
    """Bytes that a file occupies, less than its size for a sparse file; 0 for a file that does not exist."""
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


@contextmanager
def lock(path: Path, busy: str | None = None) -> Iterator[bool]:
    """Hold a lock that one process at a time can hold; the operating system releases it when the process ends.

    Args:
        path: The lock file, which is created where it is missing, and stays.
        busy: Error message for a lock that another process holds; None waits for the lock.

    Yields:
        Whether the lock is held: False where the file system or the platform has no locks.

    Raises:
        DataError: Another process holds the lock, and ``busy`` is given.
    """
    with contextlib.ExitStack() as stack:
        held = False
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            file = stack.enter_context(path.open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX if busy is None else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataError(busy or "") from None
            held = True
        yield held


class AtomicFile:
    """A binary file that appears under its name only when it is complete.

    It is written to a temporary file in the same folder, which is flushed to the disk and renamed when the block ends
    without an error, and deleted otherwise. Exceptions of the block pass unchanged.

    Args:
        path: The file; an existing one is replaced, and missing parent folders are made.
        what: What it is to the user, for messages: ``"the record"``.

    Raises:
        DataError: The disk is full or read-only. An existing file is then unchanged.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from wsol.files import AtomicFile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "results", "notes.txt")
        ...     with AtomicFile(path, "the notes") as file:
        ...         file.write(b"complete")
        ...         there = path.exists()
        ...     there, path.read_text()
        (False, 'complete')
    """

    def __init__(self, path: Path, what: str = "the file") -> None:
        self.path = path
        self.what = what
        self._temporary = Path()
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Create the temporary file; for use without a ``with`` block, together with commit and discard."""
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            self._temporary = Path(name)
            self._file = os.fdopen(handle, "wb")

    def __enter__(self) -> AtomicFile:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.discard()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with self._errors():
            self._open_file().write(data)

    def write_at(self, data: bytes, offset: int) -> None:
        """Write bytes at a place; threads may do so at once.

        Args:
            data: The bytes.
            offset: Where the first of them goes, in bytes from the start of the file.

        Raises:
            DataError: They cannot be written, as when the disk is full.
        """
        with self._errors():
            # Written, not mapped: a disk that fills up is then an error to report and not the end of the process.
            if os.pwrite(self._open_file().fileno(), data, offset) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def commit(self) -> None:
        """Complete the file and give it its name."""
        with self._errors():
            file = self._open_file()
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
            os.replace(self._temporary, self.path)

    def discard(self) -> None:
        """Close the file, and delete it unless it has its name."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _open_file(self) -> BinaryIO:
        assert self._file is not None, "the file is not open"
        return self._file

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return writing(self.path, self.what, "; nothing was changed")


def write_atomic(path: Path, content: str | bytes, what: str = "the file") -> None:
    """Write a file so that a reader sees all of it or none.

    Args:
        path: The file; an existing one is replaced, and missing parent folders are made.
        content: Text, which is encoded as UTF-8, or bytes.
        what: What the file is to the user, for messages.

    Raises:
        DataError: The disk is full or read-only. An existing file is then unchanged.
    """
    with AtomicFile(path, what) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def leads_outside(name: str) -> bool:
    """Whether a path that should be below a folder is absolute or leads out of it with ``..``."""
    if ".." not in name and not os.path.isabs(name):  # normalising a million names takes seconds
        return False
    path = os.path.normpath(name)
    return os.path.isabs(path) or path.startswith("..")
