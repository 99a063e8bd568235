"""The held-out part of train: fixed, balanced, and independent of the order of files."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys

import numpy as np
import pytest

import wsol

IDS = [f"train/{name}/{number}.jpg" for name in ("robin", "wren", "émeu") for number in range(20)]
LABELS = np.repeat(np.arange(3), 20)


def chosen(ids: list[str], labels: np.ndarray, per_class: int) -> set[str]:
    return {ids[row] for row in np.flatnonzero(wsol.hold_out(ids, labels, per_class))}


def test_exactly_these_images_are_held_out() -> None:
    """The order of ``printf %s ID | sha256sum | sort``."""
    assert chosen(IDS, LABELS, 2) == {
        "train/robin/18.jpg",
        "train/robin/17.jpg",
        "train/wren/12.jpg",
        "train/wren/3.jpg",
        "train/émeu/14.jpg",
        "train/émeu/18.jpg",
    }


def test_the_holdout_follows_the_documented_rule() -> None:
    for label in range(3):
        of_class = [image_id for image_id, own in zip(IDS, LABELS, strict=True) if own == label]
        by_hash = sorted(of_class, key=lambda image_id: hashlib.sha256(image_id.encode("utf-8")).hexdigest())
        assert chosen(IDS, LABELS, 7) & set(of_class) == set(by_hash[:7])


@pytest.mark.parametrize("per_class", [1, 5, 19])
def test_the_holdout_is_balanced(per_class: int) -> None:
    held = wsol.hold_out(IDS, LABELS, per_class)
    assert (held.dtype, held.shape) == (np.bool_, (60,))
    assert np.bincount(LABELS[held]).tolist() == [per_class] * 3


def test_does_not_depend_on_order_or_on_other_classes() -> None:
    expected = chosen(IDS, LABELS, 4)
    rows = list(range(len(IDS)))
    random.Random(0).shuffle(rows)
    assert chosen([IDS[row] for row in rows], LABELS[rows], 4) == expected
    few = LABELS == 1
    ids = [image_id for image_id, wanted in zip(IDS, few, strict=True) if wanted]
    assert chosen(ids, np.zeros(20, dtype=np.int64), 4) == {name for name in expected if "wren" in name}


def test_a_larger_holdout_contains_a_smaller_one() -> None:
    assert chosen(IDS, LABELS, 3) < chosen(IDS, LABELS, 4)


def test_is_the_same_in_another_process_with_another_hash_seed() -> None:
    script = f"import wsol; print(wsol.hold_out({IDS!r}, {LABELS.tolist()!r}, 5).nonzero()[0].tolist())"
    environment = {"PYTHONHASHSEED": "77", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(np.flatnonzero(wsol.hold_out(IDS, LABELS, 5)).tolist())


def test_images_of_unknown_class_are_not_held_out() -> None:
    labels = LABELS.copy()
    labels[:30] = -1
    assert np.bincount(labels[wsol.hold_out(IDS, labels, 3)]).tolist() == [0, 3, 3]


def test_every_class_keeps_an_image_for_training() -> None:
    with pytest.raises(wsol.DataError, match="class 0 has 20 images; 20 cannot be held out"):
        wsol.hold_out(IDS, LABELS, 20)
    with pytest.raises(wsol.DataError, match="an image id is repeated"):
        wsol.hold_out(["a", "a", "b"], [0, 0, 0], 1)
