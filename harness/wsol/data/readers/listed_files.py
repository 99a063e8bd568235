"""What checks compare between a list of images and the files on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from wsol.arrays import ByteArray
from wsol.data.benchmark import Report
from wsol.data.readers.image_kind import image_endings
from wsol.data.readers.names import NameMatcher, listed, shown
from wsol.errors import DataError

SHOWN = 5
"""Files that the note about unlisted images names."""


class HintedLoad:
    """Decodes images of a list; the error for a missing file names a file that may be meant.

    Args:
        load: Decodes an image.
        paths: The files.
        wrong: Images that cannot be loaded whatever is on disk, and why.
    """

    def __init__(
        self, load: Callable[[int], ByteArray], paths: Sequence[str], wrong: Mapping[int, str] | None = None
    ) -> None:
        self._load = load
        self._paths = paths
        self._wrong = wrong or {}
        self._folders: dict[str, NameMatcher] = {}

    def __call__(self, index: int) -> ByteArray:
        """Decode image ``index``: uint8 [H, W, 3], RGB; raises DataError that names a missing or broken file."""
        if index in self._wrong:
            raise DataError(self._wrong[index])
        try:
            return self._load(index)
        except DataError as error:
            path = self._paths[index]
            if os.path.exists(path) or not str(error).endswith("no such image"):
                raise
            raise DataError(f"{error}{self._hint(path)}") from None

    def _hint(self, path: str) -> str:
        if os.path.islink(path):
            return "; it is a link to a file that is not there"
        parts = path.replace("\\", "/").split("/")
        fewer = ["/".join(parts[:drop] + parts[drop + 1 :]) for drop in range(len(parts) - 1, 0, -1)]
        for other in ("/".join(parts), *fewer):
            if other != path and os.path.isfile(other):
                return f"; did you mean '{other}'?"
        folder, name = os.path.split(path)
        while folder and not os.path.isdir(folder):
            folder, name = os.path.split(folder)
        if folder not in self._folders:
            self._folders[folder] = NameMatcher(listed(folder))
        return self._folders[folder].near(name)[1]


def note_unlisted(folders: Iterable[str], paths: Iterable[str], report: Report) -> None:
    """Note images on disk that no list names.

    Files count that have the ending of a listed image, in any case; hidden files do not.

    Args:
        folders: Folders to look in, with all below them; links to folders are not followed.
        paths: The files of all splits.
        report: Receives the note.
    """
    known = set(map(os.path.normpath, paths))
    endings = {os.path.splitext(path)[1].lower() for path in known} & image_endings()
    unlisted = sorted(
        {
            path
            for folder in folders
            for place, _, names in os.walk(folder)
            for name in names
            if os.path.splitext(name)[1].lower() in endings
            and not name.startswith(".")
            and (path := os.path.normpath(f"{place}/{name}")) not in known
        }
    )
    if unlisted:
        what = "image is" if len(unlisted) == 1 else "images are"
        more = f" and {len(unlisted) - SHOWN} more" if len(unlisted) > SHOWN else ""
        text = f"{len(unlisted)} {what} in no list and left out: {', '.join(map(shown, unlisted[:SHOWN]))}{more}"
        report("unlisted images", text, note=True)
