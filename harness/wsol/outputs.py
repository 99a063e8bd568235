"""Outputs of commands: nothing of the user's is replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from wsol.errors import UsageError

HEAD = 1 << 16
"""Bytes at the beginning of a file in which its mark is searched."""
_HINT = "move it away, choose another --out, or add --overwrite"


def claim_outputs(
    paths: Sequence[Path],
    *,
    mark: str | None = None,
    overwrite: bool | None = False,
    inputs: Iterable[Path] = (),
) -> None:
    """Check, before any long work, that files may be written.

    Args:
        paths: The files to write.
        mark: Text that the first 64 KiB of a file contain if the same command wrote it. Such a file is replaced. None:
            a file that exists is never replaced.
        overwrite: Replace other files too, as the user asked for it. An input is not replaced even then. None: the
            command has no such option.
        inputs: Files that the command reads.

    Raises:
        UsageError: A file exists that the command did not write, a path is a folder or an input, its folder is a file,
            or two outputs have one name.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "notes.txt").write_text("mine")
        >>> claim_outputs([folder / "new.txt"])
        >>> claim_outputs([folder / "notes.txt"], mark="written by wsol")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        wsol.errors.UsageError: ...notes.txt: exists, and this command did not write it; move it away, ...
    """
    read = list(inputs)
    names: set[str] = set()
    for path in paths:
        name = str(_resolved(path)).casefold()
        if name in names:
            raise UsageError(f"{path}: two outputs would have this name; write them to folders of their own")
        names.add(name)
        _check_folder(path)
        for given in read:
            if _same(path, given):
                raise UsageError(f"{path}: is an input of this command; give another --out")
        if os.path.isdir(path) and not os.path.islink(path):
            raise UsageError(f"{path}: is a folder; name a file")
        if os.path.lexists(path) and not overwrite and not _is_marked(path, mark):
            other = "" if mark is None else ", and this command did not write it"
            hint = "move it away or choose another --out" if overwrite is None else _HINT
            raise UsageError(f"{path}: exists{other}; {hint}")


def _resolved(path: Path) -> Path:
    """The path without links in its folder; a link at its end is kept, because a file would replace the link."""
    return Path(os.path.realpath(path.parent), path.name)


def _same(path: Path, given: Path) -> bool:
    """Whether writing to ``path`` would replace the input ``given``, or the link that leads to it."""
    if _resolved(path) == _resolved(given):
        return True
    try:
        return os.path.samefile(path, given)
    except OSError:  # one of them does not exist
        return False


def _check_folder(path: Path) -> None:
    for folder in path.parents:
        if os.path.lexists(folder):
            if not os.path.isdir(folder):
                raise UsageError(f"{path}: cannot be written, because {folder} is not a folder; choose another --out")
            return


def _is_marked(path: Path, mark: str | None) -> bool:
    """Whether a regular file begins like those of the command; never a link, whose target is the user's choice."""
    if mark is None or os.path.islink(path) or not os.path.isfile(path):
        return False
    try:
        with path.open("rb") as file:
            return mark.encode() in file.read(HEAD)
    except OSError:
        return False
