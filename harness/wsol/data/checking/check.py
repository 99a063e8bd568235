"""Checks every file of a data set and reports all problems at once, before a search spends days on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

import numpy as np

from wsol.data.benchmark import Annotations, Benchmark, ImageList
from wsol.data.checking.annotations import Boxes, Sizes
from wsol.data.checking.copies import Copies
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.labels import Classes, Ids
from wsol.data.checking.masks import MaskContent
from wsol.data.checking.orientation import Orientation
from wsol.data.checking.report import CheckReport, Problem, SplitReport
from wsol.data.files import in_threads
from wsol.errors import DataError, PluginError, WsolError
from wsol.split_names import EvalSplit, Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
ANNOTATED: tuple[EvalSplit, ...] = ("val", "test")
INSPECTIONS: tuple[Callable[[], Inspection], ...] = (Ids, Classes, Copies, Orientation, MaskContent, Sizes, Boxes)
"""In the order in which problems of one image are reported."""
CheckProgress = Callable[[Split, int, int], None]
"""Called with the split, the number of images done and the number of all images."""


def check(
    benchmark: Benchmark,
    splits: Sequence[Split] = SPLITS,
    progress: CheckProgress | None = None,
    annotated: Collection[EvalSplit] = ANNOTATED,
    more: Sequence[Callable[[], Inspection]] = (),
) -> CheckReport:
    """Read all metadata of a data set, decode every image and mask, and compare them with each other.

    Annotations of train are not read. Problems are collected, never raised.

    Args:
        benchmark: The data set.
        splits: The splits to check.
        progress: Called after each image.
        annotated: Splits whose annotations are read; of the others, only images and labels are checked.
        more: Inspections to add.

    Returns:
        What the splits contain, and all problems.
    """
    inspections = [inspection() for inspection in (*INSPECTIONS, *more)]
    reports = []
    for split in splits:
        report = SplitReport(split)
        images, annotations = _examine(benchmark, split, report, split == "train" or split in annotated)
        if images is not None:
            report.images = len(images)
            report.classes = len(np.unique(images.labels[images.labels >= 0]))
            _inspect(CheckedSplit(benchmark, images, annotations, report), inspections, progress)
        reports.append(report)
    for inspection in inspections:
        inspection.finish()
    _keep_first(reports)
    return CheckReport(benchmark.name, tuple(reports))


def _keep_first(reports: Sequence[SplitReport]) -> None:
    """Keep the first of equal problems: what is wrong with the whole data set is found in every split."""
    seen: set[str] = set()
    for report in reports:
        for found in (report.problems, report.notes):
            found[:] = [problem for problem in dict.fromkeys(found) if problem.message not in seen]
            seen.update(problem.message for problem in found)


def _examine(
    benchmark: Benchmark, split: Split, report: SplitReport, whole: bool
) -> tuple[ImageList | None, Annotations | None]:
    try:
        return benchmark.examine(split, report) if whole else (benchmark.examine_images(split, report), None)
    except PluginError:  # the code is broken, not the data
        raise
    except WsolError as error:
        report("cannot be read", str(error))
        return None, None


def _inspect(split: CheckedSplit, inspections: Sequence[Inspection], progress: CheckProgress | None) -> None:
    for inspection in inspections:
        inspection.begin(split)
    inspect_image = partial(_image_problems, split, inspections)
    count = len(split.images)
    for done, problems in enumerate(in_threads(inspect_image, count, chunk=16), start=1):
        split.report.problems.extend(problems)
        if progress is not None:
            progress(split.split, done, count)
    for inspection in inspections:
        inspection.end(split)


def _image_problems(split: CheckedSplit, inspections: Sequence[Inspection], index: int) -> list[Problem]:
    try:
        image = split.images.load(index)
    except DataError as error:
        return [Problem("unreadable image", str(error))]
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        where = f"'{split.images.ids[index]}'"
        return [Problem("unreadable image", f"{where}: {image.dtype} {list(image.shape)} is not uint8 [H, W, 3]")]
    return [problem for inspection in inspections for problem in inspection.image(split, index, image)]
