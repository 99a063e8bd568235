"""Hints for formats that are not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from wsol.data.importing.csv_columns import names_box
from wsol.data.importing.csv_rows import read_rows
from wsol.data.importing.walk import files_below
from wsol.errors import DataError

_MARKS: tuple[tuple[tuple[str, ...], bytes, str], ...] = (
    ((".xml",), rb"<annotations[\s>]", "CVAT's XML; export it as COCO or Pascal VOC"),
    ((".json",), rb'"(?:imageData|shapes)"\s*:', "LabelMe's JSON; convert it to COCO with its own script labelme2coco"),
    ((".json", ".csv"), rb"region_shape_attributes|_via_|shape_attributes", "VIA's export; export it as COCO"),
    ((".json",), rb'"(?:from_name|rectanglelabels)"', "Label Studio's JSON; export it as COCO, YOLO or Pascal VOC"),
    ((".tfrecord", ".record"), b"", "TFRecord; export it in another format"),
)
"""Endings, what a file contains at its start, and what to do."""
SNIFFED = 20
"""Most files of an ending that are opened."""


def unread_format(source: Path) -> str:
    """Name a known format of annotations that is not read.

    Args:
        source: The folder, or the file with the annotations.

    Returns:
        What the first such file seems to be, and what to do; empty where there is none.
    """
    for endings, mark, advice in _MARKS:
        files = [source] if source.is_file() else files_below(source, *endings)
        for path in files[:SNIFFED]:
            if path.name.lower().endswith(endings) and re.search(mark, _start(path)):
                return f"{path} looks like {advice}"
    return _unnamed_table([source] if source.is_file() else files_below(source, ".csv", ".tsv"))


def _unnamed_table(tables: Sequence[Path]) -> str:
    """What to do about a table of boxes whose header names no image in a known way."""
    for path in tables[:SNIFFED]:
        try:
            (_, header), *_ = read_rows(path, None, "latin-1")[0]
        except DataError:
            continue
        if names_box(header):
            return f"{path} has boxes; --format csv reads it if --set image_column=NAME names the column of images"
    return ""


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2**16)
    except OSError:
        return b""
