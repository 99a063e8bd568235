"""COCO: boxes, polygons, run lengths, crowds, ids, names, broken files."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from tests.harness.data.importing.sources import Heard, read, write_image, write_text
from wsol.data.importing.coco_masks import decompressed, polygon_mask, read_segmentation, runs_edges
from wsol.data.importing.entry import SourceImage
from wsol.errors import DataError

SIZE = (40, 30)


def coco(*annotations: dict[str, object], images: list[dict[str, object]] | None = None) -> dict[str, object]:
    listed = images or [{"id": 1, "file_name": "1.jpg", "width": 40, "height": 30}]
    named = [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}]
    filled = [{"id": place, "image_id": 1, "category_id": 7, **item} for place, item in enumerate(annotations)]
    return {"images": listed, "annotations": filled, "categories": named}


def read_coco(folder: Path, content: dict[str, object] | str | bytes) -> tuple[dict[str, SourceImage], Heard]:
    write_image(folder / "images" / "1.jpg", SIZE)
    write_text(folder / "annotations" / "a.json", json.dumps(content) if isinstance(content, dict) else content)
    return read(folder, "coco")


def test_boxes_are_edges_with_fractions(tmp_path: Path) -> None:
    images, heard = read_coco(
        tmp_path, coco({"bbox": [1.5, 2, 10.25, 20]}, {"bbox": ["0", 0, 40, 30], "category_id": 8})
    )
    assert heard.problems == []
    assert [(item.category, item.box) for item in images["1.jpg"].objects] == [
        ("cat", (1.5, 2, 11.75, 22)),
        ("dog", (0, 0, 40, 30)),
    ]


def test_polygons_are_masks_of_cocos_own_code(tmp_path: Path) -> None:
    polygons = [[1, 1, 20, 1.5, 10, 15], [25, 20, 35, 20, 35, 29, 25, 29]]
    images, heard = read_coco(tmp_path, coco({"segmentation": polygons}))
    assert heard.problems == []
    (item,) = images["1.jpg"].objects
    assert item.box == (1, 1, 35, 29)
    assert item.mask is not None
    expected = np.logical_or.reduce([coco_mask.decode(r) for r in coco_mask.frPyObjects(polygons, 30, 40)])
    assert (item.mask() == expected).all()


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_run_lengths_are_read_as_pycocotools_reads_them(width: int, height: int, random: Random) -> None:
    rng = np.random.default_rng(random.randrange(2**32))
    mask = (rng.random((height, width)) < rng.random()).astype(np.uint8)
    packed = coco_mask.encode(np.asfortranarray(mask))
    text = packed["counts"].decode()
    runs = decompressed(text)
    assert runs is not None
    assert sum(runs) == width * height
    for counts in (text, runs):
        read_mask, found, problem = read_segmentation({"size": [height, width], "counts": counts}, "a")
        assert problem == ""
        assert (read_mask((width, height)) == mask.astype(bool)).all()
        if mask.any():
            ys, xs = np.nonzero(mask)
            assert found == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert runs_edges([width * height], height) == (0, 0, 0, 0)


def test_long_run_lengths_are_decoded(tmp_path: Path) -> None:
    mask = np.zeros((700, 900), dtype=np.uint8)
    mask[100:650, 20:880] = 1
    packed = coco_mask.encode(np.asfortranarray(mask))
    read_mask, _, problem = read_segmentation({"size": [700, 900], "counts": packed["counts"].decode()}, "a")
    assert problem == ""
    assert (read_mask((900, 700)) == mask).all()
    with pytest.raises(DataError, match=r"^a: a mask has 900 x 700 pixels, its image 900 x 701"):
        read_mask((900, 701))


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5]],
        [["a", 2, 3, 4, 5, 6]],
        [[1, 2, 3, 4, 5, float("nan")]],
        [1, 2, 3, 4, 5, 6],
        "text",
        {"counts": [5]},
        {"size": [2, 2], "counts": [5]},
        {"size": [2, 2], "counts": [-1, 5]},
        {"size": [2, 2], "counts": [1.5, 2.5]},
        {"size": [2, 2], "counts": "\x7f\x7f"},
        {"size": [2, 2], "counts": "P"},
        {"size": [2, 2], "counts": "o" * 500},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [2, 2]},
    ],
)
def test_broken_segmentations_are_problems(tmp_path: Path, value: object) -> None:
    _, heard = read_coco(tmp_path, coco({"segmentation": value}, {"bbox": [1, 1, 2, 2]}))
    assert heard.kinds() == ["bad mask"]
    assert "annotations[0] (id 0): the segmentation has" in heard.problems[0][1]


def test_a_polygon_far_outside_its_image_gives_the_part_inside() -> None:
    far = [[-1e12, -1e12, 1e12, -1e12, 1e12, 1e12, -1e12, 1e12]]
    assert polygon_mask(far, (4, 3)).all()


def test_crowds_are_pixels_to_ignore(tmp_path: Path) -> None:
    crowd = {"iscrowd": 1, "segmentation": {"size": [30, 40], "counts": [0, 60, 1140]}, "bbox": [0, 0, 2, 30]}
    region = {"ignore": 1, "bbox": [10.5, 0, 1, 2]}
    images, heard = read_coco(tmp_path, coco(crowd, region, {"bbox": [1, 1, 2, 2]}))
    assert heard.problems == []
    assert len(images["1.jpg"].objects) == 1
    expected = np.zeros((30, 40), dtype=bool)
    expected[:, :2] = expected[:2, 10:12] = True
    assert images["1.jpg"].ignore is not None
    assert (images["1.jpg"].ignore() == expected).all()
    assert ": 2 (" in heard.noted("ignored region")


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"bbox": [1, 1, 2]}, "bad box"),
        ({"bbox": [1, 1, 2, None]}, "bad box"),
        ({"bbox": [1, 1, 2, float("nan")]}, "bad box"),
        ({"bbox": [1, 1, 0, 5]}, "bad box"),
        ({"bbox": [1, 1, -2, 5]}, "bad box"),
        ({"bbox": [1, 1, 10**400, 5]}, "bad box"),
        ({}, "bad box"),
        ({"bbox": [1, 1, 2, 2], "image_id": 10**30}, "unknown id"),
        ({"bbox": [1, 1, 2, 2], "image_id": [1]}, "unknown id"),
        ({"bbox": [1, 1, 2, 2], "category_id": 99}, "unknown class"),
    ],
)
def test_wrong_annotations_are_problems_with_their_place(tmp_path: Path, item: dict[str, object], kind: str) -> None:
    _, heard = read_coco(tmp_path, coco({"bbox": [1, 1, 2, 2]}, item))
    assert heard.kinds() == [kind]
    assert "a.json: annotations[1] (id 1):" in heard.problems[0][1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"images": [], "annotations": [', "not a COCO file: Expecting value: line 1 column 32"),
        ('{"images": [{', "not a COCO file"),
        ('{"images": 1, "annotations": [], "categories": []}', "should be lists of objects"),
        ('{"images": [1], "annotations": [], "categories": []}', "should be lists of objects"),
        (b'{"images": "\xe9"}', "not UTF-8 text"),
        ('{"images": ' + "[" * 100_000, "nested too deeply|not a COCO file"),
        ('{"images": [{"id": ' + "9" * 5000 + "}]}", "not a COCO file"),
    ],
)
def test_broken_files_are_one_line(tmp_path: Path, content: str | bytes, words: str) -> None:
    _, heard = read_coco(tmp_path, content)
    assert heard.kinds() == ["nothing to import", "unreadable annotation"]
    assert heard.problems[0][1].startswith(f"{tmp_path}/annotations/a.json: ")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(heard.problems[0][1])


def test_images_of_a_file_without_id_name_or_with_one_twice(tmp_path: Path) -> None:
    listed = [
        {"id": 1, "file_name": "C:\\photos\\1.JPG"},
        {"id": "1", "file_name": "1.jpg"},
        {"file_name": "1.jpg"},
        {"id": 3},
        {"id": 4, "file_name": "gone.jpg"},
    ]
    images, heard = read_coco(tmp_path, coco({"bbox": [1, 1, 2, 2]}, images=listed))
    assert heard.kinds() == ["bad image", "bad image", "missing image", "missing image"]
    assert images["1.jpg"].objects
    assert "JPG → 1.jpg" in heard.noted("matched name")


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    images, heard = read_coco(tmp_path, json.dumps(coco({"bbox": [1, 1, 2, 2]})).encode("utf-8-sig"))
    assert heard.problems == []
    assert images["1.jpg"].objects


def test_files_of_splits_beside_their_images(tmp_path: Path) -> None:
    for folder in ("train", "valid", "test"):
        write_image(tmp_path / folder / "a b.jpg", SIZE)
        content = coco({"bbox": [1, 1, 2, 2]}, images=[{"id": 1, "file_name": "a%20b.jpg"}])
        write_text(tmp_path / folder / "_annotations.coco.json", json.dumps(content))
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [image.split for image in images.values()] == ["test", "train", "val"]


def test_the_official_layout_and_other_json_files(tmp_path: Path) -> None:
    for part in ("train2017", "val2017"):
        write_image(tmp_path / part / "1.jpg", SIZE)
        write_text(tmp_path / "annotations" / f"instances_{part}.json", json.dumps(coco({"bbox": [1, 1, 2, 2]})))
    captions = {"images": [{"id": 1}], "annotations": [{"caption": "a cat"}]}
    write_text(tmp_path / "annotations" / "captions_val2017.json", json.dumps(captions))
    write_text(tmp_path / "settings.json", "{}")
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [(name, image.split) for name, image in images.items()] == [
        ("train2017/1.jpg", "train"),
        ("val2017/1.jpg", "val"),
    ]
    assert "captions_val2017.json" in heard.noted("other file")
    one, _ = read(tmp_path / "annotations" / "instances_val2017.json")
    assert [name for name, image in one.items() if image.objects] == ["val2017/1.jpg"]


def test_corners_in_the_place_of_sizes_are_recognised(tmp_path: Path) -> None:
    corners = [{"bbox": [20, 10, 38, 28]}, {"bbox": [5, 15, 38, 29]}, {"bbox": [1, 1, 8, 9]}]
    _, heard = read_coco(tmp_path, coco(*corners))
    assert heard.kinds() == ["bad box", "bad box", "other box format"]
    assert "look like corners (x0, y0, x1, y1), not (x, y, width, height)" in heard.problems[0][1]
