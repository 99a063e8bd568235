"""Classes, labels, rounding and the choice of a format."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.data.importing.sources import WRITERS, Drawn, Heard, voc_xml, write_image, write_text
from wsol.data.importing.areas import boxes_area
from wsol.data.importing.classes import class_map, parse_class_options, rename_classes
from wsol.data.importing.entry import SourceImage, SourceObject
from wsol.data.importing.formats import FORMATS, detect_format, open_source
from wsol.data.importing.labelling import label_images
from wsol.data.importing.rounding import whole_pixels
from wsol.errors import DataError, UsageError


def image(name: str, *objects: tuple[str, tuple[float, float, float, float]]) -> SourceImage:
    return SourceImage(Path(name), name, (40, 30), tuple(SourceObject(*item) for item in objects))


SMALL, LARGE = (0.0, 0.0, 2.0, 2.0), (0.0, 0.0, 9.0, 9.0)


def test_classes_are_renamed_joined_and_dropped_with_counts() -> None:
    images = [image("a", ("tabby", SMALL), ("siamese", SMALL)), image("b", ("person", LARGE)), image("c")]
    heard = Heard()
    found = rename_classes(images, {"tabby": "cat", "siamese": "cat", "person": ""}, heard)
    assert [[item.category for item in entry.objects] for entry in found] == [["cat", "cat"], [], []]
    assert heard.problems == []
    assert "class 'tabby' → 'cat': 1 objects" in heard.noted("renamed class")
    assert "class 'person': 1 objects left out" in heard.noted("dropped class")


def test_unknown_and_similar_classes_are_problems() -> None:
    heard = Heard()
    images = [image("a", ("Cat", SMALL), ("cat ", SMALL), ("dog", SMALL))]
    rename_classes(images, {"dgo": "dog"}, heard)
    assert heard.kinds() == ["similar classes", "unknown class"]
    assert "did you mean 'dog'?" in heard.problems[0][1]
    heard = Heard()
    found = rename_classes(images, {"dog": "dog"}, heard, only_mapped=True)
    assert [item.category for item in found[0].objects] == ["dog"]
    assert heard.problems == []


def test_a_file_of_classes_and_options(tmp_path: Path) -> None:
    write_text(tmp_path / "map.txt", "# old=new\n\nn0=1=tench\r\ncat=\n")
    found = parse_class_options(["cat=Katze"], tmp_path / "map.txt")
    assert found == {"n0=1": "tench", "cat": "Katze"}
    for wrong in ("cat", "=cat", ""):
        with pytest.raises(UsageError, match="should be OLD=NEW"):
            class_map([("here", wrong)])
    write_text(tmp_path / "map.txt", "a=b\na=c\n")
    with pytest.raises(UsageError, match=r"map.txt:2: class 'a' is mapped to 'b' already"):
        parse_class_options([], tmp_path / "map.txt")


def test_images_with_several_classes() -> None:
    both = image("b.jpg", ("dog", SMALL), ("cat", SMALL), ("dog", SMALL), ("cat", LARGE))
    images = [image("a.jpg", ("dog", SMALL)), both, image("c.jpg")]
    heard = Heard()
    assert [(e.source.name, e.category, e.mark) for e in label_images(images, "skip", heard)] == [("a.jpg", "dog", "")]
    assert "c.jpg" in heard.noted("no object")
    assert "1 (b.jpg)" in heard.noted("several classes")
    heard = Heard()
    entries = label_images(images, "largest", heard)
    assert [(e.source.name, e.category, len(e.objects), e.mark) for e in entries] == [
        ("a.jpg", "dog", 1, ""),
        ("b.jpg", "cat", 2, ""),
    ]
    assert "boxes were used to make image labels" in heard.noted("several classes")
    entries = label_images(images, "each", Heard())
    assert [(e.category, len(e.objects), e.mark) for e in entries] == [
        ("dog", 1, ""),
        ("cat", 2, "#cat"),
        ("dog", 2, "#dog"),
    ]
    heard = Heard()
    assert label_images([both], "skip", heard) == []
    assert "choose largest or each" in heard.problems[0][1]


def masked(category: str, start: int, end: int) -> SourceObject:
    """An object whose mask has the pixels ``start`` to ``end - 1`` of 10 x 10, counted row by row."""
    pixels = np.arange(100).reshape(10, 10)
    return SourceObject(category, None, lambda: (start <= pixels) & (pixels < end))


def test_the_largest_class_of_masks_and_of_equal_areas() -> None:
    parts = (masked("b", 0, 5), masked("a", 10, 13), masked("a", 20, 24))
    entry = SourceImage(Path("x"), "x", (10, 10), parts)
    assert label_images([entry], "largest", Heard())[0].category == "a"
    equal = image("x", ("b", SMALL), ("a", SMALL))
    assert label_images([equal], "largest", Heard())[0].category == "a"


def test_what_several_objects_of_a_class_cover_counts_once() -> None:
    entry = image("x", ("a", (0, 0, 4, 4)), ("a", (0, 0, 4, 4)), ("a", (1, 1, 4, 4)), ("b", (5, 0, 10, 4)))
    assert label_images([entry], "largest", Heard())[0].category == "b"
    both = SourceImage(Path("x"), "x", (10, 10), (masked("a", 0, 5), masked("a", 1, 6), masked("b", 10, 18)))
    assert label_images([both], "largest", Heard())[0].category == "b"


@given(st.lists(st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(1, 8)] * 2), max_size=6))
def test_the_area_of_boxes_is_the_number_of_their_pixels(given: list[tuple[int, int, int, int]]) -> None:
    boxes = [(x, y, x + width, y + height) for x, y, width, height in given]
    pixels = {(x, y) for x0, y0, x1, y1 in boxes for x in range(x0, x1) for y in range(y0, y1)}
    assert boxes_area(boxes) == len(pixels)
    assert boxes_area([(x0 / 4, y0 / 4, x1 / 4, y1 / 4) for x0, y0, x1, y1 in boxes]) == len(pixels) / 16


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, float, float]:
    side = draw(st.integers(1, 50))
    ends = sorted(draw(st.lists(st.floats(0, side), min_size=2, max_size=2, unique=True)))
    return side, ends[0], ends[1]


@given(spans(), spans())
def test_rounding_keeps_a_pixel_inside_the_image(
    across: tuple[int, float, float], down: tuple[int, float, float]
) -> None:
    (width, x0, x1), (height, y0, y1) = across, down
    out = whole_pixels((x0, y0, x1, y1), (width, height))
    inside = whole_pixels((x0, y0, x1, y1), (width, height), "inwards")
    for first, last, side, start, end in ((out[0], out[2], width, x0, x1), (out[1], out[3], height, y0, y1)):
        assert 0 <= first <= last < side
        pixels = [p for p in range(side) if p + 1 > start + 0.02 and p < end - 0.02]  # clearly met by the box
        assert all(first <= pixel <= last for pixel in pixels)
        assert first > start - 1.02
        assert last < end + 1
    for first, last, side, start, end in (
        (inside[0], inside[2], width, x0, x1),
        (inside[1], inside[3], height, y0, y1),
    ):
        assert 0 <= first <= last < side
        whole = [p for p in range(side) if p >= start + 0.02 and p + 1 <= end - 0.02]
        assert all(first <= pixel <= last for pixel in whole)
        assert first == last or (first >= start - 0.02 and last + 1 <= end + 0.02)
    assert out[0] <= inside[0] <= inside[2] <= out[2]


def test_rounding_of_examples() -> None:
    assert whole_pixels((0.4, 0, 0.6, 1), (3, 1), "inwards") == (0, 0, 0, 0)
    assert whole_pixels((2.9999, 1.00001, 5.001, 3), (9, 9)) == (3, 1, 4, 2)
    assert whole_pixels((8.995, 0, 9, 9), (9, 9)) == (8, 0, 8, 8)
    assert math.prod(whole_pixels((0, 0, 1, 1), (1, 1))) == 0


def test_the_format_of_a_folder_is_found(tmp_path: Path) -> None:
    drawn = [Drawn("1.png", (40, 30), [("cat", (3, 3, 20, 20))])]
    for name, write in WRITERS.items():
        write(tmp_path / name, drawn)
        assert detect_format(tmp_path / name) == name
        assert open_source("auto", tmp_path / name, {}).name == name
    assert set(FORMATS) == {*WRITERS, "masks"}


def test_several_formats_no_format_and_formats_that_are_not_read(tmp_path: Path) -> None:
    drawn = [Drawn("1.png", (40, 30), [("cat", (3, 3, 20, 20))])]
    WRITERS["voc"](tmp_path / "both", drawn)
    WRITERS["csv"](tmp_path / "both", drawn)
    with pytest.raises(
        DataError, match=r"several formats: voc .*1\.xml.*, csv .*boxes\.csv.*; choose one with --format"
    ):
        detect_format(tmp_path / "both")
    write_image(tmp_path / "none" / "1.jpg")
    with pytest.raises(DataError, match="no annotations of a known format in it; --format names one: voc"):
        detect_format(tmp_path / "none")
    with pytest.raises(DataError, match="no such file or folder"):
        detect_format(tmp_path / "nowhere")
    write_text(tmp_path / "none" / "annotations.xml", '<?xml version="1.0"?>\n<annotations><version>1.1</version>')
    with pytest.raises(DataError, match="looks like CVAT's XML"):
        detect_format(tmp_path / "none")


def test_unknown_formats_and_options_are_usage_errors(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg")
    write_text(tmp_path / "1.xml", voc_xml("1.jpg", (40, 30), []))
    with pytest.raises(UsageError, match="format 'vok': no such format; did you mean 'voc'"):
        open_source("vok", tmp_path, {})
    with pytest.raises(UsageError, match="format 'voc': unknown key 'first_pixl'; did you mean 'first_pixel'"):
        open_source("voc", tmp_path, {"first_pixl": 1})
    with pytest.raises(UsageError, match="format 'voc': first_pixel"):
        open_source("auto", tmp_path, {"first_pixel": 2})


def test_a_table_without_a_known_column_of_images_is_a_hint(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg")
    write_text(tmp_path / "a.csv", "Bild;Klasse;xmin;ymin;xmax;ymax\n1.jpg;a;1;2;3;4\n")
    with pytest.raises(DataError, match=r"a\.csv has boxes; --format csv reads it if --set image_column=NAME"):
        detect_format(tmp_path)
