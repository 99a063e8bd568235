"""One loop reads, localizes and classifies, for final runs and for other benchmarks alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wsol
from wsol.data.decoded import ImagesOnDemand
from wsol.data.views import SplitImages
from wsol.evaluation.predictions.store import ScoreStore
from wsol.inference.predict import input_batches, predict

COUNT, SIDE = 7, 8
CPU = torch.device("cpu")


class Mean(wsol.Method):
    """The mean over channels, and one logit a channel."""

    name = "mean"
    uses = frozenset()

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        return iter(())

    def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
        return images.mean(dim=1) + labels[:, None, None]

    def classify(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))


@pytest.fixture
def method() -> wsol.Method:
    return Mean(wsol.Options(), wsol.Parts(3, wsol.Schedule(1, 1), SIDE))


def load(i: int) -> wsol.Array:
    return np.random.default_rng(i).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def images() -> wsol.ImageList:
    return wsol.ImageList([f"{i}.jpg" for i in range(COUNT)], np.arange(COUNT) % 3, load, "seven")


def split(data: Any) -> SplitImages:
    return SplitImages(images().ids, images().labels, data)


def pixels() -> wsol.ByteArray:
    return np.stack([load(i).transpose(2, 0, 1) for i in range(COUNT)])


def test_batches_are_in_order_and_the_same_when_read_ahead(method: wsol.Method) -> None:
    from wsol.data.cache import Transform

    ahead = split(ImagesOnDemand(images(), Transform(SIDE)))
    for batch, again in zip(
        input_batches(method, split(pixels()), CPU, 3), input_batches(method, ahead, CPU, 3), strict=True
    ):
        assert batch.rows == again.rows
        assert torch.equal(batch.images, again.images)
        assert torch.equal(batch.labels, again.labels)
    assert [batch.rows for batch in input_batches(method, ahead, CPU, 3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_store_holds_maps_for_the_labels_and_logits(method: wsol.Method, tmp_path: Path) -> None:
    predict(method, split(pixels()), tmp_path / "a.maps", CPU, metadata={"split": "val"}, batch_size=3)
    store = ScoreStore.open(tmp_path / "a.maps")
    assert (store.ids, store.metadata) == (tuple(images().ids), {"split": "val"})
    assert store.logits is not None
    (batch,) = input_batches(method, split(pixels()), CPU, COUNT)
    for i in range(COUNT):
        np.testing.assert_array_equal(store.map(i), method.localize(batch.images, batch.labels, None)[i].numpy())
    np.testing.assert_allclose(store.logits, method.classify(batch.images), rtol=1e-6)


def test_another_function_may_localize_and_logits_may_be_left_out(method: wsol.Method, tmp_path: Path) -> None:
    data = split(pixels())
    predict(method, data, tmp_path / "a.maps", CPU, localize=lambda x, labels: x[:, 0], classify=False)
    store = ScoreStore.open(tmp_path / "a.maps")
    assert store.logits is None
    (batch,) = input_batches(method, data, CPU, COUNT)
    np.testing.assert_array_equal(store.map(5), batch.images[5, 0].numpy())


def test_output_of_another_shape_is_an_error_and_leaves_no_store(method: wsol.Method, tmp_path: Path) -> None:
    with pytest.raises(wsol.RunError, match=r"'mean': localize returned \(7, 3, 8, 8\), not \[B, h, w\] with B=7"):
        predict(method, split(pixels()), tmp_path / "a.maps", CPU, localize=lambda x, labels: x)
    assert list(tmp_path.iterdir()) == []


def test_images_of_a_split_are_opened_without_annotations(tmp_path: Path) -> None:
    class Blind(wsol.Benchmark):
        """Images alone."""

        name = "blind"
        metrics = ("gt_known",)
        schedule = wsol.Schedule(1, 1)
        resize, crop = SIDE, SIDE

        def class_names(self) -> list[str]:
            return ["a", "b", "c"]

        def images(self, split: wsol.Split) -> wsol.ImageList:
            return images()

        def annotations(self, split: wsol.Split) -> wsol.Annotations:
            raise AssertionError("no annotation may be read")

    benchmark = Blind()
    data = wsol.open_split(
        benchmark, "test", wsol.evaluation_protocol(benchmark, "wsoleval-v2"), wsol.ImageCache(tmp_path)
    )
    np.testing.assert_array_equal(data.images[[0, 6]], pixels()[[0, 6]])
