"""Masks: image files whose values are the object, classes or numbers of objects; one or more for each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wsol.arrays import BoolArray
from wsol.data.benchmark import Report
from wsol.data.files import in_threads
from wsol.data.importing.box_checks import Size
from wsol.data.importing.mask_classes import ClassMask, ClassMaskReader
from wsol.data.importing.mask_files import INSTANCES, ImageMasks, find_owner, is_mask_file, mask_files
from wsol.data.importing.mask_labels import (
    LabelSource,
    folder_class,
    listed_classes,
    masks_of_classes,
    missing_class,
    name_class,
)
from wsol.data.importing.mask_values import VOC_IGNORED, find_value_classes, is_voc, value_classes
from wsol.data.importing.notes import listed
from wsol.data.importing.raw import RawImage, RawObject
from wsol.data.importing.source import SourceOptions, SourceReader
from wsol.data.importing.voc_lists import listed_split, voc_splits
from wsol.data.importing.walk import files_below
from wsol.data.masks.advice import advise_stating
from wsol.data.masks.levels import level_name
from wsol.data.masks.reader import LabelMasks, UnclearMaskError
from wsol.data.masks.rule import MaskValueOptions
from wsol.data.readers.image_kind import kind_by_ending
from wsol.errors import DataError, UsageError
from wsol.options import option


class MaskSourceOptions(SourceOptions, MaskValueOptions):
    """Options of ``masks``."""

    masks: str | None = option(None, "folder of the masks; null: folders named masks, trimaps …, and files …_mask.png")
    values: tuple[str, ...] | None = option(
        None,
        "classes of values, as VALUE=CLASS, or voc; null: labelmap.txt, _classes.csv, or masks of one object class",
    )
    label: LabelSource | None = option(None, "what names the class of an image: its folder, or its file name (cat_1)")
    label_file: str | None = option(None, "file with a line for each image: its name and its class")
    category: str | None = option(None, "class of all images")


@dataclass(frozen=True)
class _ReadMask:
    """What reading a mask file gave."""

    size: Size = (0, 0)
    objects: int = 0
    follows: tuple[int, bool] | None = None
    ignored: bool = False
    error: DataError | None = None


class MaskReader(SourceReader):
    """Masks in image files."""

    name = "masks"
    summary = "image files of masks: values of one object class, of several classes, or one file for each object"
    Options = MaskSourceOptions
    options: MaskSourceOptions

    def __init__(self, source: Path, options: SourceOptions | None = None) -> None:
        self.options = options if isinstance(options, MaskSourceOptions) else MaskSourceOptions()
        self.rule = self.options.mask_rule()
        self.mask_folder = self._mask_folder(source)
        super().__init__(source, self.options)
        if not source.is_dir():
            raise DataError(f"{source}: should be a folder with images and masks")
        self.classes, self.coloured = self._value_classes()

    @classmethod
    def recognise(cls, source: Path) -> str:
        """See :meth:`SourceReader.recognise`: the first mask, if there are other images too."""
        if not source.is_dir():
            return ""
        images = [path for path in files_below(source) if kind_by_ending(path.name) == "image"]
        masks = [path for path in images if is_mask_file(path.relative_to(source).as_posix())]
        return str(masks[0]) if 0 < len(masks) < len(images) else ""

    def is_mask(self, name: str) -> bool:
        """See :meth:`SourceReader.is_mask`."""
        path = self._image_folder() / name
        if self.mask_folder is not None:
            return path.is_relative_to(self.mask_folder)
        return path.is_relative_to(self.folder) and is_mask_file(path.relative_to(self.folder).as_posix())

    def raw_images(self, report: Report) -> list[RawImage]:
        """See :meth:`SourceReader.raw_images`."""
        found = self._found(report)
        if self.classes:
            images = self._by_value(found, report)
        else:
            labels = self._labels(found, report)
            labelled = {name: masks for name, masks in found.items() if name in labels}
            images = self._single_class(labelled, labels, report)
        splits = voc_splits(self.folder, "Segmentation", report)
        for image in images:
            image.split = listed_split(splits, found[image.name].files[0])
        return images

    def _mask_folder(self, source: Path) -> Path | None:
        if self.options.masks is None:
            return None
        given = Path(self.options.masks).expanduser()
        folder = given if given.is_absolute() or given.is_dir() else source / given
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder of masks (option 'masks')")
        return folder

    def _value_classes(self) -> tuple[dict[int, str], bool]:
        if self.options.values is None:
            classes, coloured, file = find_value_classes(self.folder)
            if self.options.object is not None or self.options.threshold is not None:
                return {}, False
            if file is not None:
                self.notes.say("classes of values", f"classes of values are those of {file}")
            return classes, coloured
        if self.options.object is not None or self.options.threshold is not None:
            raise UsageError(
                "format 'masks': values gives each value a class, object and threshold one class; give one"
            )
        return value_classes(self.options.values)

    def _found(self, report: Report) -> dict[str, ImageMasks]:
        """Image → its masks."""
        base = self.mask_folder or self.folder
        paths = mask_files(self.folder, self.mask_folder)
        if not paths:
            hint = "name their folder with --set masks=FOLDER, and that of the images with --images"
            raise DataError(f"{base}: no masks: no folder named masks, trimaps …, no file named …_mask; {hint}")
        found: dict[str, ImageMasks] = {}
        for path in paths:
            below = path.relative_to(base).as_posix()
            name, candidates = find_owner(self.index, below)
            if candidates:
                report("ambiguous image", f"{path}: may be a mask of {' or '.join(candidates[:3])}")
            elif not name:
                self.find_image([below], str(path), report)
            elif INSTANCES in below.lower().split("/"):
                found.setdefault(name, ImageMasks()).instances = path
            else:
                found.setdefault(name, ImageMasks()).files.append(path)
        return {name: masks for name, masks in found.items() if masks.files}

    def _labels(self, found: dict[str, ImageMasks], report: Report) -> dict[str, str]:
        """Image → class, of the images that have one."""
        given = self.options
        if given.category is not None:
            return dict.fromkeys(found, given.category)
        if given.label_file is not None:
            path = Path(given.label_file).expanduser()
            labels = listed_classes(path if path.is_file() else self.folder / path, self.index, report)
        elif given.label == "name":
            labels = {name: name_class(name) for name in found}
        else:
            labels = {name: folder_class(name, self._below(masks.files[0])) for name, masks in found.items()}
            one_folder = len(set(labels.values())) < 2  # rather a folder of all images
            if given.label is None and (one_folder or masks_of_classes(str(m.files[0]) for m in found.values())):
                labels = {}
        without = [name for name in found if not labels.get(name)]
        if without:
            masks = [str(found[name].files[0]) for name in without]
            report(
                "no class", f"{len(without)} images have no class ({listed(without)}); {missing_class(without, masks)}"
            )
        return {name: label for name, label in labels.items() if label and name in found}

    def _below(self, mask: Path) -> str:
        return mask.relative_to(self.mask_folder or self.folder).as_posix()

    def _single_class(self, found: dict[str, ImageMasks], labels: dict[str, str], report: Report) -> list[RawImage]:
        """Images whose masks are of one class: what is the object is said by the rule."""
        files = [(name, path) for name, masks in found.items() for path in masks.files]
        reader = LabelMasks([str(path) for _, path in files], self.rule, max_pixels=self.options.max_pixels)
        states = list(in_threads(lambda i: _examined(reader, i), len(files), chunk=16))
        self._report_errors([state.error for state in states if state.error], report)
        self._compare_values([path for _, path in files], states, report)
        images: dict[str, RawImage] = {}
        for place, ((name, path), state) in enumerate(zip(files, states, strict=True)):
            image = images.setdefault(name, RawImage(name, str(path)))
            if not self._usable(path, state, image, report):
                continue
            image.objects.append(RawObject(labels[name], str(path), None, partial(_foreground, reader, place)))
            if state.ignored:
                image.ignore = partial(_either, image.ignore, partial(_ignored, reader, place))
        return list(images.values())

    def _usable(self, path: Path, state: _ReadMask, image: RawImage, report: Report) -> bool:
        """Check a mask that could be read: its size is that of the image's other masks, and it has an object."""
        if state.error is not None:
            return False
        if image.stated not in (None, state.size):
            report("other size", f"{path}: {state.size[0]} x {state.size[1]} pixels, another mask of its image differs")
            return False
        image.stated, image.exact = state.size, True
        if not state.objects:
            self.reject("empty mask", str(path), "no pixel of an object", report)
        return bool(state.objects)

    def _report_errors(self, errors: Sequence[DataError], report: Report) -> None:
        """Report each broken file, but masks whose values are not clear as one problem."""
        unclear = [error for error in errors if isinstance(error, UnclearMaskError)]
        if unclear:
            more = f" ({len(unclear) - 1} more masks like it)" if len(unclear) > 1 else ""
            report("unclear mask", f"{unclear[0]}{more}")
        for error in errors:
            if not isinstance(error, UnclearMaskError):
                report("unreadable mask", str(error))

    def _compare_values(self, paths: Sequence[Path], states: Sequence[_ReadMask], report: Report) -> None:
        """Report masks in which another value than in the first one follows to be the object, or the background."""
        found: dict[tuple[int, bool], Path] = {}
        for path, state in zip(paths, states, strict=True):
            if state.follows is not None:
                found.setdefault(state.follows, path)
        if len(found) > 1:
            shown = ", ".join(f"{level_name(*value)} in {path}" for value, path in list(found.items())[:3])
            role = self.rule.follows
            report("unclear mask", f"the {role} has several values: {shown}; {advise_stating(role, list(found))}")

    def _by_value(self, found: dict[str, ImageMasks], report: Report) -> list[RawImage]:
        """Images whose masks have a value for each class."""
        ignored = (*self.rule.ignore, *([VOC_IGNORED] if is_voc(self.options.values) else []))
        reader = ClassMaskReader(self.classes, self.coloured, ignored, self.options.max_pixels)
        images = []
        unknown: dict[int, list[str]] = {}
        for name, masks in found.items():
            image = RawImage(name, str(masks.files[0]))
            for path in masks.files:
                try:
                    mask = reader.read(path, masks.instances)
                except DataError as error:
                    report("unreadable mask", str(error))
                    continue
                for value in mask.unknown:
                    unknown.setdefault(value, []).append(str(path))
                if self._usable(path, _ReadMask(mask.size, 1), image, report):
                    _add(image, path, mask)
            images.append(image)
        for value, paths in sorted(unknown.items()):
            shown = level_name(value, self.coloured)
            hint = f"give it a class with 'values' ('VALUE=' for background), or leave it out with ignore={value}"
            report("unknown value", f"{listed(paths)}: the value {shown} has no class; {hint}")
        return images


def _add(image: RawImage, path: Path, mask: ClassMask) -> None:
    image.objects += [RawObject(category, str(path), None, read) for category, read in mask.objects]
    if mask.ignore is not None:
        image.ignore = partial(_either, image.ignore, mask.ignore)


def _examined(reader: LabelMasks, place: int) -> _ReadMask:
    try:
        mask = reader.read(place)
    except DataError as error:
        return _ReadMask(error=error)
    height, width = mask.foreground.shape
    return _ReadMask((width, height), int(mask.foreground.sum()), mask.follows, mask.ignore is not None)


def _foreground(reader: LabelMasks, place: int, size: Size) -> BoolArray:
    return reader.read(place).foreground


def _ignored(reader: LabelMasks, place: int, size: Size) -> BoolArray:
    found = reader.read(place).ignore
    return np.zeros((size[1], size[0]), dtype=bool) if found is None else found


def _either(first: Callable[[Size], BoolArray] | None, second: Callable[[Size], BoolArray], size: Size) -> BoolArray:
    return second(size) if first is None else first(size) | second(size)
