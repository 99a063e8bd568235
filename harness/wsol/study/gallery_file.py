"""The files of a gallery: ``gallery.json``, and one JPEG file for each of its entries, numbered in their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from wsol.errors import DataError
from wsol.files import hash_file, write_atomic
from wsol.options import describe_validation
from wsol.recipes import Model
from wsol.records import GALLERY

Group = Literal["best", "median", "worst", "random"]
"""Why an image is shown."""
CONTENTS = "gallery.json"
VERSION = 1
PICTURE_BYTES = 10_000
"""About the size of a picture, for the estimate of ``--dry-run``."""
MAX_BYTES = 500_000
"""Larger files are not read: they were not written here."""


class GalleryImage(Model):
    """A picture: the image, the score map over it, the predicted box in red and the true boxes in green.

    Attributes:
        recipe: Identity of the recipe, see :meth:`wsol.RunRecord.recipe_ids`.
        group: Why the image is shown: for its IoU, or at random.
        image_id: The image.
        label: Its class.
        iou: The best IoU of a predicted box at ``threshold``; None without annotations.
        threshold: As in :class:`wsol.ImageDetails`.
        problem: What is wrong with the map or the box; empty when nothing is.
    """

    recipe: str
    group: Group
    image_id: str
    label: int
    iou: float | None
    threshold: float | None
    problem: str = ""


class Gallery(Model):
    """The content of ``gallery.json``.

    Attributes:
        version: Version of the format.
        images: The pictures; that of entry i is the file with this number.
        reason: Why there is no picture, where drawing failed.
    """

    version: int = VERSION
    images: tuple[GalleryImage, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class ShownImage:
    """An image of a gallery with its picture, a JPEG file's bytes."""

    image: GalleryImage
    jpeg: bytes


def write_gallery_files(folder: Path, shown: Sequence[ShownImage], reason: str = "") -> None:
    """Write a gallery; its list comes last.

    Args:
        folder: The folder to write to.
        shown: The pictures.
        reason: Why there is none.

    Raises:
        DataError: A file cannot be written.
    """
    for number, each in enumerate(shown):
        write_atomic(_picture_path(folder, number), each.jpeg, "a picture of the gallery")
    content = Gallery(images=tuple(each.image for each in shown), reason=reason)
    write_atomic(folder / CONTENTS, content.model_dump_json(indent=1) + "\n", "the gallery")


def hash_gallery(folder: Path) -> str:
    """Hash the list of a gallery and all its pictures.

    Args:
        folder: The folder of the gallery.

    Returns:
        SHA-256, 64 hexadecimal digits; empty where there is no gallery.

    Raises:
        DataError: A file cannot be read.
    """
    paths = [folder / CONTENTS, *sorted(folder.glob("*.jpg"))]
    if not paths[0].exists():
        return ""
    try:
        hashes = [f"{path.name} {hash_file(path)}\n" for path in paths]
    except OSError as error:
        raise DataError(f"{error.filename or folder}: cannot be read: {error.strerror}") from None
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def gallery_folder(record: Path) -> Path:
    """The folder of the gallery of a run.

    Args:
        record: The run's record.
    """
    return record.with_name(record.name.removesuffix(".record.json")) / GALLERY


def read_gallery(record: str | Path, expected: str | None = None) -> list[ShownImage]:
    """Read the gallery of a final run; opens no data set.

    Args:
        record: The run's record, ``RUN.record.json``.
        expected: The hash of the gallery in the record, :attr:`wsol.RunRecord.gallery`; None: it is not compared.

    Returns:
        The pictures, those of one recipe after the other; empty without a gallery.

    Raises:
        DataError: The gallery is broken, or is not the one that the run drew.

    Example:
        >>> read_gallery("missing.record.json")
        []
    """
    folder = gallery_folder(Path(record))
    path = folder / CONTENTS
    if not path.exists():
        return []
    if expected is not None and hash_gallery(folder) != expected:
        raise DataError(f"{folder}: the pictures are not those that the run drew, by the hash in its record")
    try:
        text = path.read_text(encoding="utf-8")
        if json.loads(text)["version"] != VERSION:
            raise DataError(f"{path}: gallery of another version; this wsol reads {VERSION}")
        content = Gallery.model_validate_json(text)
        return [ShownImage(image, _read_jpeg(folder, number)) for number, image in enumerate(content.images)]
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise DataError(describe_validation(error, str(path))) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{path}: not a gallery") from None


def _picture_path(folder: Path, number: int) -> Path:
    return folder / f"{number:03d}.jpg"


def _read_jpeg(folder: Path, number: int) -> bytes:
    """The bytes of a picture. Names are made here, and links are not followed, so that no other file is shown."""
    path = _picture_path(folder, number)
    if path.is_symlink() or folder.is_symlink() or path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: not a picture of a gallery")
    content = path.read_bytes()
    if not content.startswith(b"\xff\xd8\xff"):
        raise DataError(f"{path}: not a JPEG file")
    return content
