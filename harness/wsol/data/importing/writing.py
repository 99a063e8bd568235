"""Writing an imported data set: links or copies of images, boxes, masks and the manifest, complete or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from wsol.arrays import ByteArray
from wsol.data.benchmark import Report
from wsol.data.files import in_threads
from wsol.data.importing.areas import covered_pixels, sized
from wsol.data.importing.labelling import LabelledImage
from wsol.data.importing.plan import ImportPlan, ImportProgress, PlacedImage
from wsol.data.importing.rounding import whole_pixels
from wsol.errors import DataError, UsageError
from wsol.files import check_space, lock, make_folder, write_atomic, writing
from wsol.split_names import EvalSplit

MARK = ".wsol-import"
"""File in the temporary folder of an import that is not finished; its lock is held while the import writes."""
OBJECT, IGNORE = 255, 127
"""Values of masks, as :class:`wsol.MaskValues` states them."""
HEADER = "# wsol boxes: unit=pixels\nimage_id,x0,y0,x1,y1\n"
"""First lines of a file of boxes."""
EVALUATED: tuple[EvalSplit, ...] = ("val", "test")


def check_target(root: Path, sources: Sequence[Path]) -> Path:
    """Check that a data set may be written to a folder.

    Args:
        root: The folder; it does not exist, or is empty.
        sources: Folders that are only read.

    Returns:
        Its path without links.

    Raises:
        UsageError: It is a file, contains something, is the current folder, or is within a source.
    """
    target = Path(os.path.realpath(root))
    for source in sources:
        if target.is_relative_to(os.path.realpath(source)):
            raise UsageError(f"{root}: is in the source {source}, to which nothing is written; give another --out")
    if target.is_dir():
        if target == Path(os.path.realpath(os.curdir)):
            raise UsageError(
                f"{root}: is the current folder, which an import cannot replace; give a new folder as --out"
            )
        if any(target.iterdir()):
            raise UsageError(f"{root}: is not empty, and nothing is overwritten; give another --out, or move it away")
    elif os.path.lexists(target):
        raise UsageError(f"{root}: is not a folder; give another --out")
    return target


def write_import(
    plan: ImportPlan, target: Path, report: Report, *, copy: bool = False, progress: ImportProgress | None = None
) -> bool:
    """Write a data set to a folder of its own, which appears under its name when it is complete.

    Until then it is a hidden folder next to it, which an interrupted import leaves and the next one replaces. Images
    are symbolic links to the files of the source, or copies; the entries of one image are links to one file.

    Args:
        plan: What to write.
        target: The folder, see :func:`check_target`.
        report: Receives masks that cannot be read, have another size or are empty; then nothing is written.
        copy: Copy the images instead of linking them.
        progress: Called after each mask, and after each image.

    Returns:
        Whether the data set was written.

    Raises:
        DataError: A file cannot be written, or another import writes to the folder.
        UsageError: The temporary folder exists and is not of an import.
    """
    problems: list[str] = []

    def counted(kind: str, message: str, *, note: bool = False) -> None:
        report(kind, message, note=note)
        if not note:
            problems.append(message)

    with _staged(target) as folder:
        if plan.masks:
            for split in EVALUATED:
                _write_masks(plan.of(split), folder, split, counted, progress)
        if problems:
            return False
        _place_images(plan.images, folder, copy, progress)
        if plan.boxes:
            for split in EVALUATED:
                write_atomic(folder / f"{split}.csv", _boxes(plan, split), "the boxes")
        write_atomic(folder / plan.manifest.file_name, plan.manifest.to_text(), "the manifest")
        _finish(folder, target)
    return True


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """The temporary folder of a target, empty and locked; it is deleted at the end unless it was renamed."""
    make_folder(target.parent, "the folder of the data set")
    folder = target.with_name(f".{target.name}.importing")
    if os.path.lexists(folder) and not (folder / MARK).is_file():
        raise UsageError(f"{folder}: exists, and no import left it; move it away")
    make_folder(folder)
    with writing(folder, "the data set"):
        (folder / MARK).touch()
    with lock(folder / MARK, f"{target}: another import is writing to it"):
        try:
            with writing(folder, "what an interrupted import left"):
                _empty(folder)
            yield folder
        finally:
            if (folder / MARK).exists():
                shutil.rmtree(folder, ignore_errors=True)


def _empty(folder: Path) -> None:
    """Delete everything but the mark; links are deleted, not what they lead to."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARK:
            entry.unlink()


def _finish(folder: Path, target: Path) -> None:
    with writing(target, "the data set", "; give a new folder as --out"):
        mark = folder / MARK
        mark.unlink()
        try:
            os.rename(folder, target)  # replaces an empty folder, and no other
        except OSError:
            mark.touch()
            raise


def _place_images(images: Sequence[PlacedImage], folder: Path, copy: bool, progress: ImportProgress | None) -> None:
    if copy:
        sizes = {image.entry.source.path: image.entry.source.path.stat().st_size for image in images}
        check_space(folder, sum(sizes.values()), "the copied images need", "leave --copy out, for links")
    first: dict[Path, Path] = {}
    for done, image in enumerate(images, start=1):
        source, path = image.entry.source.path, folder / image.split / image.file
        make_folder(path.parent)
        with writing(path, "the image"):
            if not copy:
                path.symlink_to(os.path.abspath(source))
            elif source in first:
                _link(first[source], path)
            else:
                shutil.copyfile(source, path)
                first[source] = path
        if progress is not None:
            progress("images", done, len(images))


def _link(existing: Path, path: Path) -> None:
    """A hard link to a file of the data set, or where the file system has none, a relative symbolic link."""
    with contextlib.suppress(OSError):
        os.link(existing, path)
        return
    path.symlink_to(os.path.relpath(existing, path.parent))


def _boxes(plan: ImportPlan, split: EvalSplit) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for image in plan.of(split):
        for item in image.entry.objects:
            if item.box is not None:
                rows.writerow([image.file, *whole_pixels(item.box, image.entry.source.size, plan.rounding)])
    return HEADER + text.getvalue()


def _write_masks(
    images: Sequence[PlacedImage], folder: Path, split: EvalSplit, report: Report, progress: ImportProgress | None
) -> None:
    """Write a mask for each image, 8-bit PNG; unreadable, wrong and empty ones are reported."""

    def write(index: int) -> tuple[str, str] | None:
        image = images[index]
        try:
            values = _mask_values(image.entry)
        except DataError as error:
            return "unreadable mask", str(error)
        if not (values == OBJECT).any():
            return (
                "empty mask",
                f"{image.entry.source.name}: no pixel of the class '{image.entry.category}' in its mask",
            )
        path = (folder / f"{split}_masks" / image.file).with_suffix(".png")
        content = io.BytesIO()
        Image.fromarray(values).save(content, "PNG")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.getvalue())
        return None

    with writing(folder, "a mask"):
        for done, problem in enumerate(in_threads(write, len(images)), start=1):
            if problem is not None:
                report(*problem)
            if progress is not None:
                progress(f"{split} masks", done, len(images))


def _mask_values(entry: LabelledImage) -> ByteArray:
    """The mask of an entry, uint8 [H, W]: the union of its objects, without the pixels to ignore."""
    values = np.where(covered_pixels(entry.source, entry.objects), np.uint8(OBJECT), np.uint8(0))
    if entry.source.ignore is not None:
        values[sized(entry.source.ignore(), entry.source)] = IGNORE
    return values
