"""Preparing a data set from its publisher's files: find, verify and unpack them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from wsol.data.archives import Contents, is_archive, md5, survey, unpack
from wsol.data.benchmark import Archive, Benchmark
from wsol.data.unpack_marks import is_begun, is_unpacked, unpacking
from wsol.errors import DataError
from wsol.files import check_space, make_folder, writing

PrepareProgress = Callable[[str, int, int], None]
"""Called with what is being done, the bytes done and the bytes in all."""
Say = Callable[[str], None]
"""Called with one line about what was done."""


def prepare(
    benchmark: type[Benchmark],
    root: Path,
    archives: Path | None = None,
    download: bool = False,
    progress: PrepareProgress = lambda what, done, total: None,
    say: Say = lambda line: None,
) -> None:
    """Verify and unpack the files that a benchmark names.

    What is in place already is left as it is, no archive is deleted, and no file is overwritten.

    Args:
        benchmark: Names the files.
        root: Folder of the data set.
        archives: Folder of the files as downloaded; None is ``root``.
        download: Whether to get missing files that torchvision can download.
        progress: Called while files are verified and unpacked.
        say: Called with a line about each file.

    Raises:
        DataError: Files are missing (the message lists all with their addresses), have a wrong size or checksum, or do
            not fit on the disk; raised before anything is written. Or another process is unpacking the same file.
    """
    folder = root if archives is None else archives
    found = {archive.name: _find(archive, root, folder) for archive in benchmark.archives}
    todo = [archive for archive in benchmark.archives if not _is_in_place(archive, root, found[archive.name])]
    if download:
        for archive in todo:
            if archive.download and not found[archive.name]:
                found[archive.name] = fetch(archive, folder)
    _check_missing(benchmark, [archive for archive in todo if not found[archive.name]], folder, say)
    files = {archive: path for archive in todo if (path := found[archive.name])}
    _verify(files, progress)
    contents = _check_space(files, root)
    for archive in benchmark.archives:
        if archive in files:
            _place(archive, files[archive], root, contents[archive], progress)
            say(f"{archive.name}: {contents[archive].files} files below {root / archive.into}")
        elif archive not in todo:
            say(f"{archive.name}: in place already")


def fetch(archive: Archive, folder: Path) -> Path:
    """Download a file with torchvision, which shows its progress.

    Args:
        archive: The file.
        folder: Where to put it.

    Returns:
        Its path. The file gets its name when it is complete and, where its checksum is known, verified.

    Raises:
        DataError: ``folder`` cannot be made, the file cannot be downloaded, or its checksum is wrong.
    """
    from torchvision.datasets.utils import download_url

    part = folder / f"{archive.name}.part"
    make_folder(folder, "the folder of downloads")
    try:
        part.unlink(missing_ok=True)
        download_url(archive.url, str(folder), part.name, archive.md5)
        os.replace(part, folder / archive.name)
    except (OSError, RuntimeError) as error:  # URLError is an OSError
        raise DataError(f"{archive.name}: cannot be downloaded from {archive.url} into {folder}: {error}") from None
    return folder / archive.name


def _find(archive: Archive, root: Path, folder: Path) -> Path | None:
    places = [folder / archive.name, root / archive.name, root / archive.into / archive.name]
    if not is_archive(archive.name):
        places.insert(0, root / archive.gives)
    return next((place for place in places if place.is_file()), None)


def _is_in_place(archive: Archive, root: Path, found: Path | None) -> bool:
    """Whether the archive was unpacked completely: by this module or, where the archive is missing, by the user."""
    if not is_archive(archive.name):
        return found is not None and found == root / archive.gives and not _wrong(archive, found)
    if is_unpacked(root, archive, found):
        return True
    return found is None and not is_begun(root, archive) and (root / archive.gives).exists()


def _check_missing(benchmark: type[Benchmark], missing: list[Archive], folder: Path, say: Say) -> None:
    needed = [archive for archive in missing if not archive.optional]
    for archive in missing:
        if archive.optional:
            say(f"{archive.name}: not there, and not needed by default")
    if needed:
        lines = [f"  {describe(archive)}" for archive in needed]
        raise DataError(
            f"{benchmark.name}: missing in {folder}:\n" + "\n".join(lines) + "\n"
            f"For data that are in place as 'wsol data info {benchmark.name}' says, without these files, there is "
            "nothing to prepare: 'wsol data check' and 'wsol data cache' are enough"
        )


def describe(archive: Archive) -> str:
    """One line with name, size, address, and what the user must know."""
    size = f" ({archive.size:,} bytes)" if archive.size else ""
    return f"{archive.name}{size}  {archive.url}" + (f"  [{archive.note}]" if archive.note else "")


def _verify(files: dict[Archive, Path], progress: PrepareProgress) -> None:
    problems = [problem for archive, path in files.items() if (problem := _wrong(archive, path, progress))]
    if problems:
        raise DataError("\n".join(problems))


def _wrong(archive: Archive, path: Path, progress: PrepareProgress | None = None) -> str:
    """Compare size and checksum with the published values; returns what is wrong, or an empty string."""
    size = path.stat().st_size
    if archive.size is not None and size != archive.size:
        return f"{path}: {size} bytes instead of {archive.size}; the download may be incomplete; get it again"
    if archive.md5 is None:
        return ""
    actual = md5(path, _counter(progress, f"checksum of {archive.name}", size))
    if actual != archive.md5:
        return f"{path}: its MD5 checksum is {actual} instead of {archive.md5}; get it again"
    return ""


def _check_space(files: dict[Archive, Path], root: Path) -> dict[Archive, Contents]:
    contents = {}
    for archive, path in files.items():
        if is_archive(archive.name):
            contents[archive] = survey(path, root / archive.into)
        else:
            size = path.stat().st_size
            contents[archive] = Contents(1, size, size)
    needed = sum(found.needed for found in contents.values())
    make_folder(root, "the data folder")
    if needed:
        check_space(root, needed, "unpacking needs", "give another --root")
    return contents


def _place(archive: Archive, path: Path, root: Path, contents: Contents, progress: PrepareProgress) -> None:
    advance = _counter(progress, f"unpacking {archive.name}", contents.bytes)
    with unpacking(root, archive, path) as part:
        if is_archive(archive.name):
            unpack(path, root / archive.into, part, advance)
        elif path != root / archive.gives:
            _copy(path, root / archive.gives, part)
        if not (root / archive.gives).exists():
            raise DataError(f"{path}: unpacked, and still no '{archive.gives}' below {root}; is it another archive?")


def _copy(path: Path, target: Path, part: Path) -> None:
    make_folder(target.parent)
    with writing(target):
        shutil.copyfile(path, part)
        os.replace(part, target)


def _counter(progress: PrepareProgress | None, what: str, total: int) -> Callable[[int], None]:
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(what, done, total)

    return advance
