"""Checks every file of a data set and reports all problems at once, before a search spends days on it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from wsol.arrays import ByteArray
from wsol.data.benchmark import Annotations, Benchmark, ImageList
from wsol.data.checking.annotations import Boxes, Sizes
from wsol.data.checking.copies import Copies
from wsol.data.checking.form import form_problems
from wsol.data.checking.inspection import CheckedSplit, Inspection
from wsol.data.checking.labels import Classes, Ids
from wsol.data.checking.mask_values import UNCLEAR_MASKS, UNSUITABLE_MASKS
from wsol.data.checking.masks import MaskContent
from wsol.data.checking.orientation import MaskOrientation, Orientation
from wsol.data.checking.report import CheckReport, Problem, SplitReport
from wsol.data.files import in_threads
from wsol.data.missing import missing_together
from wsol.errors import DataError, PluginError, WsolError
from wsol.split_names import EvalSplit, Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
ANNOTATED: tuple[EvalSplit, ...] = ("val", "test")
INSPECTIONS: tuple[Callable[[], Inspection], ...] = (
    *(Ids, Classes, Copies, Orientation, MaskOrientation, MaskContent, Sizes, Boxes),
)
"""In the order in which problems of one image are reported."""
UNREADABLE = ("cannot be read", "unreadable", UNCLEAR_MASKS, UNSUITABLE_MASKS)
"""Beginnings of kinds of problems that no study can go on with."""
CheckProgress = Callable[[Split, int, int], None]
"""Called with the split, the number of images done and the number of all images."""


def check(
    benchmark: Benchmark,
    splits: Sequence[Split] = SPLITS,
    progress: CheckProgress | None = None,
    annotated: Collection[EvalSplit] = ANNOTATED,
    form: Collection[EvalSplit] = (),
    more: Sequence[Callable[[], Inspection]] = (),
    *,
    decode: bool = True,
) -> CheckReport:
    """Read all metadata of a data set, decode every image and mask, and compare them with each other.

    Annotations of train are not read. Problems are collected, never raised.

    Args:
        benchmark: The data set.
        splits: The splits to check.
        progress: Called after each image.
        annotated: Splits whose annotations are read and described.
        form: Splits of whose annotations only the form is reported: kinds of problems and names, see
            :func:`wsol.data.checking.form.form_problems`. Of splits in neither, only images and labels are checked.
        more: Inspections to add.
        decode: Whether images are decoded; without, only lists are checked.

    Returns:
        What the splits contain, and all problems.
    """
    inspections = [inspection() for inspection in (*INSPECTIONS, *more)]
    reports, hidden = [], {}
    for split in splits:
        report = SplitReport(split)
        images, annotations = _examine(benchmark, split, report, split == "train" or split in annotated)
        if images is not None:
            report.images = len(images)
            report.classes = len(np.unique(images.labels[images.labels >= 0]))
            passes = [_Pass(CheckedSplit(benchmark, images, annotations, report), inspections)]
            if split in form:
                hidden[split] = _form_pass(benchmark, split, images)
                passes.append(hidden[split])
            _inspect(passes, progress, len(images) if decode else 0)
        reports.append(report)
    for inspection in [*inspections, *(each for found in hidden.values() for each in found.inspections)]:
        inspection.finish()
    _keep_first(reports)
    known = {problem.message for report in reports for problem in report.problems}
    for report in reports:
        if report.split in hidden:
            of_split = hidden[report.split].split
            report.problems += form_problems(of_split.report, known, benchmark, of_split.images.ids)
        if report.problems:
            report.usable = _is_usable(benchmark, report, report.split in (*annotated, *form))
    return CheckReport(benchmark.name, tuple(reports))


def check_for_study(
    benchmark: Benchmark, progress: CheckProgress | None = None, more: Sequence[Callable[[], Inspection]] = ()
) -> CheckReport:
    """Check what a study may see before its choice is sealed: of test's annotations only the form.

    Args:
        benchmark: The data set.
        progress: Called after each image.
        more: Inspections to add.
    """
    return check(benchmark, SPLITS, progress, annotated=["val"], form=["test"], more=more)


def _keep_first(reports: Sequence[SplitReport]) -> None:
    """Keep the first problem of each message: one file may be read in every split, and for several inspections."""
    seen: set[str] = set()
    for report in reports:
        for found in (report.problems, report.notes):
            first: dict[str, Problem] = {}
            for problem in found:
                first.setdefault(problem.message, problem)
            found[:] = [problem for message, problem in first.items() if message not in seen]
            seen.update(first)


@dataclass(frozen=True)
class _Pass:
    """The inspections of a split, with what they may see."""

    split: CheckedSplit
    inspections: Sequence[Inspection]


def _form_pass(benchmark: Benchmark, split: Split, images: ImageList) -> _Pass:
    """The inspections of annotations of which only the form is reported."""
    hidden, annotations = SplitReport(split), None
    try:
        _, annotations = benchmark.examine(split, hidden)
    except Exception as error:  # also of a plugin: the message may quote annotations
        hidden("cannot be read", str(error))
    if annotations is not None and len(annotations.sizes) != len(images):
        annotations = None
    inspections = [new for new in (inspection() for inspection in INSPECTIONS) if not new.of_images_only]
    return _Pass(CheckedSplit(benchmark, images, annotations, hidden), inspections if annotations is not None else [])


def _is_usable(benchmark: Benchmark, report: SplitReport, annotated: bool) -> bool:
    """Whether images, and annotations that may be read, can be opened as a study opens them."""
    if any(problem.kind.startswith(UNREADABLE) for problem in report.problems):
        return False
    try:
        benchmark.images(report.split)
        if annotated:
            benchmark.annotations(report.split)
    except Exception:  # what is wrong was reported
        return False
    return True


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


def _inspect(passes: Sequence[_Pass], progress: CheckProgress | None, count: int) -> None:
    """Decode each of ``count`` images once, for all passes; the first one reports images that cannot be decoded."""
    for each in passes:
        for inspection in each.inspections:
            inspection.begin(each.split)
    first = passes[0].split
    missing = _report_missing(first) if count else frozenset()
    inspect_image = partial(_image_problems, passes, missing)
    for done, found in enumerate(in_threads(inspect_image, count, chunk=16), start=1):
        for each, problems in zip(passes, found, strict=True):
            each.split.report.problems.extend(problems)
        if progress is not None:
            progress(first.split, done, count)
    for each in passes:
        for inspection in each.inspections:
            inspection.end(each.split)


def _report_missing(split: CheckedSplit) -> frozenset[int]:
    """Report images whose whole folder is missing, one message a folder, and return their positions."""
    missing: set[int] = set()
    for group in missing_together(split.images.paths):
        image, problem = _loaded(split.images, group.rows[0])
        if image is None:  # otherwise the benchmark loads other files than it names
            split.report(problem.kind, f"{problem.message}; {group.text(f'images of {split.split}')}")
            missing.update(group.rows)
    return frozenset(missing)


def _image_problems(passes: Sequence[_Pass], missing: Container[int], index: int) -> list[list[Problem]]:
    """The problems of an image for each pass; none for a missing one that was reported."""
    first, *others = passes
    if index in missing:
        return [[] for _ in passes]
    image, problem = _loaded(first.split.images, index)
    if image is None:
        return [[problem], *([] for _ in others)]
    return [_problems(first, index, image), *(_hidden_problems(each, index, image) for each in others)]


def _loaded(images: ImageList, index: int) -> tuple[ByteArray | None, Problem]:
    """The image, or the problem that it has."""
    kind = "unreadable image"
    try:
        image = images.load(index)
    except DataError as error:
        return None, Problem(kind, str(error))
    wrong = image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3
    message = f"'{images.ids[index]}': {image.dtype} {list(image.shape)} is not uint8 [H, W, 3]"
    return None if wrong else image, Problem(kind, message)


def _problems(found: _Pass, index: int, image: ByteArray) -> list[Problem]:
    return [problem for inspection in found.inspections for problem in inspection.image(found.split, index, image)]


def _hidden_problems(found: _Pass, index: int, image: ByteArray) -> list[Problem]:
    try:
        return _problems(found, index, image)
    except Exception:  # also of a plugin: the message may quote annotations
        return [Problem("cannot be read", f"'{found.split.images.ids[index]}'")]
