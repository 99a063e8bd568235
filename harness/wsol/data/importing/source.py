"""What the readers of all formats share: their base class and options, and how raw annotations become entries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from wsol.arrays import IntArray
from wsol.data.benchmark import Report
from wsol.data.decoding.options import DecodingOptions
from wsol.data.files import ImageFiles
from wsol.data.importing.box_checks import Size, clip_edges, edges_problem, size_problem
from wsol.data.importing.entry import SourceImage, SourceObject
from wsol.data.importing.exif import stored_orientation
from wsol.data.importing.folder_roles import ANNOTATION_FOLDERS, part_of, split_of
from wsol.data.importing.form_checks import suspected_form
from wsol.data.importing.image_index import ImageIndex, default_image_folder, stem
from wsol.data.importing.notes import CountedNotes
from wsol.data.importing.raw import RawImage, RawObject, merged
from wsol.data.importing.rounding import TOLERANCE
from wsol.errors import DataError
from wsol.options import OptionValues, build_options, option
from wsol.split_names import Split


class SourceOptions(DecodingOptions):
    """Options of all formats."""

    images: str | None = option(None, "folder of the images, in the source or anywhere; null: found by its name")
    missing_images: Literal["refuse", "skip"] = option("refuse", "annotations without an image")
    overhang: float = option(1.0, "pixels that a box may reach outside its image, and is clipped by", ge=0, le=65536)
    bad_objects: Literal["refuse", "skip"] = option(
        "refuse", "objects whose box has no area or is not in the image, or whose mask is empty or broken"
    )
    check_form: bool = option(True, "whether boxes that look like another form, such as x, y, w, h, are a problem")
    check_sizes: bool = option(True, "whether sizes that annotations state must be those of the files")


class SourceReader(ABC):
    """Reads annotations of one format.

    Args:
        source: The folder, or the file with the annotations.
        options: An instance of ``Options``; by default the defaults.

    Attributes:
        conventions: How the annotations are counted, in one line; exact after :meth:`read`.

    Raises:
        DataError: The source, or the folder of images, is missing.
    """

    name: ClassVar[str]
    """Name on the command line."""
    summary: ClassVar[str]
    """What the format is and how it counts, in one line."""
    form_option: ClassVar[str] = ""
    """How to state the form of boxes, where an option does: continues a sentence."""
    Options: ClassVar[type[SourceOptions]] = SourceOptions
    """Class of the options."""

    def __init__(self, source: Path, options: SourceOptions | None = None) -> None:
        if not source.exists():
            raise DataError(f"{source}: no such file or folder")
        self.source = source
        self.folder = source if source.is_dir() else _data_folder(source)
        self.options = options or self.Options()
        self.conventions = self.summary
        self.notes = CountedNotes()
        self.index = ImageIndex(self._image_folder(), self.is_mask)

    @classmethod
    @abstractmethod
    def recognise(cls, source: Path) -> str:
        """What in a source shows that it has this format, such as ``"Annotations/1.xml"``; empty if nothing does."""

    @abstractmethod
    def raw_images(self, report: Report) -> list[RawImage]:
        """Parse the annotations; images are named as in ``self.index``."""

    def is_mask(self, name: str) -> bool:
        """Whether an image file below the folder of images is a mask; overridden where masks are images."""
        return False

    @classmethod
    def from_values(cls, source: Path, values: OptionValues) -> SourceReader:
        """Make a reader from options as a user writes them; raises UsageError for wrong ones."""
        options = build_options(cls.Options, values, f"format '{cls.name}'")
        return cls(source, options)

    def read(self, report: Report) -> list[SourceImage]:
        """See :meth:`AnnotationFormat.read`."""
        raws = merged(self.raw_images(report), report)
        if not any(raw.objects for raw in raws):
            report("nothing to import", f"{self.source}: no object of a class in the annotations of an image")
        for name in self.index.unsupported:
            report("unreadable image", f"{self.index.path(name)}: Pillow does not read this format; convert the image")
        annotated = {raw.name for raw in raws}
        bare = [name for name in self.index.names if name not in annotated]
        for name in bare:
            self.notes.add("no annotation", f"images in {self.index.folder} without an annotation", name)
        entries = self._entries([*raws, *(RawImage(name, "") for name in bare)], report)
        self.notes.report(report)
        return sorted(entries, key=lambda entry: entry.name)

    def find_image(self, references: Sequence[str], where: str, report: Report) -> str:
        """Find the image that the annotations are of.

        Args:
            references: Names for it, the most reliable one first.
            where: Place of the annotations, for messages.
            report: Receives a problem where there is none, or more than one.

        Returns:
            The image as ``self.index`` names it; empty if a problem was reported.
        """
        for reference in references:
            match = self.index.find(reference)
            if match.candidates:
                report("ambiguous image", f"{where}: '{reference}' may be {' or '.join(match.candidates[:3])}")
                return ""
            if match.name:
                if match.rule and not (match.rule == "ending" and stem(reference) == reference):
                    text = f"names that match an image's up to {match.rule}"
                    self.notes.add("matched name", text, f"{reference} → {match.name}")
                return match.name
        named = " or ".join(dict.fromkeys(f"'{reference}'" for reference in references if reference))
        text = f"{where}: no image {named} in {self.index.folder}" if named else f"{where}: names no image"
        if self.options.missing_images == "skip":
            self.notes.add("missing image", f"annotations left out, whose image is not in {self.index.folder}", where)
        else:
            report("missing image", f"{text} (option missing_images=skip leaves such annotations out)")
        return ""

    def named_in(self, path: Path, name: str) -> str:
        """The name of an image in a file of annotations, as :class:`ImageIndex` finds it.

        It is relative to the file's folder; a file such as ``train_labels.csv`` means the images in ``train`` first.
        """
        return "/".join([*self._place(path), name])

    def split_in(self, path: Path) -> Split | None:
        """The split that the folders of a file of annotations name, or else the file itself."""
        return split_of("/".join([*self._place(path), "-"]))

    def reject(self, kind: str, where: str, problem: str, report: Report) -> None:
        """Report an object that cannot be imported, unless an option leaves such objects out."""
        if self.options.bad_objects == "skip":
            self.notes.add("bad object", "objects left out, whose box or mask cannot be used", where)
        else:
            report(kind, f"{where}: {problem} (option bad_objects=skip leaves such objects out)")

    def _place(self, path: Path) -> list[str]:
        below = path.parent.relative_to(self.folder).parts if path.is_relative_to(self.folder) else ()
        parts = [*(part for part in below if part.lower() not in ANNOTATION_FOLDERS), part_of(path.stem)]
        return [part for part in parts if part]

    def _image_folder(self) -> Path:
        if self.options.images is None:
            return default_image_folder(self.folder)
        given = Path(self.options.images).expanduser()
        return given if given.is_absolute() or given.is_dir() else self.folder / given

    def _entries(self, raws: Sequence[RawImage], report: Report) -> list[SourceImage]:
        sizes = ImageFiles([str(self.index.path(raw.name)) for raw in raws], self.options.decoding()).sizes(report)
        self._check_form(raws, sizes, report)
        entries = []
        for raw, (width, height) in zip(raws, sizes.tolist(), strict=True):
            if width and self._right_size(raw, (width, height), report):
                entries.append(self._entry(raw, (width, height), report))
        return entries

    def _check_form(self, raws: Sequence[RawImage], sizes: IntArray, report: Report) -> None:
        """Report boxes that look like another form than the one that the format prescribes."""
        found = [
            (item.given, size)
            for raw, size in zip(raws, sizes.tolist(), strict=True)
            for item in raw.objects
            if item.given is not None and min(size) > 0
        ]
        if self.options.check_form and (hint := suspected_form(found)):
            text = f"boxes {hint} (option check_form=false: they are not{self.form_option})"
            report("other box format", f"{self.source}: {text}")

    def _right_size(self, raw: RawImage, size: Size, report: Report) -> bool:
        if raw.stated is None or raw.stated == size:
            return True
        if min(raw.stated) <= 0:
            self.notes.add("no size", "annotations that state no size of their image", raw.where)
            return True
        problem = size_problem(raw.stated, size, stored_orientation(self.index.path(raw.name)))
        if self.options.check_sizes or raw.exact:
            hint = "" if raw.exact else " (option check_sizes=false: only the file counts)"
            report("other size", f"{raw.where}: '{raw.name}' {problem}{hint}")
            return False
        self.notes.add("other size", "images annotated with another size than their file's, which counts", raw.where)
        return True

    def _entry(self, raw: RawImage, size: Size, report: Report) -> SourceImage:
        objects: list[SourceObject] = []
        for item in raw.objects:
            made = self._object(item, raw.name, size, report)
            if made is not None and made.mask is None and made in objects:
                self.notes.add(
                    "equal box",
                    "boxes that are equal to another one of their image and class, counted once",
                    item.where,
                )
            elif made is not None:
                objects.append(made)
        ignore = raw.ignore
        return SourceImage(
            self.index.path(raw.name),
            raw.name,
            size,
            tuple(objects),
            raw.split or split_of(self._below_source(raw.name)),
            None if ignore is None else lambda: ignore(size),
        )

    def _below_source(self, name: str) -> str:
        path = self.index.path(name)
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else name

    def _object(self, item: RawObject, image: str, size: Size, report: Report) -> SourceObject | None:
        read = item.mask
        mask = None if read is None else lambda: read(size)
        if item.box is None:
            return SourceObject(item.category, None, mask)
        edges = item.box(size)
        problem = edges_problem(edges, size, self.options.overhang)
        if problem:
            shown = item.given or ",".join(f"{edge:g}" for edge in edges)
            self.reject("bad box", item.where, f"box {shown} of '{image}' {problem}", report)
            return None
        clipped = clip_edges(edges, size)
        if max(abs(a - b) for a, b in zip(edges, clipped, strict=True)) > TOLERANCE:
            text = f"boxes that reach up to {self.options.overhang:g} pixels outside their image, clipped"
            self.notes.add("clipped box", text, item.where)
        return SourceObject(item.category, clipped, mask)


def _data_folder(file: Path) -> Path:
    """The folder of a data set whose annotations are in one file: the folder above ``annotations``, ``labels`` …"""
    parent = file.absolute().parent
    return parent.parent if parent.name.lower() in ANNOTATION_FOLDERS else parent
