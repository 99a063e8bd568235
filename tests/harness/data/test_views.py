"""The data that a stage gets, and that no other data can be reached from them."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wsol
from tests.support.data_sets import Boxes, Masks, write_data, write_masks
from tests.support.views import open_trial
from wsol.data.benchmark import Annotations, Benchmark, ImageList
from wsol.data.cache import Transform
from wsol.data.decoded import ImageCache
from wsol.data.files import ImageFiles, MaskFiles
from wsol.data.views import evaluation_transform, fill_cache, open_annotations, open_split, open_train
from wsol.protocols import get_protocol
from wsol.training.loader import TrainLoader, normalize_images
from wsol_sprites import Sprites

PROTOCOL = get_protocol("wsoleval-v2")
CPU = torch.device("cpu")


@pytest.fixture(params=["boxes", "masks", "sprites"])
def benchmark(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    if request.param == "sprites":
        monkeypatch.setattr("wsol_sprites.benchmark.COUNTS", {"train": 16, "val": 8, "test": 8})
        return Sprites()
    write, cls = {"boxes": (write_data, Boxes), "masks": (write_masks, Masks)}[request.param]
    return cls(wsol.BenchmarkOptions(root=str(write(tmp_path / "data"))))


def neighbours(value: Any) -> Iterator[Any]:
    """All that an object references: attributes, slots, items, closures, defaults, bound objects, array bases."""
    if isinstance(value, type | types.ModuleType):
        return
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    if isinstance(value, types.FunctionType):
        yield from (cell.cell_contents for cell in value.__closure__ or ())
        yield from value.__defaults__ or ()
        yield from (value.__kwdefaults__ or {}).values()
    for name in ("__self__", "__func__", "func", "args", "keywords", "base", "gi_frame"):
        if hasattr(value, name) and not isinstance(value, str | bytes | torch.Tensor):
            yield getattr(value, name)
    yield from getattr(value, "__dict__", {}).values()
    for cls in type(value).__mro__:
        for slot in cls.__dict__.get("__slots__", ()):
            if hasattr(value, slot):
                yield getattr(value, slot)
    if isinstance(value, np.ndarray) and value.dtype == object:
        yield from value.ravel().tolist()


def reachable(root: Any) -> list[Any]:
    seen: dict[int, Any] = {}
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            waiting.extend(neighbours(value))
    return list(seen.values())


def test_the_walk_finds_hidden_references() -> None:
    class Slotted:
        __slots__ = ("kept",)

    class Owner:
        def method(self) -> None:
            raise NotImplementedError

    secret = Owner()
    slotted = Slotted()
    slotted.kept = [{"deep": (lambda: secret,)}]
    assert any(found is secret for found in reachable(slotted))
    assert any(found is secret for found in reachable({"bound": secret.method}))
    array = np.arange(6)
    assert any(found is array for found in reachable([array[2:]]))


def forbidden(found: list[Any], annotations: bool) -> list[Any]:
    kinds: tuple[type, ...] = (Benchmark, ImageList, ImageFiles)
    return [value for value in found if isinstance(value, kinds + ((Annotations, MaskFiles) if annotations else ()))]


def texts(found: list[Any]) -> set[str]:
    return {value for value in found if isinstance(value, str)}


def image_ids(benchmark: Benchmark, split: wsol.Split) -> set[str]:
    return set(benchmark.images(split).ids)


def test_training_data_reference_nothing_else(benchmark: Benchmark, tmp_path: Path) -> None:
    data = open_trial(benchmark, PROTOCOL, ImageCache(tmp_path / "cache")).train
    for handed in (data, TrainLoader(data, (0.5,) * 3, (0.2,) * 3, CPU)):
        found = reachable(handed)
        assert forbidden(found, annotations=True) == []
        assert image_ids(benchmark, "train") <= texts(found)
        assert not texts(found) & (image_ids(benchmark, "val") | image_ids(benchmark, "test"))


def test_data_for_prediction_reference_no_annotation_and_no_other_split(benchmark: Benchmark, tmp_path: Path) -> None:
    found = reachable(open_split(benchmark, "val", PROTOCOL, ImageCache(tmp_path / "cache")))
    assert forbidden(found, annotations=True) == []
    assert image_ids(benchmark, "val") <= texts(found)
    assert not texts(found) & (image_ids(benchmark, "train") | image_ids(benchmark, "test"))


def test_data_for_scoring_reference_one_split(benchmark: Benchmark) -> None:
    data = open_annotations(benchmark, "val")
    found = reachable(data)
    assert forbidden(found, annotations=False) == []
    assert [value for value in found if isinstance(value, Annotations)] == [data.annotations]
    assert image_ids(benchmark, "val") <= texts(found)
    assert not texts(found) & (image_ids(benchmark, "train") | image_ids(benchmark, "test"))


def test_each_stage_reads_only_what_it_needs(tmp_path: Path) -> None:
    class Guarded(Boxes):
        """Records which splits are read."""

        asked: list[tuple[str, str]]

        def images(self, split: wsol.Split) -> ImageList:
            self.asked.append(("images", split))
            return super().images(split)

        def annotations(self, split: wsol.Split) -> Annotations:
            self.asked.append(("annotations", split))
            return super().annotations(split)

    benchmark = Guarded(wsol.BenchmarkOptions(root=str(write_data(tmp_path / "data"))))
    cache = ImageCache(tmp_path / "cache")
    for opened, expected in (
        (lambda: open_train(benchmark, cache), [("images", "train")]),
        (lambda: open_split(benchmark, "val", PROTOCOL, cache), [("images", "val")]),
        (lambda: open_split(benchmark, "test", PROTOCOL, cache), [("images", "test")]),
        (lambda: open_annotations(benchmark, "val"), [("annotations", "val")]),
        (lambda: fill_cache(benchmark, PROTOCOL, "test", tmp_path / "cache"), [("images", "test")]),
    ):
        benchmark.asked = []
        opened()
        assert sorted(benchmark.asked) == expected


def test_images_have_the_sides_of_the_benchmark(benchmark: Benchmark, tmp_path: Path) -> None:
    data = open_trial(benchmark, PROTOCOL, ImageCache(tmp_path))
    assert data.train.images.shape[2:] == (benchmark.resize,) * 2
    assert data.val.images.shape[2:] == (benchmark.crop,) * 2
    assert data.train.num_classes == len(benchmark.class_names())


def test_the_protocol_chooses_the_transform() -> None:
    sprites = Sprites()
    assert evaluation_transform(sprites, PROTOCOL) == Transform(64)
    assert evaluation_transform(sprites, get_protocol("legacy")) == Transform(72, 64)


def test_a_split_evaluates_in_the_order_of_its_images(tmp_path: Path) -> None:
    benchmark = Boxes(wsol.BenchmarkOptions(root=str(write_data(tmp_path / "data"))))
    data = open_split(benchmark, "test", PROTOCOL, ImageCache(tmp_path / "cache"))
    images = benchmark.images("test")
    assert list(data.ids) == list(images.ids)
    assert np.array_equal(data.images[[1]][0], Transform(8)(images.load(1)))
    assert data.fingerprint == images.fingerprint


def test_pixels_become_normalised_floats() -> None:
    pixels = np.array([0, 51, 255], dtype=np.uint8).reshape(1, 3, 1, 1)
    found = normalize_images(pixels, (0.5, 0.2, 0.0), (0.25, 0.1, 2.0), CPU)
    assert found.dtype == torch.float32
    assert torch.allclose(found.flatten(), torch.tensor([-2.0, 0.0, 0.5]), atol=1e-6)


def test_plain_batches_are_in_order_and_at_the_network_size(benchmark: Benchmark, tmp_path: Path) -> None:
    data = open_trial(benchmark, PROTOCOL, ImageCache(tmp_path)).train
    loader = TrainLoader(data, (0.5,) * 3, (0.2,) * 3, CPU)
    batches = list(loader.batches(batch_size=3))
    assert torch.cat([batch.labels for batch in batches]).tolist() == data.labels.tolist()
    assert torch.cat([batch.index for batch in batches]).tolist() == list(range(len(loader)))
    assert {tuple(batch.images.shape[1:]) for batch in batches} == {(3, benchmark.crop, benchmark.crop)}
    (chosen,) = loader.batches([2, 0])
    assert torch.equal(chosen.images[1], batches[0].images[0])
    assert chosen.targets.argmax(1).tolist() == chosen.labels.tolist()


def test_training_batches_carry_boxes_along(benchmark: Benchmark, tmp_path: Path) -> None:
    data = open_trial(benchmark, PROTOCOL, ImageCache(tmp_path)).train
    loader = TrainLoader(data, (0.5,) * 3, (0.2,) * 3, CPU)
    boxes = torch.arange(4.0 * len(loader)).reshape(-1, 4)
    rows = [torch.tensor([3, 1]), torch.tensor([0])]
    flip = wsol.HorizontalFlip()
    batches = list(loader.training_batches(rows, [], torch.Generator(), boxes))
    assert [batch.boxes.tolist() for batch in batches] == [boxes[index].tolist() for index in rows]
    assert batches[0].images.shape[2:] == (benchmark.resize,) * 2
    flipped = next(iter(loader.training_batches(rows, [flip], torch.Generator().manual_seed(0), boxes / 100)))
    turned = [not torch.equal(a, b) for a, b in zip(flipped.images, batches[0].images, strict=True)]
    assert turned == [bool(a) for a in (flipped.boxes != boxes[rows[0]] / 100).any(1)]
