"""What names of folders and files say about a source: which folders contain images, masks or texts, and the splits."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from wsol.split_names import Split

IMAGE_FOLDERS = ("JPEGImages", "images", "Images", "imgs", "img")
"""Names of the folder with the images, where a source has one."""
ANNOTATION_FOLDERS = frozenset(
    (
        *("annotations", "labels", "mask", "masks", "trimap", "trimaps", "gt", "groundtruth", "ground_truth"),
        *("segmentation", "segmentations", "segmentationclass", "segmentationobject", "segmentationclassraw"),
    )
)
"""Names of folders, in lower case, that contain masks or texts, no images."""
_KINDS = ANNOTATION_FOLDERS.union(
    (folder.lower() for folder in IMAGE_FOLDERS),
    ("image", "photos", "pictures", "label", "labeltxt", "ann", "anns", "annot", "annots", "annotation", "xml", "xmls"),
)
SPLIT_WORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""Word, in lower case and without digits at its end → split."""


def split_of_word(word: str) -> Split | None:
    """The split that a word names, such as ``Train2017``; None for any other word."""
    return SPLIT_WORDS.get(word.lower().rstrip("0123456789"))


def split_of(path: str) -> Split | None:
    """The split that the folders of a path name, by the first one that names any.

    Example:
        >>> split_of("valid/images/1.jpg"), split_of("train2017/1.jpg"), split_of("1.jpg")
        ('val', 'train', None)
    """
    return next((split for folder in PurePosixPath(path).parts[:-1] if (split := split_of_word(folder))), None)


def part_of(stem: str) -> str:
    """The word of a file's name that names a split; empty if there is none, or more than one.

    Example:
        >>> part_of("instances_train2017"), part_of("test_labels"), part_of("train-val")
        ('train2017', 'test', '')
    """
    words = [word for word in re.split(r"[^a-z0-9]+", stem.lower()) if split_of_word(word)]
    return words[0] if len(words) == 1 else ""


def names_kind(folder: str) -> bool:
    """Whether a folder is named by the kind of its files, such as ``images`` or ``labels``, not by a part of them."""
    return folder.lower() in _KINDS
