"""The formats of annotations that can be imported, and which of them a source has."""

from __future__ import annotations

from pathlib import Path

from wsol.data.import_manifest import read_import_manifest
from wsol.data.importing.coco import CocoReader
from wsol.data.importing.csv_boxes import CsvReader
from wsol.data.importing.masks import MaskReader
from wsol.data.importing.source import SourceReader
from wsol.data.importing.unread import unread_format
from wsol.data.importing.voc import VocReader
from wsol.data.importing.yolo import YoloReader
from wsol.errors import DataError, UsageError
from wsol.options import OptionValues, suggest

FORMATS: dict[str, type[SourceReader]] = {
    reader.name: reader for reader in (VocReader, CocoReader, YoloReader, CsvReader, MaskReader)
}
"""Name on the command line → reader."""


def open_source(name: str, source: Path, values: OptionValues) -> SourceReader:
    """Open annotations.

    Args:
        name: A name of :data:`FORMATS`, or ``auto``.
        source: The folder, or the file with the annotations.
        values: Option of the format → value.

    Returns:
        A reader; its ``name`` is the format.

    Raises:
        UsageError: An unknown format or option, or a wrong value.
        DataError: The source is missing, its format is not clear, or an import wrote it.
    """
    if _is_imported(source):
        raise DataError(
            f"{source}: is a data set that 'wsol data import' wrote; use it as it is, with --root, or for another "
            "split import its source again"
        )
    if name == "auto":
        name = detect_format(source)
    if name not in FORMATS:
        raise UsageError(f"format '{name}': no such format{suggest(name, ['auto', *FORMATS])}")
    return FORMATS[name].from_values(source, values)


def detect_format(source: Path) -> str:
    """Name the one format that a source has.

    Args:
        source: The folder, or the file with the annotations.

    Raises:
        DataError: The source is missing, or has none or several of the formats.
    """
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    found = {name: shown for name, reader in FORMATS.items() if (shown := reader.recognise(source))}
    if len(found) == 1:
        return next(iter(found))
    if not found:
        hint = unread_format(source) or f"--format names one: {', '.join(FORMATS)}"
        raise DataError(f"{source}: no annotations of a known format in it; {hint}")
    both = ", ".join(f"{name} ({shown})" for name, shown in found.items())
    raise DataError(f"{source}: has annotations of several formats: {both}; choose one with --format")


def _is_imported(source: Path) -> bool:
    """Whether a folder has the manifest of an import, and not another file of that name."""
    try:
        return read_import_manifest(source) is not None
    except DataError:
        return False
