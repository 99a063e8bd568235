"""Hints for formats that are not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from wsol.data.importing.csv_columns import missing_header, names_box
from wsol.data.importing.csv_rows import read_rows
from wsol.data.importing.mask_files import mask_files
from wsol.data.importing.walk import files_below
from wsol.errors import DataError

_NUMBER = rb"-?\d+(?:\.\d+)?"
_MARKS: tuple[tuple[tuple[str, ...], bytes, str], ...] = (
    ((".xml",), rb"<annotations[\s>]", "CVAT's XML; export it as COCO or Pascal VOC"),
    ((".json",), rb'"(?:imageData|shapes)"\s*:', "LabelMe's JSON; convert it to COCO with its own script labelme2coco"),
    ((".json", ".csv"), rb"region_shape_attributes|_via_|shape_attributes", "VIA's export; export it as COCO"),
    (
        (".json", ".csv", ".tsv"),
        rb'"(?:from_name|rectanglelabels|brushlabels|polygonlabels)"',
        "Label Studio's own export; export it as COCO, YOLO or Pascal VOC",
    ),
    ((".json",), rb'"classTitle"', "Supervisely's JSON; export it as COCO or Pascal VOC"),
    ((".json",), rb'"coordinates"\s*:\s*\{', "CreateML's JSON; export it as COCO"),
    ((".manifest", ".jsonl", ".ndjson"), b"", "a file with a JSON object a line; export it as COCO"),
    ((".tfrecord", ".record"), b"", "TFRecord; export it in another format"),
    (
        (".txt",),
        rb"\A(?:\w+:.*\s+)*(?:" + _NUMBER + rb"\s+){8}\S*[A-Za-z]",
        "oriented boxes of DOTA; export it as YOLO with oriented boxes in shares (YOLOv8 OBB), or as COCO",
    ),
    (
        (".txt",),
        rb"\A[A-Za-z]\w*\s+(?:" + _NUMBER + rb"\s+){13}",
        "KITTI's labels; convert them to COCO, YOLO or Pascal VOC",
    ),
    (
        (".txt",),
        rb"\A[A-Za-z][^\n]*?(?:\s" + _NUMBER + rb"){4}\s",
        "corners with names of classes, as OIDv4 writes them; convert them to Pascal VOC or CSV",
    ),
    (
        (".txt",),
        rb"\A\S+\.\w+\s(?:\d+,){4}\d+\s",
        "a list of images with boxes (keras-yolo3); convert it to YOLO with a file for each image, or to CSV",
    ),
)
"""Endings, what a file contains at its start, and what to do."""
SNIFFED = 20
"""Most files of an ending that are opened."""
MIN_COLUMNS = 3
"""Fewest columns of a table with an image, a class and a box."""


def unread_format(source: Path) -> str:
    """Name a known format of annotations that is not read, or what an import of the source lacks.

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
    if hint := _table([source] if source.is_file() else files_below(source, ".csv", ".tsv")):
        return hint
    masks = mask_files(source, None) if source.is_dir() else []
    return f"all images in it are masks, such as {masks[0]}; --images names the folder of the images" if masks else ""


def _table(tables: Sequence[Path]) -> str:
    """What to do about a table whose header names no image or no box in a known way."""
    for path in tables[:SNIFFED]:
        try:
            (_, header), *_ = read_rows(path, None, "latin-1")[0]
        except DataError:
            continue
        if hint := missing_header(header):
            return f"{path}: --format csv reads it, but it has {hint}"
        if names_box(header):
            return f"{path} has boxes; --format csv reads it if --set image_column=NAME names the column of images"
        if len(header) >= MIN_COLUMNS:
            options = "--set image_column=NAME, class_column=NAME and box_columns=[NAME,…]"
            return f"{path} is a table; if it has boxes, --format csv reads it with {options} of its columns"
    return ""


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2**16)
    except OSError:
        return b""
