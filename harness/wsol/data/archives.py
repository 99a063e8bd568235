"""Archives of data sets: their contents, and unpacking that can be interrupted and resumed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from wsol.errors import DataError

BLOCK = 4096
"""Bytes in a block of a disk: a file takes whole blocks, so that small images need up to twice their bytes."""
CHUNK = 1 << 20
SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
Advance = Callable[[int], None]
"""Called with the number of bytes that were done since the last call."""


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path, with slashes.
        size: Its size in bytes.
        open: Opens it for reading.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Contents:
    """What an archive contains.

    Attributes:
        files: Number of files.
        bytes: Their size in bytes.
        needed: Bytes of disk needed by files that are not unpacked yet.
    """

    files: int
    bytes: int
    needed: int


def is_archive(name: str) -> bool:
    """Whether a file of this name is an archive to unpack; other files are used as they are."""
    return name.lower().endswith(SUFFIXES)


def survey(path: Path, folder: Path) -> Contents:
    """Read an archive without writing anything.

    Args:
        path: The archive.
        folder: The folder that it is to be unpacked into.

    Returns:
        What it contains.

    Raises:
        DataError: The archive is incomplete or broken, or contains a link or a path that leads out of ``folder``.
    """
    files = total = needed = 0
    with _readable(path):
        for member in _members(path):
            files += 1
            total += member.size
            if not _is_there(f"{folder}/{member.name}", member.size):
                needed += -(-member.size // BLOCK) * BLOCK
    return Contents(files, total, needed)


def unpack(path: Path, folder: Path, part: Path, advance: Advance) -> None:
    """Unpack an archive; files that exist with the right size are left as they are.

    Args:
        path: The archive.
        folder: Where to unpack it.
        part: Temporary path on the same disk; each file is written there and renamed when complete.
        advance: Called after each file.

    Raises:
        DataError: A file exists with another size, the archive is broken, or the disk is full. What was unpacked until
            then remains.
    """
    made = set()
    with _readable(path):
        for member in _members(path):
            target = f"{folder}/{member.name}"
            if not _is_there(target, member.size):
                if os.path.lexists(target):
                    raise DataError(f"{target}: differs in size from that in {path}; move it away and run this again")
                parent = os.path.dirname(target)
                if parent not in made:
                    os.makedirs(parent, exist_ok=True)
                    made.add(parent)
                _write(member, part)
                os.replace(part, target)
            advance(member.size)


def md5(path: Path, advance: Advance) -> str:
    """Compute the MD5 checksum of a file.

    Args:
        path: The file.
        advance: Called after each chunk with its number of bytes.

    Returns:
        The checksum in hexadecimal.
    """
    found = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
            advance(len(chunk))
    return found.hexdigest()


def _is_there(target: str, size: int) -> bool:
    try:
        found = os.stat(target)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def _write(member: Member, part: Path) -> None:
    with member.open() as source, part.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK)
        if file.tell() != member.size:
            raise EOFError(f"'{member.name}' has {file.tell()} bytes instead of {member.size}")


def _members(path: Path) -> Iterator[Member]:
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            yield from _zip_members(path, archive)
    else:
        with tarfile.open(path) as tar:
            yield from _tar_members(path, tar, "")
            while tar.fileobj is not None and tar.fileobj.read(CHUNK):
                pass  # to the end, where a compressed file has its checksum
        if path.name.lower().endswith(".tar"):
            _check_end(path)


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refused(path, info.filename, "is a link")
        if not info.is_dir():
            yield Member(_safe(path, info.filename), info.file_size, partial(archive.open, info))


def _tar_members(path: Path, tar: tarfile.TarFile, prefix: str) -> Iterator[Member]:
    """Files of a tar; an inner tar is unpacked into a folder of its name, as in the training images of ILSVRC."""
    for info in tar:
        name = _safe(path, prefix + info.name)
        if info.isdir():
            continue
        if not info.isfile():
            raise _refused(path, name, "is a link or a device")
        if name.endswith(".tar") and not prefix:
            with tarfile.open(fileobj=_opened(tar, info), mode="r:") as inner:
                yield from _tar_members(path, inner, name.removesuffix(".tar") + "/")
        else:
            yield Member(name, info.size, partial(_opened, tar, info))


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    assert file is not None  # only called for files
    return file


def _safe(path: Path, name: str) -> str:
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise _refused(path, name, "leads out of the folder")
    return name


def _refused(path: Path, name: str, why: str) -> DataError:
    return DataError(f"{path}: '{name}' in it {why}; nothing is unpacked from such an archive")


def _check_end(path: Path) -> None:
    """Check that a tar ends with blocks of zeros; tarfile accepts one that was cut off between two files."""
    with path.open("rb") as file:
        file.seek(-512, os.SEEK_END)
        if any(file.read()):
            raise EOFError("it has no end mark")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the errors of reading a broken archive and of writing to a full disk into DataError."""
    try:
        yield
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: broken or cut short ({error}); get it again") from None
    except OSError as error:
        if error.errno is None:  # a broken gzip stream
            raise DataError(f"{path}: broken or cut short ({error}); get it again") from None
        where = f" ({error.filename})" if error.filename else ""
        raise DataError(
            f"{path}: cannot be unpacked: {error.strerror}{where}; what was unpacked remains, and the next "
            "'wsol data prepare' resumes there"
        ) from None
