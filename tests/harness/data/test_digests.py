"""Hashes of labels, boxes, masks and pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsol.data.benchmark import Annotations, ImageList
from wsol.data.cache import DIGEST, Transform, cached_images
from wsol.data.decoded import ImageCache
from wsol.data.digests import ContentDigest, annotation_data, digested, image_data

COUNT = 12
IDS = [f"image/{i}" for i in range(COUNT)]
LABELS = np.arange(COUNT, dtype=np.int64) % 3


def pictures(change: int | None = None) -> list[np.ndarray]:
    images = [np.full((6, 8, 3), 10 + i, dtype=np.uint8) for i in range(COUNT)]
    if change is not None:
        images[change][3, 4, 1] += 200
    return images


def image_list(images: list[np.ndarray], fingerprint: str = "toy") -> ImageList:
    return ImageList(IDS, LABELS, lambda i: images[i], fingerprint)


def pixels(mode: str, folder: Path, images: list[np.ndarray], order: list[int] | None = None) -> str:
    opened = ImageCache(folder, mode=mode).open(image_list(images), Transform(8))
    for row in order or range(COUNT):
        opened[[row]]
    return opened.digest()


@pytest.mark.parametrize("mode", ["memmap", "ram", "device", "none"])
def test_every_mode_gives_the_same_hash_of_pixels_in_any_order(tmp_path: Path, mode: str) -> None:
    expected = pixels("ram", tmp_path, pictures())
    assert len(expected) == 16
    assert pixels(mode, tmp_path, pictures(), [*range(COUNT)][::-1]) == expected


@pytest.mark.parametrize("mode", ["memmap", "ram", "none"])
@pytest.mark.parametrize("changed", range(0, COUNT, 5))
def test_a_changed_pixel_is_another_hash(tmp_path: Path, mode: str, changed: int) -> None:
    before = pixels(mode, tmp_path / "a", pictures())
    assert pixels(mode, tmp_path / "b", pictures(changed)) != before


def test_two_exchanged_images_are_another_hash(tmp_path: Path) -> None:
    images = pictures()
    images[0], images[1] = images[1], images[0]
    assert pixels("ram", tmp_path, images) != pixels("ram", tmp_path, pictures())


def test_images_that_were_not_all_read_have_no_hash(tmp_path: Path) -> None:
    assert pixels("none", tmp_path, pictures(), [0, 1, 1, 2]) == ""


def test_a_warm_cache_reads_the_stored_hash(tmp_path: Path) -> None:
    made = cached_images(image_list(pictures()), Transform(8), tmp_path)
    stored = made.path.with_suffix(DIGEST)
    assert stored.read_text().split()[0] == made.digest()
    modified = stored.stat().st_mtime_ns
    assert cached_images(image_list([]), Transform(8), tmp_path).digest() == made.digest()
    assert stored.stat().st_mtime_ns == modified


@pytest.mark.parametrize("content", [None, "", "broken", "broken 1"])
def test_a_hash_that_is_not_stored_is_computed_from_the_cache(tmp_path: Path, content: str | None) -> None:
    made = cached_images(image_list(pictures()), Transform(8), tmp_path)
    stored = made.path.with_suffix(DIGEST)
    stored.unlink() if content is None else stored.write_text(content)
    assert cached_images(image_list([]), Transform(8), tmp_path).digest() == made.digest()
    assert stored.read_text().split()[0] == made.digest()


def test_an_edited_cache_is_another_hash(tmp_path: Path) -> None:
    made = cached_images(image_list(pictures()), Transform(8), tmp_path)
    content = bytearray(made.path.read_bytes())
    content[100] ^= 255
    made.path.write_bytes(bytes(content))
    assert cached_images(image_list([]), Transform(8), tmp_path).digest() != made.digest()


def test_labels_and_their_order_count() -> None:
    known = image_data("x", IDS, LABELS).labels
    assert image_data("y", IDS, LABELS).labels == known
    assert image_data("x", IDS, LABELS[::-1]).labels != known
    assert image_data("x", [*IDS[1:], IDS[0]], LABELS).labels != known
    assert image_data("x", IDS, LABELS.astype(np.int32)).labels == known


def annotations(**changes: object) -> Annotations:
    given = {
        "sizes": np.full((COUNT, 2), 8),
        "boxes": [np.array([[0, 0, i, i]]) for i in range(COUNT)],
        "masks": lambda i: (np.eye(8, dtype=bool) if i else np.zeros((8, 8), dtype=bool), None),
    }
    return digested(Annotations(**(given | changes)), IDS)


def read(found: Annotations, rows: range = range(COUNT)) -> tuple[str, str]:
    for row in rows:
        found.masks(row)
    data = annotation_data(image_data("x", IDS, LABELS), found)
    return data.boxes, data.masks


def test_boxes_and_masks_have_hashes_once_all_were_read() -> None:
    boxes, masks = read(annotations())
    assert len(boxes) == len(masks) == 16
    assert read(annotations(), range(COUNT - 1)) == (boxes, "")


@pytest.mark.parametrize("row", range(COUNT))
def test_every_changed_box_is_another_hash(row: int) -> None:
    boxes = [np.array([[0, 0, i, i]]) for i in range(COUNT)]
    boxes[row] = boxes[row] + [[0, 0, 0, 1]]
    assert read(annotations(boxes=boxes))[0] != read(annotations())[0]


def test_sizes_and_the_images_that_boxes_belong_to_count() -> None:
    known = read(annotations())[0]
    assert read(annotations(sizes=np.full((COUNT, 2), 9)))[0] != known
    boxes = [np.array([[0, 0, i, i]]) for i in range(COUNT)]
    moved = [np.concatenate([boxes[0], boxes[1]]), boxes[1][:0], *boxes[2:]]
    assert read(annotations(boxes=moved))[0] != known


@pytest.mark.parametrize(
    "other",
    [
        lambda i: (np.eye(8, dtype=bool), None),
        lambda i: (np.eye(8, dtype=bool) if i else np.zeros((8, 8), dtype=bool), np.zeros((8, 8), dtype=bool)),
        lambda i: ([np.eye(8, dtype=bool)] * 2 if i else [np.zeros((8, 8), dtype=bool)], None),
        lambda i: (np.eye(8, dtype=bool)[:4] if i else np.zeros((8, 8), dtype=bool), None),
    ],
)
def test_a_changed_mask_is_another_hash(other: object) -> None:
    assert read(annotations(masks=other))[1] != read(annotations())[1]


def test_an_image_that_is_added_twice_counts_once() -> None:
    digest = ContentDigest(["a", "b"])
    digest.add(0, b"1")
    digest.add(0, b"2")
    assert digest.value() == ""
    digest.add(1, b"3")
    other = ContentDigest(["a", "b"])
    other.add(1, b"3")
    other.add(0, b"1")
    assert digest.value() == other.value() != ""
