"""What each stage gets: plain arrays, without a reference to the benchmark or to another split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from wsol.arrays import IntArray
from wsol.data.benchmark import Annotations, Benchmark, ImageList, ImageTable
from wsol.data.cache import OnDecoded, Transform, cached_images, default_cache, missing_bytes, reserve
from wsol.data.decoded import DEFAULT_CACHE, DecodedImages, ImageCache
from wsol.data.digests import annotation_data, digested, image_data
from wsol.errors import DataError
from wsol.protocols import EvalProtocol, get_protocol
from wsol.records import SplitData
from wsol.split_names import EvalSplit, Split

L = TypeVar("L", ImageList, ImageTable)


@dataclass(frozen=True)
class TrainData:
    """The training split: images at the training resolution, and labels.

    Attributes:
        ids: Image ids.
        labels: Classes, int64 [N].
        images: Decoded images, uint8 [N, 3, S, S].
        num_classes: Number of classes, C.
        crop: Side of a network input in pixels.
        fingerprint: Identifies the content.
        on_device: Whether to keep all images on the device that trains.
    """

    ids: Sequence[str]
    labels: IntArray
    images: DecodedImages
    num_classes: int
    crop: int
    fingerprint: str
    on_device: bool = False

    def identity(self) -> SplitData:
        """What identifies labels and images; the images only once each of them was read."""
        return image_data(self.fingerprint, self.ids, self.labels, self.images.digest())


@dataclass(frozen=True)
class SplitImages:
    """The images of a split and their labels, without any annotation.

    Attributes:
        ids: Image ids.
        labels: Classes, int64 [N].
        images: Decoded images after the protocol's test transform, uint8 [N, 3, S, S].
        fingerprint: Identifies the content of the images.
    """

    ids: Sequence[str]
    labels: IntArray
    images: DecodedImages
    fingerprint: str = ""

    def identity(self) -> SplitData:
        """What identifies labels and images; the images only once each of them was read."""
        return image_data(self.fingerprint, self.ids, self.labels, self.images.digest())


@dataclass(frozen=True)
class SplitAnnotations:
    """The annotations of a split, with the ids and labels that they belong to, without any image.

    Attributes:
        ids: Image ids.
        labels: Classes, int64 [N].
        annotations: Boxes or masks.
        fingerprint: Name of the split; the content of the images is no part of it.
    """

    ids: Sequence[str]
    labels: IntArray
    annotations: Annotations
    fingerprint: str

    def identity(self) -> SplitData:
        """What identifies labels and annotations; masks only once each of them was read."""
        return annotation_data(image_data(self.fingerprint, self.ids, self.labels), self.annotations)


def open_train(benchmark: Benchmark, cache: ImageCache = DEFAULT_CACHE, *, search: bool = False) -> TrainData:
    """Open the training split, for the stage that trains. Reads no annotation and no other split.

    Args:
        benchmark: The data set.
        cache: Where and how decoded images are kept.
        search: Whether this is for a trial; some benchmarks train trials on fewer images than final runs.

    Returns:
        Images and labels, without a reference to the benchmark.

    Raises:
        DataError: The data are missing or broken.
    """
    cache = cache.resolve(benchmark.cache)
    images = _not_empty(benchmark, "train", benchmark.training_images(search=search))
    classes = len(benchmark.class_names())
    if (largest := int(images.labels.max())) >= classes:
        where = f"{benchmark.name}: image '{images.ids[int(images.labels.argmax())]}' of train"
        raise DataError(f"{where} has class {largest}, but there are {classes} classes, counted from 0")
    return TrainData(
        ids=images.ids,
        labels=images.labels,
        images=cache.open(images, Transform(benchmark.resize)),
        num_classes=classes,
        crop=benchmark.crop,
        fingerprint=images.fingerprint,
        on_device=cache.mode == "device",
    )


def open_split(
    benchmark: Benchmark, split: Split, protocol: EvalProtocol, cache: ImageCache = DEFAULT_CACHE
) -> SplitImages:
    """Open the images of a split as the protocol's test transform gives them, for the stage that predicts.

    Reads no annotation. Test is opened only for a run of a sealed selection, see
    :func:`wsol.study.selection.check_opening`.

    Args:
        benchmark: The data set.
        split: The split.
        protocol: Its test transform is applied.
        cache: Where and how decoded images are kept.

    Returns:
        Ids, labels and images of the split.

    Raises:
        DataError: The images are missing or broken.
    """
    images = _not_empty(benchmark, split, benchmark.images(split))
    decoded = cache.resolve(benchmark.cache).open(images, evaluation_transform(benchmark, protocol))
    return SplitImages(images.ids, images.labels, decoded, images.fingerprint)


def open_annotations(benchmark: Benchmark, split: EvalSplit) -> SplitAnnotations:
    """Open the annotations of a split, for the stage that scores. Needs no image where its metadata name the images.

    Test is opened only for a run of a sealed selection, see :func:`wsol.study.selection.check_opening`.

    Args:
        benchmark: The data set.
        split: The split.

    Returns:
        Ids, labels and annotations of the split.

    Raises:
        DataError: The data are missing or broken.
    """
    table = named_images(benchmark, split)
    annotations = digested(benchmark.annotations(split), table.ids)
    return SplitAnnotations(table.ids, table.labels, annotations, table.fingerprint)


def named_images(benchmark: Benchmark, split: Split) -> ImageTable:
    """Ids and classes of a split, without its images where the benchmark knows them from its metadata.

    Args:
        benchmark: The data set.
        split: The split.

    Returns:
        The table, with a name of the split as its fingerprint where the benchmark gives none.

    Raises:
        DataError: The metadata are missing or broken, or the split is empty.
    """
    table = _not_empty(benchmark, split, benchmark.image_table(split))
    return replace(table, fingerprint=table.fingerprint or f"{benchmark.name}-{split}")


def _not_empty(benchmark: Benchmark, split: Split, images: L) -> L:
    if len(images) == 0:
        raise DataError(f"{benchmark.name}: the split '{split}' is empty")
    return images


def fill_cache(
    benchmark: Benchmark,
    protocol: EvalProtocol,
    split: Split,
    cache: Path | None = None,
    progress: OnDecoded | None = None,
) -> Path:
    """Decode the images of a split before their first use, without reading an annotation.

    Args:
        benchmark: The data set.
        protocol: Its test transform is applied to the images of val and test.
        split: The split.
        cache: Folder of the cache; None is the default one.
        progress: Called after each decoded image.

    Returns:
        The file of decoded images.

    Raises:
        DataError: An image is broken, or the disk is too small.
    """
    return cached_images(benchmark.images(split), _transform(benchmark, protocol, split), cache, progress).path


def reserve_cache(
    benchmark: Benchmark, protocol: EvalProtocol, splits: Sequence[Split], cache: Path | None = None
) -> tuple[Path, int]:
    """Check that the decoded images of several splits fit on the disk together.

    Args:
        benchmark: The data set.
        protocol: As in :func:`fill_cache`.
        splits: The splits to decode.
        cache: Folder of the cache; None is the default one.

    Returns:
        The cache's folder, and the number of bytes that :func:`fill_cache` still has to write.

    Raises:
        DataError: They do not fit; checking first saves hours of decoding before the last split fails.
    """
    folder = default_cache() if cache is None else cache
    sizes = [missing_bytes(benchmark.images(split), _transform(benchmark, protocol, split), folder) for split in splits]
    if any(sizes):
        reserve(folder, sum(sizes))
    return folder, sum(sizes)


def _transform(benchmark: Benchmark, protocol: EvalProtocol, split: Split) -> Transform:
    return Transform(benchmark.resize) if split == "train" else evaluation_transform(benchmark, protocol)


def evaluation_transform(benchmark: Benchmark, protocol: EvalProtocol) -> Transform:
    """A protocol's test transform at the sizes of a benchmark.

    Args:
        benchmark: Gives the sides to resize and crop to.
        protocol: Says whether to crop the centre.

    Returns:
        Resizing to the crop's side; or resizing to a larger side and cropping the centre.
    """
    if protocol.centre_crop:
        return Transform(benchmark.resize, benchmark.crop)
    return Transform(benchmark.crop)


def evaluation_protocol(benchmark: Benchmark, name: str) -> EvalProtocol:
    """A protocol at the sizes of a benchmark.

    Args:
        benchmark: Gives the sides to resize and crop to.
        name: Name of the protocol.

    Returns:
        The protocol. One that crops the centre takes both sides from the benchmark; one that does not keeps its own
        frame, independent of the size of the network's input.

    Raises:
        UsageError: There is no such protocol.
    """
    protocol = get_protocol(name)
    return protocol.at(benchmark.resize, benchmark.crop) if protocol.centre_crop else protocol
