"""From the images of a source to the content of an imported data set, before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from wsol.data.benchmark import Report
from wsol.data.checking.copies import ImageFile, equal_files
from wsol.data.checking.labels import ONE_CLASS
from wsol.data.checking.report import Problem
from wsol.data.decoding.options import DecodingOptions
from wsol.data.import_manifest import ImportManifest, MaskValues
from wsol.data.importing.assigning import SplitChoice, assign_splits
from wsol.data.importing.classes import rename_classes
from wsol.data.importing.entry import SourceImage, SourceObject
from wsol.data.importing.folder_names import class_name_problem, file_names
from wsol.data.importing.labelling import LabelledImage, SeveralClasses, label_images
from wsol.data.importing.notes import listed
from wsol.data.importing.rounding import RoundingRule
from wsol.data.importing.source import SourceReader
from wsol.errors import printable
from wsol.recipes import content_hash
from wsol.split_names import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
SHOWN_HASH = 8
CopiesRule = Literal["refuse", "first"]
"""What becomes of images with equal bytes. ``first``: the first one by name is imported."""
ImportProgress = Callable[[str, int, int], None]
"""Called with the step, the number of images done and the number of all images."""


@dataclass
class ImportReport:
    """Problems and notes of an import; it is a :class:`wsol.Report`.

    Attributes:
        problems: What must be settled before the source is imported.
        notes: What the user should know: what is left out, and by which rule.
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def __call__(self, kind: str, message: str, *, note: bool = False) -> None:
        """Add a problem or a note; each message once."""
        found = self.notes if note else self.problems
        if (problem := Problem(kind, message)) not in found[-1:]:
            found.append(problem)


@dataclass(frozen=True)
class ImportRules:
    """How a source becomes a data set.

    Attributes:
        several: What becomes of images with objects of several classes.
        rounding: How boxes become whole pixels.
        copies: What becomes of images with equal bytes.
        classes: Class of the source → class of the data set; empty: its objects are left out.
        only_mapped: Whether classes that the map does not name are left out.
        split: How images are assigned to train, val and test.
    """

    several: SeveralClasses = "skip"
    rounding: RoundingRule = "outwards"
    copies: CopiesRule = "refuse"
    classes: Mapping[str, str] = field(default_factory=dict)
    only_mapped: bool = False
    split: SplitChoice = field(default_factory=SplitChoice)


@dataclass(frozen=True)
class PlacedImage:
    """An entry of the data set with its place.

    Attributes:
        entry: The entry.
        split: Its split.
        file: Its path below the folder of the split: ``CLASS/FILE``.
    """

    entry: LabelledImage
    split: Split
    file: str


@dataclass(frozen=True)
class ImportPlan:
    """What an import writes.

    Attributes:
        images: The entries, by split and file.
        boxes: Whether val and test get boxes.
        masks: Whether val and test get masks.
        rounding: How boxes become whole pixels.
        manifest: The manifest.
    """

    images: tuple[PlacedImage, ...]
    boxes: bool
    masks: bool
    rounding: RoundingRule
    manifest: ImportManifest

    def of(self, split: Split) -> list[PlacedImage]:
        """The entries of a split."""
        return [image for image in self.images if image.split == split]


def plan_import(
    reader: SourceReader, rules: ImportRules, report: ImportReport, progress: ImportProgress | None = None
) -> ImportPlan | None:
    """Read a source and decide what is imported, and where it is placed. Nothing is written.

    Args:
        reader: Reads the source.
        rules: How it becomes a data set.
        report: Receives all problems and notes.
        progress: Called before and after the annotations are read, and while near-copies are searched.

    Returns:
        What to write; None where problems leave nothing to place.

    Raises:
        DataError: The source cannot be read.
        UsageError: The class map or the shares do not fit the source.
    """
    if progress is not None:
        progress("annotations", 0, 1)  # how many there are is known when they are read
    source = reader.read(report)
    if progress is not None:
        progress("annotations", 1, 1)
    images = rename_classes(source, rules.classes, report, only_mapped=rules.only_mapped)
    entries = label_images(images, rules.several, report)
    entries, copies = _without_copies(entries, rules.copies, report)
    for name in sorted({entry.category for entry in entries}):
        if problem := class_name_problem(name):
            text = f"class {name!r} {problem}: it cannot be the name of a folder; rename it with --class OLD=NEW"
            report("class name", text)
    if not entries or any(problem.kind in ("class name", "nothing to import") for problem in report.problems):
        return None
    source_hash = _source_hash(source)
    splits = assign_splits(entries, rules.split, report, progress, reader.options.decoding())
    if splits is None:
        return None
    files = file_names(entries)
    placed = [PlacedImage(*each) for each in zip(entries, splits.splits, files, strict=True)]
    placed.sort(key=lambda image: (SPLITS.index(image.split), image.file))
    _check_classes(placed, report)
    boxes, masks = _kinds(placed, report)
    manifest = ImportManifest(
        format=reader.name,
        conventions=reader.conventions,
        options=_options(reader, rules),
        classes=_classes(source, rules),
        source=source_hash,
        split_rule=f"{splits.rule}, source {source_hash[:SHOWN_HASH]}" if splits.rule else "",
        masks=MaskValues() if masks else None,
        decoding=DecodingOptions(**reader.options.model_dump(include=set(DecodingOptions.model_fields))),
        images=_counts(placed),
        skipped=_skipped(images, rules.several, copies),
    )
    return ImportPlan(tuple(placed), boxes, masks, rules.rounding, manifest)


def _without_copies(
    entries: Sequence[LabelledImage], rule: CopiesRule, report: Report
) -> tuple[list[LabelledImage], list[str]]:
    """The entries without further copies of an image, and the names of the copies."""
    images = {entry.source.name: entry.source for entry in entries}
    classes: dict[str, set[str]] = {}
    for entry in entries:
        classes.setdefault(entry.source.name, set()).add(entry.category)
    by_path = {str(image.path): name for name, image in images.items()}
    dropped: list[str] = []
    for group in equal_files([ImageFile(path, "train", 0) for path in by_path]):
        names = [by_path[file.path] for file in group]
        if len({frozenset(classes[name]) for name in names}) > 1:
            shown = ", ".join(f"{name} ({', '.join(sorted(classes[name]))})" for name in names[:3])
            report("copies under two classes", f"{shown}: the same bytes; remove one, or map one class to the other")
        elif rule == "refuse":
            report("copies", f"{listed(names)}: the same bytes; remove all but one, or add --copies first")
        else:
            dropped += names[1:]
    if dropped:
        report("copies", f"copies of other images, left out: {len(dropped)} ({listed(dropped)})", note=True)
    gone = set(dropped)
    return [entry for entry in entries if entry.source.name not in gone], sorted(dropped)


def _check_classes(placed: Sequence[PlacedImage], report: Report) -> None:
    """Report classes that a source's own splits leave without a training image, and data with a single class."""
    trained = {image.entry.category for image in placed if image.split == "train"}
    for name in sorted({image.entry.category for image in placed} - trained):
        report("empty class", f"class '{name}' has no image in train; leave it out with --class '{name}='")
    if len(trained) == 1:
        report("one class", ONE_CLASS, note=True)


def _kinds(placed: Sequence[PlacedImage], report: Report) -> tuple[bool, bool]:
    """Whether val and test get boxes, and masks: what all their objects have; neither where they have no object."""
    objects = [(image, item) for image in placed if image.split != "train" for item in image.entry.objects]
    if not objects:
        return False, False
    boxes = all(item.box is not None for _, item in objects)
    masks = all(item.mask is not None for _, item in objects)
    if not (boxes or masks):
        lacking = [image.entry.source.name for image, item in objects if not _annotated(item)]
        if lacking:
            text = f"images of val and test with an object that has neither a box nor a mask: {len(lacking)}"
            report("no boxes", f"{text} ({listed(lacking)}); the harness scores where objects are")
        else:
            report("mixed annotations", "some objects of val and test have only a box and others only a mask")
    else:
        _note_dropped(placed, boxes, masks, report)
    return boxes, masks


def _note_dropped(placed: Sequence[PlacedImage], boxes: bool, masks: bool, report: Report) -> None:
    """Note boxes and masks that are not written because other objects have none, and regions that need masks."""
    scored = [image.entry for image in placed if image.split != "train"]
    with_mask = [e.source.name for e in scored if not masks and any(o.mask is not None for o in e.objects)]
    with_box = [e.source.name for e in scored if not boxes and any(o.box is not None for o in e.objects)]
    ignored = [entry.source.name for entry in scored if not masks and entry.source.ignore is not None]
    for names, what in (
        (with_mask, "masks that are not imported, because others have none; boxes are"),
        (with_box, "boxes that are not imported, because others have none; masks are"),
        (ignored, "regions to ignore, which boxes cannot have"),
    ):
        if names:
            text = f"images of val and test with {what}: {len(names)} ({listed(names)})"
            report("dropped annotations", text, note=True)


def _annotated(item: SourceObject) -> bool:
    return item.box is not None or item.mask is not None


def _source_hash(images: Sequence[SourceImage]) -> str:
    """Hash the names and sizes of images with their objects; equal on all machines."""
    content = [
        [
            *(image.name, image.path.stat().st_size, list(image.size), image.split, image.ignore is not None),
            [
                [item.category, None if item.box is None else list(item.box), item.mask is not None]
                for item in image.objects
            ],
        ]
        for image in images
    ]
    return content_hash(content)


def _options(reader: SourceReader, rules: ImportRules) -> dict[str, str]:
    """The rules that decided the content, and the options of the format that are not their defaults."""
    defaults = type(reader.options)()
    given = {
        name: str(value)
        for name, value in sorted(reader.options.model_dump(mode="json").items())
        if name != "images" and value != getattr(defaults, name)  # paths differ between machines
    }
    own = {"several": rules.several, "rounding": rules.rounding, "copies": rules.copies}
    return {**own, "only_mapped": str(rules.only_mapped).lower(), "splits": rules.split.text(), **given}


def _classes(images: Sequence[SourceImage], rules: ImportRules) -> dict[str, str]:
    names = sorted({item.category for image in images for item in image.objects})
    return {printable(name): rules.classes.get(name, "" if rules.only_mapped else name) for name in names}


def _counts(placed: Sequence[PlacedImage]) -> dict[str, dict[str, int]]:
    counts = {split: Counter(image.entry.category for image in placed if image.split == split) for split in SPLITS}
    return {split: dict(sorted(found.items())) for split, found in counts.items()}


def _skipped(
    images: Sequence[SourceImage], several: SeveralClasses, copies: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    reasons = {
        "no object": [image.name for image in images if not image.objects],
        "several classes": [
            image.name for image in images if several == "skip" and len({item.category for item in image.objects}) > 1
        ],
        "copies": list(copies),
    }
    return {reason: tuple(map(printable, names)) for reason, names in reasons.items() if names}
