"""What the stages of a trial open, one after the other in one process."""

from __future__ import annotations

from typing import NamedTuple

from wsol.data.benchmark import Benchmark
from wsol.data.decoded import ImageCache
from wsol.data.views import SplitAnnotations, SplitImages, TrainData, open_annotations, open_split, open_train
from wsol.protocols import EvalProtocol


class Opened(NamedTuple):
    """What training, prediction and scoring see."""

    train: TrainData
    val: SplitImages
    truth: SplitAnnotations


def open_trial(benchmark: Benchmark, protocol: EvalProtocol, cache: ImageCache, *, search: bool = False) -> Opened:
    """Open train for a training, and the images and annotations of val for prediction and scoring."""
    train = open_train(benchmark, cache, search=search)
    return Opened(train, open_split(benchmark, "val", protocol, cache), open_annotations(benchmark, "val"))
