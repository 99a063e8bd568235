"""What each stage is handed: plain arrays, with no way back to the benchmark or to another split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.arrays import IntArray
from wsol.data.benchmark import Annotations, Benchmark, Split
from wsol.data.cache import OnDecoded, Transform, cached_images, default_cache, missing_bytes, reserve
from wsol.data.decoded import DEFAULT_CACHE, DecodedImages, ImageCache
from wsol.errors import DataError
from wsol.protocols import EvalProtocol, get_protocol


@dataclass(frozen=True)
class TrainData:
    """The training split: images at the training resolution and labels, nothing else."""

    ids: Sequence[str]
    labels: IntArray
    images: DecodedImages
    num_classes: int
    crop: int
    """Side of a network input in pixels."""
    fingerprint: str
    on_device: bool = False
    """Whether all images are to be kept on the device that trains."""


@dataclass(frozen=True)
class SplitImages:
    """The images of a split and their labels, without any annotation."""

    ids: Sequence[str]
    labels: IntArray
    images: DecodedImages


@dataclass(frozen=True)
class EvalData(SplitImages):
    """A split to evaluate on: images as the protocol's test transform gives them, labels and annotations."""

    annotations: Annotations
    fingerprint: str


@dataclass(frozen=True)
class SearchData:
    """What a trial sees."""

    train: TrainData
    val: EvalData


def open_search(
    benchmark: Benchmark,
    protocol: EvalProtocol,
    cache: ImageCache = DEFAULT_CACHE,
    *,
    search: bool = False,
) -> SearchData:
    """Open train without annotations, and val with them.

    Args:
        benchmark: The data set.
        protocol: Its test transform is applied to the images of val.
        cache: Where and how decoded images are kept.
        search: Whether this is for a trial; some benchmarks train trials on fewer images than final runs.

    Returns:
        Both splits, without a reference to the benchmark.

    Raises:
        DataError: The data are missing or broken.
    """
    cache = cache.resolve(benchmark.cache)
    images = benchmark.training_images(search=search)
    if len(images) == 0:
        raise DataError(f"{benchmark.name}: the split 'train' is empty")
    train = TrainData(
        ids=images.ids,
        labels=images.labels,
        images=cache.open(images, Transform(benchmark.resize)),
        num_classes=len(benchmark.class_names()),
        crop=benchmark.crop,
        fingerprint=images.fingerprint,
        on_device=cache.mode == "device",
    )
    return SearchData(train, load_eval(benchmark, "val", protocol, cache))


def open_split(
    benchmark: Benchmark, split: Split, protocol: EvalProtocol, cache: ImageCache = DEFAULT_CACHE
) -> SplitImages:
    """Open the images of a split as the protocol's test transform gives them. Reads no annotation.

    Raises:
        DataError: The images are missing or broken.
    """
    images = benchmark.images(split)
    return SplitImages(images.ids, images.labels, cache.open(images, evaluation_transform(benchmark, protocol)))


def load_eval(
    benchmark: Benchmark, split: Split, protocol: EvalProtocol, cache: ImageCache = DEFAULT_CACHE
) -> EvalData:
    """Open a split with its annotations; arguments and errors are those of :func:`open_search`.

    For test, only :func:`wsol.study.selection.open_test` calls this.
    """
    images = benchmark.images(split)
    if len(images) == 0:
        raise DataError(f"{benchmark.name}: the split '{split}' is empty")
    annotations = benchmark.annotations(split)
    return EvalData(
        ids=images.ids,
        labels=images.labels,
        images=cache.resolve(benchmark.cache).open(images, evaluation_transform(benchmark, protocol)),
        annotations=annotations,
        fingerprint=images.fingerprint,
    )


def fill_cache(
    benchmark: Benchmark,
    protocol: EvalProtocol,
    split: Split,
    cache: Path | None = None,
    progress: OnDecoded | None = None,
) -> Path:
    """Decode a split's images ahead of its first use; returns the file. Reads no annotation."""
    return cached_images(benchmark.images(split), _transform(benchmark, protocol, split), cache, progress).path


def reserve_cache(
    benchmark: Benchmark, protocol: EvalProtocol, splits: Sequence[Split], cache: Path | None = None
) -> tuple[Path, int]:
    """The cache's folder, and the bytes that :func:`fill_cache` has yet to write for ``splits``: 0 for what is there.

    Raises DataError where they do not fit together, so that nobody waits hours for the last split to be refused.
    """
    folder = default_cache() if cache is None else cache
    sizes = [missing_bytes(benchmark.images(split), _transform(benchmark, protocol, split), folder) for split in splits]
    if any(sizes):
        reserve(folder, sum(sizes))
    return folder, sum(sizes)


def _transform(benchmark: Benchmark, protocol: EvalProtocol, split: Split) -> Transform:
    return Transform(benchmark.resize) if split == "train" else evaluation_transform(benchmark, protocol)


def evaluation_transform(benchmark: Benchmark, protocol: EvalProtocol) -> Transform:
    """The protocol's test transform at the benchmark's own sides: squash to the crop, or squash larger and crop."""
    if protocol.centre_crop:
        return Transform(benchmark.resize, benchmark.crop)
    return Transform(benchmark.crop)


def evaluation_protocol(benchmark: Benchmark, name: str) -> EvalProtocol:
    """The protocol for a benchmark. Where it crops, frame and crop are the benchmark's; a squashed image's frame is
    always the protocol's, whatever the network's input."""
    protocol = get_protocol(name)
    return protocol.at(benchmark.resize, benchmark.crop) if protocol.centre_crop else protocol
