"""What each stage is handed: plain arrays, with no way back to the benchmark or to another split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.components import IntArray
from wsol.data.cache import CachedImages, Progress, Transform, cached_images
from wsol.data.splits import Annotations, Benchmark, Split
from wsol.errors import DataError

if TYPE_CHECKING:
    from wsol.evaluation.protocols import Protocol


@dataclass(frozen=True)
class TrainData:
    """The training split: images at the training resolution and labels, nothing else."""

    ids: Sequence[str]
    labels: IntArray
    images: CachedImages
    num_classes: int
    crop: int
    """Side of a network input in pixels."""
    fingerprint: str


@dataclass(frozen=True)
class EvalData:
    """A split to evaluate on: images as the protocol's test transform gives them, labels and annotations."""

    ids: Sequence[str]
    labels: IntArray
    images: CachedImages
    annotations: Annotations
    fingerprint: str


@dataclass(frozen=True)
class SearchData:
    """What a trial sees."""

    train: TrainData
    val: EvalData


def open_search(
    benchmark: Benchmark,
    protocol: Protocol,
    cache: Path | None = None,
    *,
    search: bool = False,
) -> SearchData:
    """Train without annotations, val with them. ``cache``: folder of decoded images (None: the default one).

    ``search``: for a trial, which some benchmarks train on fewer images than a final run. Raises DataError when the
    data are missing or broken.
    """
    images = benchmark.training_images(search=search)
    if len(images) == 0:
        raise DataError(f"{benchmark.name}: the split 'train' is empty")
    train = TrainData(
        ids=images.ids,
        labels=images.labels,
        images=cached_images(images, Transform(benchmark.resize), cache),
        num_classes=len(benchmark.class_names()),
        crop=benchmark.crop,
        fingerprint=images.fingerprint,
    )
    return SearchData(train, load_eval(benchmark, "val", protocol, cache))


def load_eval(benchmark: Benchmark, split: Split, protocol: Protocol, cache: Path | None = None) -> EvalData:
    """A split with its annotations. For test only :func:`wsol.study.seal.open_test` calls this."""
    images = benchmark.images(split)
    if len(images) == 0:
        raise DataError(f"{benchmark.name}: the split '{split}' is empty")
    annotations = benchmark.annotations(split)
    return EvalData(
        ids=images.ids,
        labels=images.labels,
        images=cached_images(images, evaluation_transform(benchmark, protocol), cache),
        annotations=annotations,
        fingerprint=images.fingerprint,
    )


def fill_cache(
    benchmark: Benchmark, protocol: Protocol, split: Split, cache: Path | None = None, progress: Progress | None = None
) -> Path:
    """Decode a split's images ahead of its first use; returns the file. Reads no annotation."""
    images = benchmark.images(split)
    transform = Transform(benchmark.resize) if split == "train" else evaluation_transform(benchmark, protocol)
    return cached_images(images, transform, cache, progress).path


def evaluation_transform(benchmark: Benchmark, protocol: Protocol) -> Transform:
    """The protocol's test transform at the benchmark's own sides: squash to the crop, or squash larger and crop."""
    if protocol.centre_crop:
        return Transform(benchmark.resize, benchmark.crop)
    return Transform(benchmark.crop)
