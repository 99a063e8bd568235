"""The benchmark: splits, labels, boxes and masks of generated images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

import wsol
from wsol_sprites.render import CLASSES, SIZE, render

VERSION = 2
"""Increased with every change of a pixel; part of the fingerprint."""
COUNTS: dict[wsol.Split, int] = {"train": 800, "val": 160, "test": 320}
NUMBERS: dict[wsol.Split, int] = {"train": 0, "val": 1, "test": 2}


class SpritesOptions(wsol.Options):
    """Options of ``sprites``."""

    seed: int = wsol.option(0, "another seed gives other images", ge=0)


class Sprites(wsol.Benchmark):
    """Generated 72x72 images of one object whose eight classes differ in the hue of a small spot only; no download.

    A classifier needs the eyespot alone, and class activation maps miss the rest of the object: the difficulty of
    fine-grained photographs, at the cost of a minute on one processor core. Boxes and masks are exact.
    """

    name = "sprites"
    Options = SpritesOptions
    options: SpritesOptions
    metrics = ("maxboxaccv2", "pxap", "top1_cls")
    schedule = wsol.Schedule(epochs=16, decay_every=11, batch_size=32)
    split_sizes = (COUNTS["train"], COUNTS["val"], COUNTS["test"])
    resize = SIZE
    crop = 64
    licence = "generated; no rights attached"
    source = "Generated on use: nothing to get."

    def class_names(self) -> Sequence[str]:
        """Descriptions of the eyespot."""
        return CLASSES

    def images(self, split: wsol.Split) -> wsol.ImageList:
        """Generated images; classes alternate, so that every split is balanced."""
        count, seed = COUNTS[split], self.options.seed
        return wsol.ImageList(
            ids=[f"{split}/{index:04d}" for index in range(count)],
            labels=np.arange(count, dtype=np.int64) % len(CLASSES),
            load=partial(_image, seed, split),
            fingerprint=f"sprites-{VERSION}-seed{seed}-{split}",
        )

    def annotations(self, split: wsol.Split) -> wsol.Annotations:
        """Exact boxes and masks; raises UsageError for train, whose images have labels only."""
        if split == "train":
            raise wsol.UsageError("sprites: train has image labels only; boxes and masks exist for val and test")
        count, seed = COUNTS[split], self.options.seed
        masks = [_mask(seed, split, index) for index in range(count)]
        return wsol.Annotations(
            sizes=np.full((count, 2), SIZE, dtype=np.int64),
            boxes=[box_of(mask) for mask in masks],
            masks=lambda index: (masks[index], None),
        )


def _image(seed: int, split: wsol.Split, index: int) -> wsol.ByteArray:
    return render(seed, NUMBERS[split], index, index % len(CLASSES)).image


def _mask(seed: int, split: wsol.Split, index: int) -> wsol.BoolArray:
    return render(seed, NUMBERS[split], index, index % len(CLASSES)).mask


def box_of(mask: wsol.BoolArray) -> wsol.IntArray:
    """The box around a mask, int64 [1, 4]: x0, y0, x1, y1, the last column and row included."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return np.array([[columns[0], rows[0], columns[-1], rows[-1]]], dtype=np.int64)
