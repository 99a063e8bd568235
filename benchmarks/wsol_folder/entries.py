"""Reading folders of which parts may be broken: every problem is reported, and the rest is listed."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import wsol

HIDDEN = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "icon\r"})
"""Files and folders of operating systems, in lower case, which are hidden like names that begin with a dot."""
_SHOWN = 3
"""Names that a note gives for each ending."""


@dataclass(frozen=True)
class Entry:
    """A file or folder.

    Attributes:
        path: Its path.
        is_folder: Whether it is a folder, or a link to one.
        problem: Why it cannot be read; empty for one that can.
    """

    path: Path
    is_folder: bool
    problem: str = ""

    @property
    def name(self) -> str:
        """Its name in its folder."""
        return self.path.name


def read_folder(folder: Path, report: wsol.Report) -> list[Entry]:
    """List the visible files and folders in a folder that can be read, sorted by name; the rest is reported."""
    try:
        entries = folder_entries(folder)
    except wsol.DataError as error:
        report("unreadable folder", str(error))
        return []
    for entry in entries:
        if entry.problem:
            report("unreadable file", f"{wsol.shown(str(entry.path))}: {entry.problem}")
    return [entry for entry in entries if not entry.problem]


def folder_entries(folder: Path) -> list[Entry]:
    """List the visible files and folders in a folder, sorted by name.

    Args:
        folder: The folder.

    Returns:
        What is in it, also links that lead nowhere.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            children = sorted((child for child in found if not hidden(child.name)), key=lambda child: child.name)
    except OSError as error:
        raise wsol.DataError(f"{wsol.shown(str(folder))}: cannot be read: {error.strerror or error}") from None
    return [_entry(child) for child in children]


def hidden(name: str) -> bool:
    """Whether a file or folder is one that file managers do not show."""
    return name.startswith(".") or name.lower() in HIDDEN


def count_images(folder: Path) -> int:
    """Number of images below a folder, by their endings; links to folders are not followed."""
    return sum(
        wsol.kind_by_ending(name) != "other"
        for place, _, names in os.walk(folder)
        for name in names
        if not hidden(name) and not hidden(os.path.basename(place))
    )


@dataclass
class OtherFiles:
    """Files that are no images, which are left out.

    Attributes:
        names: Paths below the folder of the split.
    """

    names: list[str] = field(default_factory=list)

    def note(self, folder: Path, report: wsol.Report) -> None:
        """Note the number of files with each ending, and some of their names.

        Args:
            folder: Folder of the split.
            report: Receives the notes.
        """
        endings = Counter(PurePosixPath(name).suffix.lower() for name in self.names)
        for ending, count in endings.most_common():
            names = [name for name in self.names if PurePosixPath(name).suffix.lower() == ending]
            kind = f"with the ending '{wsol.shown(ending)}'" if ending else "without an ending"
            text = f"{count} {'file' if count == 1 else 'files'} {kind} left out, not images: {_some(names)}"
            report("other files", f"{wsol.shown(str(folder))}: {text}", note=True)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(map(wsol.shown, names[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


def _entry(child: os.DirEntry[str]) -> Entry:
    path = Path(child.path)
    try:
        if child.is_dir():
            leads_back = child.is_symlink() and path.resolve() in path.parent.resolve().parents
            return Entry(path, not leads_back, "a link to a folder that contains it" if leads_back else "")
        if child.is_file():
            return Entry(path, is_folder=False)
        child.stat()
    except OSError as error:
        return Entry(path, is_folder=False, problem=_reason(error, child))
    return Entry(path, is_folder=False, problem="not a file, but a pipe, a socket or a device")


def _reason(error: OSError, child: os.DirEntry[str]) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads to itself"
    if error.errno == errno.ENOENT:
        return _gone(child)
    return f"cannot be read: {error.strerror or error}"


def _gone(child: os.DirEntry[str]) -> str:
    """What to say about an entry whose file does not exist."""
    try:
        return f"a link to '{wsol.shown(os.readlink(child.path))}', which is not there"
    except OSError:
        return "not there any more"
