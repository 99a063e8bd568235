"""Which files of a source are masks, and which image each of them belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from wsol.data.importing.folder_roles import ANNOTATION_FOLDERS
from wsol.data.importing.image_index import ImageIndex, stem
from wsol.data.importing.walk import files_below
from wsol.data.readers.image_kind import kind_by_ending

INSTANCES = "segmentationobject"
"""Folder, in lower case, of masks that number the objects which other masks give the classes of."""
_BESIDE = re.compile(r"[_-](?:mask|trimap|seg|segmentation|matte)s?[_-]?\d*$", re.IGNORECASE)
_MARK = re.compile(
    r"(?:[_-](?:mask|trimap|seg|segmentation|matte|gt|label|object|obj|instance)s?)?[_-]?\d*$", re.IGNORECASE
)


@dataclass
class ImageMasks:
    """The mask files of an image.

    Attributes:
        files: Its masks, sorted.
        instances: The mask that numbers its objects; None if there is none.
    """

    files: list[Path] = field(default_factory=list)
    instances: Path | None = None


def is_mask_file(path: str) -> bool:
    """Whether an image file is a mask, by its folders or by the end of its name.

    Example:
        >>> is_mask_file("train/masks/1.png"), is_mask_file("train/1_mask.png"), is_mask_file("train/1.png")
        (True, True, False)
    """
    parts = PurePosixPath(path)
    return any(part.lower() in ANNOTATION_FOLDERS for part in parts.parts[:-1]) or bool(
        _BESIDE.search(stem(parts.name))
    )


def mask_files(source: Path, folder: Path | None) -> list[Path]:
    """All masks of a source, sorted.

    Args:
        source: The source.
        folder: The folder of masks; None: all files that :func:`is_mask_file` accepts.
    """
    files = [path for path in files_below(folder or source) if kind_by_ending(path.name) == "image"]
    return files if folder else [path for path in files if is_mask_file(path.relative_to(source).as_posix())]


def image_references(below: str) -> tuple[list[str], str]:
    """Names of the image that a mask may belong to.

    Args:
        below: Path of the mask below its source.

    Returns:
        The mask's own name, then without ``_mask``, a number or both at its end; and the folder it is in, which may be
        named as the image: empty for a folder of masks.

    Example:
        >>> image_references("masks/cat_1_mask0.png")
        (['masks/cat_1_mask0', 'masks/cat_1'], '')
    """
    path = PurePosixPath(below)
    folders = [part for part in path.parts[:-1] if part.lower() not in ANNOTATION_FOLDERS]
    own = stem(path.name)
    shorter = _MARK.sub("", own)
    names = [own, *([shorter] if shorter not in ("", own) else [])]
    return ["/".join([*path.parts[:-1], name]) for name in names], "/".join(folders)


def find_owner(index: ImageIndex, below: str) -> tuple[str, Sequence[str]]:
    """Find the image of a mask.

    The image with the mask's name is taken, or with that name without its mark; or else the one with the name of the
    folder that the mask is in. If both are there and differ, the mask is ambiguous.

    Args:
        index: The images.
        below: Path of the mask below its source.

    Returns:
        The image, or an empty text with the candidates.
    """
    references, folder = image_references(below)
    matches = [index.find(reference) for reference in references]
    own = next((match for match in matches if match.name or match.candidates), None)
    parent = index.find(folder).name if folder else ""
    if own is None:
        return parent, ()
    in_folder = PurePosixPath(own.name).parent.name == PurePosixPath(folder).name
    if parent and own.name and parent != own.name and not in_folder:
        return "", (own.name, parent)
    return own.name, own.candidates
