"""Boxes written in a format and read again have the same edges."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.data.importing.sources import WRITERS, Drawn, edges, read
from wsol.data.importing.rounding import whole_pixels


@st.composite
def drawings(draw: st.DrawFn) -> Drawn:
    width, height = draw(st.integers(2, 300)), draw(st.integers(2, 300))
    objects = []
    for _ in range(draw(st.integers(1, 4))):
        x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        x1, y1 = draw(st.integers(x0, width - 1)), draw(st.integers(y0, height - 1))
        objects.append((draw(st.sampled_from(["cat", "Große Katze", "dog"])), (x0, y0, x1, y1)))
    return Drawn("", (width, height), objects)


@pytest.mark.parametrize("format", WRITERS)
@settings(max_examples=12)
@given(drawn=st.lists(drawings(), min_size=1, max_size=3))
def test_boxes_are_read_as_they_were_written(format: str, drawn: list[Drawn]) -> None:
    for place, image in enumerate(drawn):
        image.name = f"{place}.png"
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[format](Path(folder), drawn)
        found, heard = read(Path(folder), **({"unit": "pixels"} if format == "csv" else {}))  # boxes of one pixel
    assert heard.problems == []
    for image in drawn:
        objects = found[image.name].objects
        assert [item.category for item in objects] == [name for name, _ in image.objects]
        for item, (_, box) in zip(objects, image.objects, strict=True):
            assert item.box is not None
            assert item.box == pytest.approx(edges(box), abs=0.001)
            assert whole_pixels(item.box, image.size) == whole_pixels(item.box, image.size, "inwards") == box
