"""The generated benchmark: the same on every machine, balanced, exactly annotated, and hard for class maps."""

import hashlib

import numpy as np
import pytest

import wsol
from wsol_sprites import Sprites, wsol_benchmarks
from wsol_sprites.benchmark import COUNTS, SpritesOptions, box_of
from wsol_sprites.render import CLASSES, SIZE, render


@pytest.fixture(scope="module")
def sprites():
    return Sprites()


@pytest.fixture(scope="module")
def annotations(sprites):
    return sprites.annotations("test")


def digest(image_list, indices):
    return hashlib.sha256(b"".join(image_list.load(index).tobytes() for index in indices)).hexdigest()[:16]


def test_the_benchmark_is_registered():
    assert wsol_benchmarks() == [Sprites]
    assert Sprites.name == "sprites"


def test_pixels_never_change(sprites):
    assert digest(sprites.images("train"), range(6)) == "a850358530ed59f6"
    assert digest(sprites.images("test"), range(6)) == "7a84ffd5b2cb9de6"


def test_images_do_not_depend_on_the_order_of_loading(sprites):
    images = sprites.images("val")
    later = images.load(7)
    images.load(3)
    assert np.array_equal(images.load(7), later)


def test_a_seed_gives_other_images_and_another_fingerprint(sprites):
    other = Sprites(SpritesOptions(seed=1)).images("train")
    assert not np.array_equal(other.load(0), sprites.images("train").load(0))
    assert other.fingerprint != sprites.images("train").fingerprint


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_splits_have_their_size_and_are_balanced(sprites, split):
    images = sprites.images(split)
    assert len(images) == len(set(images.ids)) == COUNTS[split]
    assert set(np.bincount(images.labels)) == {COUNTS[split] // len(sprites.class_names())}
    image = images.load(0)
    assert (image.shape, image.dtype) == ((SIZE, SIZE, 3), np.uint8)


def test_splits_share_no_image(sprites):
    loaded = [sprites.images(split).load(index).tobytes() for split in COUNTS for index in range(40)]
    assert len(set(loaded)) == len(loaded)


def test_the_label_changes_nothing_but_the_mark():
    sprites = [render(0, 0, 5, label) for label in range(len(CLASSES))]
    rim = sprites[0].mark.copy()
    rim[1:] |= sprites[0].mark[:-1]
    rim[:-1] |= sprites[0].mark[1:]
    rim[:, 1:] |= sprites[0].mark[:, :-1]
    rim[:, :-1] |= sprites[0].mark[:, 1:]
    for sprite in sprites[1:]:
        changed = (sprite.image != sprites[0].image).any(2)
        assert changed.any()
        assert not (changed & ~rim).any()
        assert np.array_equal(sprite.mask, sprites[0].mask)


def test_the_mark_is_a_small_part_inside_the_object():
    for index in range(60):
        sprite = render(0, 2, index, index % 8)
        assert not (sprite.mark & ~sprite.mask).any()
        assert 12 <= sprite.mark.sum() <= 0.1 * sprite.mask.sum()


def test_boxes_are_exact(sprites, annotations):
    for index in range(40):
        foreground, ignore = annotations.masks(index)
        ((x0, y0, x1, y1),) = annotations.boxes[index]
        assert ignore is None
        assert foreground[y0 : y1 + 1, x0 : x1 + 1].sum() == foreground.sum()
        for edge in (foreground[y0, :], foreground[y1, :], foreground[:, x0], foreground[:, x1]):
            assert edge.any()
    assert annotations.sizes.tolist() == [[SIZE, SIZE]] * COUNTS["test"]


def test_box_of_a_known_mask():
    mask = np.zeros((5, 6), dtype=bool)
    mask[2:4, 1:5] = True
    assert box_of(mask).tolist() == [[1, 2, 4, 3]]


def test_objects_are_whole_and_of_many_sizes(annotations):
    boxes = np.concatenate(annotations.boxes)
    assert boxes.min() >= 1
    assert boxes.max() <= SIZE - 2
    area = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1) / SIZE**2
    assert area.min() < 0.12
    assert area.max() > 0.4


def test_centred_squares_score_low(annotations):
    x0, y0, x1, y1 = np.concatenate(annotations.boxes).T + np.array([[0], [0], [1], [1]])
    rates = []
    for half in range(2, SIZE // 2 + 1):
        low, high = SIZE // 2 - half, SIZE // 2 + half
        width = np.clip(np.minimum(x1, high) - np.maximum(x0, low), 0, None)
        height = np.clip(np.minimum(y1, high) - np.maximum(y0, low), 0, None)
        shared = width * height
        rates.append(np.mean(shared / ((x1 - x0) * (y1 - y0) + 4 * half**2 - shared) >= 0.5))
    assert max(rates) < 0.25


def test_train_has_no_annotations(sprites):
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        sprites.annotations("train")
