"""What the methods of a benchmark must return, checked in one place; cheap for a million images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from wsol.arrays import BoolArray, ByteArray, IntArray
from wsol.data.benchmark import Annotations, ImageList, ImageTable, Masks
from wsol.foreign_code import ContractError

L = TypeVar("L", ImageList, ImageTable)
P = TypeVar("P", bound=tuple[ImageList | None, Annotations | None])
V = TypeVar("V")


def checked_names(found: Sequence[str]) -> list[str]:
    """Check the names of classes; arrays and columns of tables become a list.

    Args:
        found: What ``class_names`` returned.

    Raises:
        ContractError: It is not a sequence of at least one text.
    """
    names = texts(found, "returned")
    if not names:
        raise ContractError("returned no name; a benchmark has at least one class")
    return names


def checked_images(found: L, *, complete: bool = True) -> L:
    """Check a list of images.

    Args:
        found: What ``images``, ``image_table`` or another method that lists images returned.
        complete: Whether each image must have a class; in a check, -1 is a class whose problem was reported.

    Returns:
        The list, with a list of ids and int64 labels.

    Raises:
        ContractError: A part has another type, shape or number of entries, or an id is repeated.
    """
    ids, labels = texts(found.ids, "returned ids that are"), np.asarray(found.labels)
    if labels.ndim != 1 or (labels.dtype.kind not in "iu" and len(labels)):
        raise ContractError(f"returned labels that are {described(labels)}; int64 [N] is needed")
    if len(labels) != len(ids):
        raise ContractError(f"returned {len(ids):,} ids and {len(labels):,} labels; each image needs one label")
    if len(set(ids)) < len(ids):
        raise ContractError(f"returned the id '{_repeated(ids)}' twice; ids must be distinct")
    labels = labels.astype(np.int64, copy=False)
    if complete and len(labels) and labels.min() < 0:
        raise ContractError(f"returned label {labels.min()} for '{ids[int(labels.argmin())]}'; classes count from 0")
    if not isinstance(found.fingerprint, str):
        raise ContractError(f"returned a fingerprint that is {described(found.fingerprint)}; text is needed")
    if isinstance(found, ImageList):
        _check_files(found, len(ids), complete)
    return replace(found, ids=ids, labels=labels)


def _check_files(found: ImageList, count: int, complete: bool) -> None:
    if not callable(found.load):
        raise ContractError(f"returned a load that is {described(found.load)}; a function of an index is needed")
    if complete and not found.fingerprint:
        raise ContractError("returned an empty fingerprint; it must identify the content of the split")
    if not isinstance(found.stamp, str):
        raise ContractError(f"returned a stamp that is {described(found.stamp)}; text is needed")
    if not set(map(type, found.paths)) <= {str}:
        checked_files(list(found.paths))
    if len(found.paths) not in (0, count):
        raise ContractError(f"returned {count:,} ids and {len(found.paths):,} paths; each image needs one, or none has")


def checked_annotations(found: Annotations, count: int | None, *, sizes_only: bool = False) -> Annotations:
    """Check the annotations of a split.

    Args:
        found: What ``annotations`` returned.
        count: Number of images of the split, N; None where that is not known.
        sizes_only: Whether they may have neither boxes nor masks, as those of train in a check.

    Returns:
        The annotations, with int64 sizes and boxes.

    Raises:
        ContractError: A part has another type, shape or number of entries.
    """
    if not isinstance(found, Annotations):
        raise ContractError(f"returned {described(found)}; a wsol.Annotations is needed")
    sizes = np.asarray(found.sizes)
    if sizes.ndim != 2 or sizes.shape[1] != 2 or sizes.dtype.kind not in "iu":
        raise ContractError(f"returned sizes that are {described(sizes)}; int64 [N, 2], width and height, is needed")
    if count is not None and len(sizes) != count:
        raise ContractError(f"returned {len(sizes):,} sizes; the split has {count:,} images")
    if found.boxes is None and found.masks is None and not sizes_only:
        raise ContractError("returned neither boxes nor masks")
    if found.masks is not None and not callable(found.masks):
        raise ContractError(f"returned masks that are {described(found.masks)}; a function of an index is needed")
    boxes = None if found.boxes is None else _checked_boxes(found.boxes, len(sizes))
    return replace(found, sizes=sizes.astype(np.int64, copy=False), boxes=boxes)


def _checked_boxes(boxes: Sequence[IntArray], count: int) -> list[IntArray]:
    if len(boxes) != count:
        raise ContractError(f"returned boxes of {len(boxes):,} images; the split has {count:,}")
    none = np.zeros((0, 4), dtype=np.int64)
    checked = []
    for index, found in enumerate(boxes):
        if found.dtype != np.int64 or found.ndim != 2 or found.shape[1] != 4:
            if found.size and (found.dtype.kind not in "iu" or found.ndim != 2 or found.shape[1] != 4):
                raise ContractError(
                    f"returned boxes of image {index} that are {described(found)}; int64 [G, 4] is needed, "
                    "x0, y0, x1, y1 in pixels"
                )
            found = found.astype(np.int64) if found.size else none
        checked.append(found)
    return checked


def checked_image(image: ByteArray) -> ByteArray:
    """Check a decoded image; raises ContractError unless it is uint8 [H, W, 3] with at least one pixel."""
    whole = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    if not whole or not image.size:
        raise ContractError(f"returned {described(image)}; uint8 [H, W, 3] is needed")
    return image


def checked_masks(found: Masks) -> Masks:
    """Check the masks of an image; raises ContractError unless they are as :class:`wsol.Annotations` says."""
    if not (isinstance(found, tuple) and len(found) == 2):
        raise ContractError(f"returned {described(found)}; a pair is needed, the foreground and what to ignore or None")
    foreground, ignore = found
    for mask in [
        *(foreground if isinstance(foreground, list) else [foreground]),
        *([] if ignore is None else [ignore]),
    ]:
        _check_mask(mask)
    return found


def _check_mask(mask: BoolArray) -> None:
    if not (isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.ndim == 2 and mask.size):
        raise ContractError(f"returned {described(mask)} as a mask; bool [H, W] is needed")


def checked_files(found: Sequence[str | Path]) -> list[Path]:
    """Check the names of annotation files; raises ContractError unless they are paths."""
    if not isinstance(found, list | tuple):
        raise ContractError(f"returned {described(found)}; a list of paths is needed")
    wrong = next((path for path in found if not isinstance(path, str | os.PathLike)), None)
    if wrong is not None:
        raise ContractError(f"returned {described(wrong)} among the paths; a list of paths is needed")
    return [Path(path) for path in found]


def checked_path(found: Path) -> Path:
    """Check a path; raises ContractError for anything else."""
    if not isinstance(found, Path):
        raise ContractError(f"returned {described(found)}; a pathlib.Path is needed")
    return found


def checked_text(found: str) -> str:
    """Check a text; raises ContractError for anything else."""
    if not isinstance(found, str):
        raise ContractError(f"returned {described(found)}; text is needed")
    return found


def checked_pair(found: P) -> P:
    """Check that ``examine`` returned images and annotations; raises ContractError for anything but a pair."""
    if not (isinstance(found, tuple) and len(found) == 2):
        raise ContractError(f"returned {described(found)}; a pair is needed, images and annotations")
    return found


def texts(found: Sequence[str], begin: str) -> list[str]:
    """Make a list of texts of a list, tuple, array or column of a table.

    Args:
        found: The texts.
        begin: Beginning of the error: ``"returned"``.

    Raises:
        ContractError: It is anything else, or an entry is not a text or is empty.
    """
    if isinstance(found, str | bytes) or not (hasattr(found, "__len__") and hasattr(found, "__iter__")):
        raise ContractError(f"{begin} {described(found)}; a list of texts is needed")
    listed = found if isinstance(found, list) else list(found)
    if not set(map(type, listed)) <= {str}:
        wrong = next((index for index, text in enumerate(listed) if not isinstance(text, str)), None)
        if wrong is not None:
            raise ContractError(
                f"{begin} {described(found)} whose entry {wrong} is {described(listed[wrong])}; texts are needed"
            )
        listed = [str(text) for text in listed]
    if "" in listed:
        raise ContractError(f"{begin} {described(found)} whose entry {listed.index('')} is empty")
    return listed


def described(value: V) -> str:
    """Describe a value in an error: its type, and the shape or length where it has one."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    name = type(value).__name__
    kind = f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
    return f"{kind} of {len(value)}" if isinstance(value, list | tuple | dict | set) else kind


def _repeated(ids: Sequence[str]) -> str:
    return next(image_id for image_id, number in Counter(ids).items() if number > 1)
