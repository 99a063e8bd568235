"""Small stores, annotations and components that the tests of evaluation share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import wsol
from wsol.arrays import Array, FloatArray
from wsol.evaluation.metric import ScoredImage
from wsol.evaluation.predictions.store import ScoreStore, StoreWriter


class MinMax(wsol.Normalizer):
    """Min-max."""

    name = "minmax"

    def __call__(self, score_map: FloatArray) -> FloatArray:
        low = score_map.min()
        return (score_map - low) / (score_map.max() - low)


class Hits(wsol.Metric):
    """Best rate over thresholds at IoU 0.5: the form of a box accuracy, without a plugin."""

    name = "hits"
    needs = frozenset({"boxes"})

    def observe(self, image: ScoredImage) -> Array:
        return image.hits(0.5)

    def value(self, total: Array, weight: Array, calibration: Any = None) -> Array:
        rates = 100.0 * np.asarray(total) / np.asarray(weight)[..., None]
        return rates.max(axis=-1) if calibration is None else rates[..., calibration]


class BestHits(Hits):
    """The same rate, with the threshold where it is highest."""

    def best_threshold(self, total: Array, weight: Array) -> float:
        return float(np.argmax(total)) / len(total)


class Carried(Hits):
    """The same rate at the column that was best on val."""

    name = "carried"

    def calibrate(self, total: Array, weight: Array) -> int:
        return int(np.argmax(total))


class MeanPeak(wsol.Metric):
    """Mean of the normalised map: an observation that is a float, whose sum depends on the order."""

    name = "mean_peak"
    needs = frozenset({"map"})

    def observe(self, image: ScoredImage) -> Array:
        assert image.score_map is not None
        return np.array([image.score_map.mean(), image.score_map.std()])

    def value(self, total: Array, weight: Array, calibration: Any = None) -> Array:
        return 100.0 * np.asarray(total)[..., 0] / np.asarray(weight)


class Known(wsol.Metric):
    """Share of images whose class has the highest logit."""

    name = "known"
    needs = frozenset({"logits"})

    def observe(self, image: ScoredImage) -> Array:
        return np.array([image.rank_of_label == 0])

    def value(self, total: Array, weight: Array, calibration: Any = None) -> Array:
        return 100.0 * np.asarray(total)[..., 0] / np.asarray(weight)


def image_ids(count: int) -> list[str]:
    return [f"class/{i:03d}.jpg" for i in range(count)]


def bumps(count: int, side: int = 8, seed: int = 0) -> FloatArray:
    """float64 [count, side, side]: one bump each, somewhere, and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    cx, cy = rng.uniform(0.2, 0.8, (2, count, 1, 1))
    return np.exp(-8 * ((x - cx) ** 2 + (y - cy) ** 2)) + 0.1 * rng.random((count, side, side))


def make_store(
    path: Path, maps: Any, labels: Sequence[int] | None = None, logits: Any = None, **options: Any
) -> ScoreStore:
    count = len(maps)
    with StoreWriter(path, **options) as writer:
        writer.append(image_ids(count), [i % 3 for i in range(count)] if labels is None else labels, maps, logits)
    return ScoreStore.open(path)


def boxes_in(count: int, box: tuple[int, int, int, int] = (20, 20, 79, 79), side: int = 100) -> wsol.Annotations:
    """The same box in ``count`` images of ``side`` x ``side`` pixels."""
    return wsol.Annotations(np.full((count, 2), side), [np.array([box])] * count)
