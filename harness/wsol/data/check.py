"""Checks every file of a data set and reports all problems at once, before a search spends days on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from wsol.arrays import ByteArray
from wsol.data.benchmark import Annotations, Benchmark, ImageList
from wsol.data.files import in_threads
from wsol.data.readers.problems import box_problem
from wsol.errors import DataError, WsolError
from wsol.split_names import EvalSplit, Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
ANNOTATED: tuple[EvalSplit, ...] = ("val", "test")
CheckProgress = Callable[[Split, int, int], None]
"""Called with the split, the number of images done and the number of all images."""


@dataclass(frozen=True)
class Problem:
    """A problem in a data set.

    Attributes:
        kind: Groups problems in reports: ``bad box``, ``unreadable image``.
        message: What is wrong, and where.
    """

    kind: str
    message: str


@dataclass
class SplitReport:
    """What a split contains, and its problems.

    Attributes:
        split: The split.
        images: Number of images.
        classes: Number of classes with an image.
        boxes: Number of boxes.
        masked: Number of images with masks.
        problems: The problems, in the order they were found.
    """

    split: Split
    images: int = 0
    classes: int = 0
    boxes: int = 0
    masked: int = 0
    problems: list[Problem] = field(default_factory=list)

    def report(self, kind: str, message: str) -> None:
        """Add a problem.

        Args:
            kind: Kind of the problem.
            message: What is wrong, and where.
        """
        self.problems.append(Problem(kind, message))


@dataclass(frozen=True)
class CheckReport:
    """The result of checking a data set.

    Attributes:
        benchmark: Name of the benchmark.
        splits: The result for each split.
    """

    benchmark: str
    splits: tuple[SplitReport, ...]

    @property
    def problems(self) -> list[Problem]:
        """The problems of all splits."""
        return [problem for split in self.splits for problem in split.problems]

    def counts(self) -> dict[str, int]:
        """The number of problems of each kind, the most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())


def check(
    benchmark: Benchmark,
    splits: Sequence[Split] = SPLITS,
    progress: CheckProgress | None = None,
    annotated: Collection[EvalSplit] = ANNOTATED,
) -> CheckReport:
    """Read all metadata of a data set, decode every image and mask, and compare them with each other.

    Annotations of train are not read. Problems are collected, never raised.

    Args:
        benchmark: The data set.
        splits: The splits to check.
        progress: Called after each image.
        annotated: Splits whose annotations are read; of the others, only images and labels are checked.

    Returns:
        What the splits contain, and all problems.
    """
    reports = []
    seen: dict[str, Split] = {}
    for split in splits:
        report = SplitReport(split)
        images, annotations = _examine(benchmark, split, report, split == "train" or split in annotated)
        if images is not None:
            report.images = len(images)
            report.classes = len(np.unique(images.labels[images.labels >= 0]))
            _check_ids(images, report, seen)
            _check_classes(benchmark, images, report)
            _check_images(images, annotations, report, progress)
        reports.append(report)
    return CheckReport(benchmark.name, tuple(reports))


def _examine(
    benchmark: Benchmark, split: Split, report: SplitReport, whole: bool
) -> tuple[ImageList | None, Annotations | None]:
    try:
        images, annotations = benchmark.examine(split, report.report) if whole else (benchmark.images(split), None)
    except WsolError as error:
        report.report("cannot be read", str(error))
        return None, None
    if annotations is not None:
        report.boxes = sum(len(boxes) for boxes in annotations.boxes or ())
        report.masked = 0 if annotations.masks is None else int(np.count_nonzero(annotations.sizes[:, 0]))
    return images, annotations


def _check_ids(images: ImageList, report: SplitReport, seen: dict[str, Split]) -> None:
    """Report images that are in two splits: a leak from training into evaluation."""
    for image_id in images.ids:
        if image_id in seen:
            report.report("image in two splits", f"'{image_id}' is in {seen[image_id]} and in {report.split}")
        seen.setdefault(image_id, report.split)


def _check_classes(benchmark: Benchmark, images: ImageList, report: SplitReport) -> None:
    try:
        names = benchmark.class_names()
    except WsolError:
        return  # reported when train is checked
    counts = np.bincount(images.labels[images.labels >= 0], minlength=len(names))
    for label in np.flatnonzero(counts[: len(names)] == 0).tolist() if report.split == "train" else ():
        report.report("empty class", f"class {label} ('{names[label]}') has no image in train")
    for index in np.flatnonzero(images.labels >= len(names)).tolist():
        report.report("bad label", f"'{images.ids[index]}': class {images.labels[index]} of {len(names)} classes")


def _check_images(
    images: ImageList, annotations: Annotations | None, report: SplitReport, progress: CheckProgress | None
) -> None:
    look = partial(_problems, images, annotations)
    for done, problems in enumerate(in_threads(look, len(images), chunk=16), start=1):
        report.problems.extend(problems)
        if progress is not None:
            progress(report.split, done, len(images))


def _problems(images: ImageList, annotations: Annotations | None, index: int) -> list[Problem]:
    """The problems of one image."""
    try:
        image = images.load(index)
    except DataError as error:
        return [Problem("unreadable image", str(error))]
    where = f"'{images.ids[index]}'"
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        return [Problem("unreadable image", f"{where}: {image.dtype} {list(image.shape)} is not uint8 [H, W, 3]")]
    return [] if annotations is None else _annotation_problems(image, annotations, index, where)


def _annotation_problems(image: ByteArray, annotations: Annotations, index: int, where: str) -> list[Problem]:
    size = annotations.sizes[index]
    if not size.all():
        return []  # reported when the sizes were read
    problems = []
    if annotations.masks is not None:
        problems += _mask_problems(annotations, index, where)
    # Without boxes the sizes are those of the masks, which differ from the images' sizes in public data.
    if (annotations.boxes is not None or annotations.masks is None) and tuple(size) != image.shape[1::-1]:
        width, height = size.tolist()
        actual = f"{image.shape[1]} x {image.shape[0]}"
        problems.append(Problem("wrong size", f"{where}: {width} x {height} by the metadata, {actual} in the file"))
    for box in [] if annotations.boxes is None else annotations.boxes[index]:
        wrong = box_problem(box.tolist(), size)
        if wrong:
            problems.append(Problem("bad box", f"{where}: box {tuple(box.tolist())} {wrong}"))
    return problems


def _mask_problems(annotations: Annotations, index: int, where: str) -> list[Problem]:
    assert annotations.masks is not None
    try:
        foreground, ignore = annotations.masks(index)
    except DataError as error:
        return [Problem("unreadable mask", str(error))]
    positive = any(mask.any() for mask in foreground)
    if positive or (ignore is not None and ignore.all()):  # the benchmark ignores the whole image on purpose
        return []
    return [Problem("empty mask", f"{where}: its mask has no positive pixel")]
