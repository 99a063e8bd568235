"""Hints about the format of boxes: they are given for converted boxes, and not for right ones."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.paths import SHARED
from wsol.arrays import FloatArray, IntArray
from wsol.data.readers.box_collector import BoxCollector
from wsol.data.readers.box_formats import edge_hint, other_format
from wsol.data.readers.metadata import SplitFiles
from wsol.data.readers.problems import ignore_problem

Given = tuple[FloatArray, IntArray]
DATA = SHARED / "data"


def to_sizes(boxes: FloatArray, sizes: IntArray) -> FloatArray:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def to_centres(boxes: FloatArray, sizes: IntArray) -> FloatArray:
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def to_shares(boxes: FloatArray, sizes: IntArray) -> FloatArray:
    return boxes / np.concatenate([sizes, sizes], axis=1)


def to_yolo(boxes: FloatArray, sizes: IntArray) -> FloatArray:
    return to_shares(to_centres(boxes, sizes), sizes)


def to_rows(boxes: FloatArray, sizes: IntArray) -> FloatArray:
    return boxes[:, [1, 0, 3, 2]]


def to_ranges(boxes: FloatArray, sizes: IntArray) -> FloatArray:
    return boxes[:, [0, 2, 1, 3]]


CONVERSIONS: list[tuple[Callable[[FloatArray, IntArray], FloatArray], str]] = [
    (to_sizes, "look like (x, y, width, height), not corners"),
    (to_centres, "look like (x centre, y centre, width, height), not corners"),
    (to_shares, "look like shares of the width and height, not pixels"),
    (to_yolo, "look like shares of the width and height (centre, width and height, as in YOLO files), not pixels"),
    (to_rows, "look like (y0, x0, y1, x1), not corners"),
    (to_ranges, "look like (x0, x1, y0, y1), not corners"),
]


def random_boxes(seed: int) -> Given:
    """Right boxes of a data set: of few or many images of one or of several shapes, with small or large objects.

    Objects are as often left of the middle as right of it; vertically they may all be above or below it.
    """
    rng = np.random.default_rng(seed)
    count = int(rng.choice([1, 2, 3, 5, 10, 40, 200]))
    sizes = rng.integers(20, 600, (count, 2)) if rng.random() < 0.7 else np.full((count, 2), rng.integers(8, 300))
    sides = np.clip((sizes * rng.beta(*rng.uniform(0.5, 5, 2), (count, 2))).astype(int), 0, sizes - 1)
    place = rng.random((count, 2))
    place[:, 1] = place[:, 1] * rng.choice([1, 0.5]) + rng.choice([0, 0.5])
    starts = (np.clip(place, 0, 1) * (sizes - sides - 1)).astype(int)
    return np.concatenate([starts, starts + sides], axis=1).astype(float), sizes


@pytest.mark.parametrize("start", range(0, 4000, 1000))
def test_right_boxes_get_no_hint(start: int) -> None:
    for seed in range(start, start + 1000):
        boxes, sizes = random_boxes(seed)
        assert other_format(boxes, sizes) == "", seed


def test_right_boxes_with_one_wrong_one_get_no_hint() -> None:
    for seed in range(2000):
        boxes, sizes = random_boxes(seed)
        if len(boxes) > 2:
            boxes[seed % len(boxes)] = boxes[seed % len(boxes), [2, 3, 0, 1]] + 1
            assert other_format(boxes, sizes) == "", seed


def of_many_images(seed: int) -> Given:
    """Boxes of 30 to 230 images of several shapes, as of photographs."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(30, 230))
    sizes = rng.integers(100, 600, (count, 2))
    sides = (sizes * rng.uniform(0.05, 0.6, (count, 2))).astype(int)
    starts = (rng.random((count, 2)) * (sizes - sides - 1)).astype(int)
    return np.concatenate([starts, starts + sides], axis=1).astype(float), sizes


@pytest.mark.parametrize(("convert", "hint"), CONVERSIONS)
def test_converted_boxes_get_a_hint(convert: Callable[[FloatArray, IntArray], FloatArray], hint: str) -> None:
    for seed in range(100):
        boxes, sizes = of_many_images(seed)
        assert other_format(convert(boxes, sizes), sizes).startswith(hint), seed


def test_large_centred_objects_as_width_and_height_get_a_hint() -> None:
    """No box is reversed then; it would be scored at the wrong place without a problem."""
    rng = np.random.default_rng(0)
    starts = rng.integers(10, 30, (20, 2))
    boxes = np.concatenate([starts, rng.integers(60, 64, (20, 2))], axis=1).astype(float)
    assert "(x, y, width, height)" in other_format(boxes, np.full((20, 2), 100))
    assert other_format(boxes[:11], np.full((11, 2), 100)) == ""  # too few to be sure


@pytest.mark.parametrize("last", [0, 1])
def test_boxes_of_whole_images_or_with_equal_margins_get_no_hint(last: int) -> None:
    sizes = np.random.default_rng(0).integers(50, 100, (60, 2))
    for margin in (0, 7):
        boxes = np.concatenate([np.full((60, 2), margin), sizes - margin - last], axis=1).astype(float)
        assert other_format(boxes, sizes) == ""


def cub20(root: Path) -> Given:
    files = SplitFiles(root / "metadata" / "val", ignore_problem)
    sizes = files.sizes(files.ids())
    return np.concatenate(files.boxes(files.ids(), sizes)).astype(float), sizes


def tiny_imagenet(path: Path) -> Given:
    """The boxes of training images that the benchmark may hold out as val."""
    with zipfile.ZipFile(path) as archive:
        lists = [name for name in archive.namelist() if name.endswith("_boxes.txt")]
        rows = [row for name in lists for row in csv.reader(io.TextIOWrapper(archive.open(name)), delimiter="\t")]
    boxes = np.array([row[1:] for row in rows], dtype=float)
    return boxes, np.full((len(boxes), 2), 64)


def real_boxes() -> Iterator[Given]:
    if (DATA / "cub20").is_dir():
        yield cub20(DATA / "cub20")
    if (DATA / "tiny-imagenet-20.zip").is_file():
        yield tiny_imagenet(DATA / "tiny-imagenet-20.zip")


def test_real_boxes_get_a_hint_only_after_conversion() -> None:
    found = list(real_boxes())
    if not found:
        pytest.skip("needs cub20 or tiny-imagenet-20")
    for boxes, sizes in found:
        assert (other_format(boxes, sizes), edge_hint(boxes, sizes)) == ("", "")
        for convert, hint in CONVERSIONS:
            if len(set(map(tuple, sizes))) > 1 or convert is not to_rows:  # in squares, x and y can be exchanged
                assert other_format(convert(boxes, sizes), sizes).startswith(hint)


def test_edges_show_how_pixels_are_counted() -> None:
    boxes, sizes = of_many_images(3)
    boxes[:8, :2], boxes[:8, 2:] = 0, sizes[:8] - 1
    assert edge_hint(boxes, sizes) == ""
    after = boxes + np.array([0, 0, 1, 1])
    assert (
        edge_hint(after, sizes) == "seem to end after their last pixel: 16 values of x1 or y1 are the width or height"
    )
    assert edge_hint(boxes + 1, sizes).startswith("seem to count pixels from 1 (none begins at 0")
    after[2:] = boxes[2:]
    after[:2] = [[3, 3, 9, sizes[0, 1]], [3, 3, sizes[1, 0], 9]]
    assert edge_hint(after, sizes) == ""  # two are too few


def collect(
    boxes: list[tuple[float, ...]], size: tuple[int, int] = (30, 20), **options: bool
) -> list[tuple[str, str, bool]]:
    lines: list[tuple[str, str, bool]] = []

    def report(kind: str, message: str, *, note: bool = False) -> None:
        lines.append((kind, message, note))

    collector = BoxCollector(Path("val.csv"), ["a.jpg"], np.array([size]), report, **options)
    for number, box in enumerate(boxes, start=3):
        collector.add(f"val.csv:{number}", 0, box)
    (found,) = collector.finish()
    assert len(found) == len(boxes) - sum(kind == "bad box" for kind, _, _ in lines)
    return lines


THIN = "val.csv: 1 box is one pixel wide or high, such as (0, 0, 0, 0) of 'a.jpg'"


@pytest.mark.parametrize(
    ("boxes", "options", "expected"),
    [
        ([(1, 2, 5, 6)], {}, []),
        ([(1, 2, 30, 20)], {}, []),
        (
            [(1, 2, 5, 6)] * 2,
            {},
            [("repeated box", "val.csv: 1 box is repeated, such as (1, 2, 5, 6) of 'a.jpg' at", True)],
        ),
        ([(0, 0, 0, 0)], {}, [("thin box", THIN, True)]),
        ([(3, 2, 3, 6)], {"exclusive": True}, [("bad box", "has no pixel: it ends where it starts, and", False)]),
        ([(30, 2, 30, 6)], {}, [("bad box", "has no pixel inside the image of 30 x 20 pixels", False)]),
        ([(40, 2, 50, 6)], {}, [("bad box", "has no pixel inside the image of 30 x 20 pixels", False)]),
        ([(-5, 2, 6, 6)], {}, [("bad box", "is not inside the image of 30 x 20 pixels", False)]),
        ([(9, 2, 5, 6)], {}, [("bad box", "val.csv:3: box (9, 2, 5, 6) of 'a.jpg' ends before it starts", False)]),
        ([(float("nan"), 2, 5, 6)], {}, [("bad box", "box (nan, 2, 5, 6) of 'a.jpg' has a value that is not", False)]),
        ([(1, 2, 5, 1e300)], {}, [("bad box", "has a value that is too large for pixels", False)]),
        ([(1.5, 2, 5, 6)], {}, [("bad box", "should be whole numbers", False)]),
        ([(1, 2, 30, 6), (1, 3, 30, 7), (1, 4, 30, 8)], {"edges": True}, [("box format", "pixels from 1", True)]),
        ([(0, 2, 30, 6), (0, 3, 30, 7), (0, 4, 30, 8)], {"edges": True}, [("box format", "after their last", True)]),
        ([(0, 2, 30, 6), (0, 3, 30, 7), (0, 4, 30, 8)], {"edges": True, "exclusive": True}, []),
        ([(0, 2, 30, 6), (0, 3, 30, 7), (0, 4, 30, 8)], {}, []),
    ],
)
def test_each_finding_is_one_line(
    boxes: list[tuple[float, ...]], options: dict[str, bool], expected: list[tuple[str, str, bool]]
) -> None:
    lines = collect(boxes, **options)
    assert [(kind, note) for kind, _, note in lines] == [(kind, note) for kind, _, note in expected]
    for (_, message, _), (_, part, _) in zip(lines, expected, strict=True):
        assert part in message


def test_wrong_boxes_of_another_format_are_listed_and_then_named() -> None:
    lines = collect([(20, 10, 5, 4), (15, 9, 9, 8), (2, 2, 20, 15)])
    assert [kind for kind, _, _ in lines] == ["bad box", "bad box", "box format"]
    assert lines[-1][1].startswith("val.csv: its 3 boxes look like (x, y, width, height), not corners")
    shares = collect([(0.1, 0.2, 0.5, 0.6), (0, 0, 1, 1)])
    assert [kind for kind, _, _ in shares] == ["bad box", "box format"]
    assert shares[-1][1].endswith(
        "its 2 boxes look like shares of the width and height, not pixels; multiply them by the sizes"
    )
