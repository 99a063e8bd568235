"""Annotations in a CSV file: several boxes an image, in whole pixels. The first line states the unit."""

from __future__ import annotations

from pathlib import Path

import wsol
from wsol_folder.images import Found


def read_boxes(
    path: Path, images: Found, sizes: wsol.IntArray, report: wsol.Report, *, exclusive: bool
) -> list[wsol.IntArray]:
    """Read the boxes of every image.

    Args:
        path: A box file in pixels; see :func:`wsol.read_box_rows`.
        images: The images.
        sizes: Widths and heights in pixels, int64 [N, 2]; 0 where unknown.
        report: Receives everything that is wrong, with file and line; such lines are left out.
        exclusive: Whether the file states the first pixel after the box.

    Returns:
        For each image int64 [G, 4], (x0, y0, x1, y1) in pixels, the last column and row included.
    """
    matcher = wsol.NameMatcher(images.names)
    boxes = wsol.BoxCollector(path, images.names, sizes, report, exclusive=exclusive, edges=True)
    seen = [False] * len(images.names)
    if not seen:
        return boxes.finish()  # reported; every line would be one of an unknown image
    try:
        for line in wsol.read_box_rows(path, "pixels", several=True)[1]:
            if matcher.find(line.image_id) is None and images.was_reported(line.image_id):
                continue
            if line.image_id:  # the line without an id is about the unit, which the collector checks
                row = _row(path, line, matcher, seen, report)
                if row is not None:
                    boxes.add(f"{path}:{line.line}", row, line.numbers)
            elif line.line > 1:
                report("bad line", str(wsol.DataError.at(path, line.line, "no image is named; write its path first")))
    except wsol.DataError as error:
        report("unreadable boxes", str(error))
        return boxes.finish()
    if not any(seen):
        report("missing line", f"{path}: no box of an image; each of the {len(seen)} images needs a line")
    for name in [name for name, found in zip(images.names, seen, strict=True) if any(seen) and not found]:
        report("missing line", f"{path}: no line for '{name}'")
    matcher.note_other_forms(str(path), report)
    return boxes.finish()


def _row(path: Path, line: wsol.BoxRow, matcher: wsol.NameMatcher, seen: list[bool], report: wsol.Report) -> int | None:
    """The image of a line with four numbers; None for any other line, which is reported.

    An image that is meant by a wrong line counts as seen, so that it is not reported a second time.
    """
    row = matcher.find(line.image_id)
    if row is None:
        meant, hint = matcher.near(line.image_id)
        text = f"there is no image '{wsol.shown(line.image_id)}'{hint}"
        report("unknown id", str(wsol.DataError.at(path, line.line, text)))
    else:
        meant = row
    if meant is not None:
        seen[meant] = True
    if row is None or len(line.numbers) == 4:
        return row
    text = f"'{wsol.shown(line.image_id)}' should be followed by four numbers, as in image_id,x0,y0,x1,y1"
    report("bad line", str(wsol.DataError.at(path, line.line, text)))
    return None
