"""Cache modes of decoded images: the same bytes in the same order, and the same errors."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

import wsol
from wsol.data.benchmark import CacheMode
from wsol.data.cache import Transform
from wsol.data.decoded import ImageCache, ImagesOnDemand
from wsol.data.views import TrainData
from wsol.errors import DataError, UsageError
from wsol.training.loader import AHEAD, TrainLoader, normalised, read_ahead

COUNT, SIDE, CROP = 12, 10, 8
MODES: tuple[CacheMode, ...] = get_args(CacheMode)
CPU = torch.device("cpu")
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def picture(index: int) -> Any:
    return np.random.default_rng(index).integers(0, 256, (13, 17, 3)).astype(np.uint8)


def image_list(load: Any = picture) -> wsol.ImageList:
    return wsol.ImageList([str(i) for i in range(COUNT)], np.arange(COUNT) % 3, load, "pixels-test")


def loader(mode: CacheMode, folder: Path, threads: int = 1) -> TrainLoader:
    images = image_list()
    pixels = ImageCache(folder, mode, threads).open(images, Transform(SIDE))
    data = TrainData(images.ids, images.labels, pixels, 3, CROP, images.fingerprint, on_device=mode == "device")
    return TrainLoader(data, MEAN, STD, CPU)


def batches(view: TrainLoader, seed: int = 0) -> list[wsol.Batch]:
    rows = torch.randperm(COUNT, generator=torch.Generator().manual_seed(seed)).split(5)
    augmentations = [wsol.RandomCrop(CROP), wsol.HorizontalFlip()]
    return list(view.training_batches(rows, augmentations, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("mode", MODES)
def test_every_cache_mode_gives_the_same_bytes(mode: CacheMode, tmp_path: Path) -> None:
    pixels = ImageCache(tmp_path, mode).open(image_list(), Transform(SIDE))
    assert len(pixels) == COUNT
    found = pixels[[7, 0, 7]]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.stack([Transform(SIDE)(picture(i)) for i in (7, 0, 7)]))
    found[:] = 0  # a copy: what a batch does stays in the batch
    assert pixels[[7]].any()


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("mode", MODES)
def test_a_seed_gives_the_same_batches_in_every_cache_mode(mode: CacheMode, threads: int, tmp_path: Path) -> None:
    expected = batches(loader("memmap", tmp_path))
    found = batches(loader(mode, tmp_path, threads))
    assert [batch.index.tolist() for batch in found] == [batch.index.tolist() for batch in expected]
    assert all(torch.equal(a.images, b.images) for a, b in zip(found, expected, strict=True))
    assert not torch.equal(batches(loader(mode, tmp_path), seed=1)[0].images, expected[0].images)


def test_pixels_may_be_copied_before_they_are_normalised(tmp_path: Path) -> None:
    class Late(wsol.RandomCrop):
        """As the crop, but after the conversion."""

        geometric = False

    view = loader("memmap", tmp_path)
    rows = torch.arange(COUNT).split(5)
    late = view.training_batches(rows, [Late(CROP), wsol.HorizontalFlip()], torch.Generator().manual_seed(3))
    early = view.training_batches(
        rows, [wsol.RandomCrop(CROP), wsol.HorizontalFlip()], torch.Generator().manual_seed(3)
    )
    for a, b in zip(late, early, strict=True):
        assert a.images.dtype == b.images.dtype == torch.float32
        assert torch.equal(a.images, b.images)


def test_pixels_are_normalised_channel_by_channel() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3, 1)[None, :, :, None]
    expected = (pixels.double() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    assert torch.allclose(normalised(pixels, MEAN, STD).double(), expected, atol=1e-5)


def test_uncached_images_are_decoded_on_demand(tmp_path: Path) -> None:
    asked: list[int] = []

    def load(index: int) -> Any:
        asked.append(index)
        if index == 3:
            raise DataError("three.jpg: not a readable image")
        return picture(index)

    pixels = ImageCache(tmp_path, "none").open(image_list(load), Transform(SIDE))
    assert not asked
    assert pixels[[5, 2]].shape == (2, 3, SIDE, SIDE)
    assert sorted(asked) == [2, 5]
    with pytest.raises(DataError, match=r"three\.jpg"):
        pixels[[2, 3]]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["memmap", "ram", "device"])
def test_a_broken_image_is_an_error_before_the_first_batch(mode: CacheMode, tmp_path: Path) -> None:
    def load(index: int) -> Any:
        raise DataError("one.jpg: not a readable image")

    with pytest.raises(DataError, match=r"one\.jpg"):
        ImageCache(tmp_path, mode).open(image_list(load), Transform(SIDE))


def test_images_larger_than_the_memory_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 16)
    with pytest.raises(DataError, match="cache: memmap"):
        ImageCache(tmp_path, "ram").open(image_list(), Transform(SIDE))


def test_images_on_demand_may_not_reference_their_benchmark() -> None:
    class Own(wsol.Benchmark):
        """Loads images with a bound method."""

        name = "own"

        def class_names(self) -> list[str]:
            return []

        def images(self, split: wsol.Split) -> wsol.ImageList:
            return image_list(self.load)

        def annotations(self, split: wsol.Split) -> wsol.Annotations:
            raise NotImplementedError

        def load(self, index: int) -> Any:
            return picture(index)

    with pytest.raises(UsageError, match="memmap"):
        ImagesOnDemand(Own().images("train"), Transform(SIDE))


def test_reading_ahead_is_bounded() -> None:
    read: list[int] = []
    found = []
    for rows, value in read_ahead(lambda rows: read.append(int(rows)) or int(rows) * 10, torch.arange(9)):
        found.append((int(rows), value))
        assert len(read) <= len(found) + AHEAD
    assert found == [(i, 10 * i) for i in range(9)]


def test_an_error_while_reading_ahead_is_raised_and_leaves_no_thread() -> None:
    def read(rows: torch.Tensor) -> int:
        if int(rows) == 4:
            raise DataError("four.jpg")
        return int(rows)

    before = threading.active_count()
    ahead = read_ahead(read, torch.arange(9))
    assert [next(ahead)[1] for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"four\.jpg"):
        next(ahead)
    assert threading.active_count() == before


def test_stopping_early_leaves_no_thread() -> None:
    before = threading.active_count()
    ahead = read_ahead(lambda rows: rows, torch.arange(9))
    next(ahead)
    ahead.close()
    assert threading.active_count() == before
