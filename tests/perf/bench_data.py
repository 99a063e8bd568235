"""How fast images reach a network, and what a training step costs beside the network. Run by hand.

``python tests/perf/bench_data.py [--images 2048] [--device cpu] [--network resnet18] [--batch 32] [--steps 12]``

1. Data alone, cache warm, against torchvision's ImageFolder and DataLoader with the same transforms and two workers, on
   JPEGs of CUB's usual size (500x375); the bare reading of the memory map; the engine with a network that does nothing.
2. The engine's whole loop against the same steps on one batch that stays on the device; on the CPU also, by a profiler,
   the share of the loop that is data, augmentation and book-keeping.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import wsol
from wsol.data.benchmark import CacheMode
from wsol.data.cache import Transform
from wsol.data.decoded import ImageCache
from wsol.data.files import ImageFiles
from wsol.data.views import TrainData
from wsol.plugins import load_plugins
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader

RESIZE, CROP = 256, 224
CLASSES = 8


def write_images(root: Path, count: int) -> list[str]:
    """JPEGs of 500x375 that compress like photographs: smooth shapes under some noise."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        coarse = cv2.resize(
            rng.integers(0, 256, (12, 16, 3)).astype(np.uint8), (500, 375), interpolation=cv2.INTER_CUBIC
        )
        noisy = np.clip(coarse + rng.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8)
        path = root / f"class{i % CLASSES}" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])
        paths.append(str(path))
    return paths


def rate(batches: Callable[[], Iterator[int]], seconds: float = 3.0) -> float:
    """Images a second in the fastest of several passes, after one to warm up."""
    sum(batches())
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        images = sum(batches())
        best = max(best, images / (time.perf_counter() - started))
    return best


def image_folder(root: Path, batch: int) -> Callable[[], Iterator[int]]:
    """torchvision's way, workers kept alive between epochs."""
    steps = [v2.Resize((RESIZE, RESIZE)), v2.RandomCrop(CROP), v2.RandomHorizontalFlip(), v2.PILToTensor()]
    steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    loader = DataLoader(
        ImageFolder(str(root), v2.Compose(steps)), batch, shuffle=True, num_workers=2, persistent_workers=True
    )
    return lambda: (len(labels) for _, labels in loader)


class Data:
    """The same images read by the harness."""

    def __init__(self, paths: list[str], folder: Path, batch: int, device: torch.device) -> None:
        self.labels = np.arange(len(paths)) % CLASSES
        self.images = wsol.ImageList(paths, self.labels, ImageFiles(paths), "bench")
        self.folder, self.batch, self.device = folder, batch, device

    def loader(self, mode: CacheMode) -> TrainLoader:
        """Training images kept as ``mode`` says; two threads decode where they are not."""
        pixels = ImageCache(self.folder, mode, threads=2).open(self.images, Transform(RESIZE))
        data = TrainData(self.images.ids, self.labels, pixels, CLASSES, CROP, "bench", on_device=mode == "device")
        return TrainLoader(data, wsol.Method.image_mean, wsol.Method.image_std, self.device)

    def order(self) -> Iterator[Tensor]:
        """One epoch's index batches."""
        return iter(torch.randperm(len(self.labels)).split(self.batch))

    def batches(self, mode: CacheMode) -> Callable[[], Iterator[int]]:
        """What a method is fed: cropped, flipped, normalised."""
        loader, generator = self.loader(mode), torch.Generator()
        augmentations = [wsol.RandomCrop(CROP), wsol.HorizontalFlip()]

        def epoch() -> Iterator[int]:
            for batch in loader.training_batches(self.order(), augmentations, generator):
                yield len(batch.labels)

        return epoch

    def bare(self) -> Callable[[], Iterator[int]]:
        """Copies of random images out of the memory map, and nothing else."""
        pixels = ImageCache(self.folder, "memmap").open(self.images, Transform(RESIZE))
        return lambda: (len(pixels[rows.numpy()]) for rows in self.order())


class Nothing(wsol.Method):
    """A network that does nothing: what is left is the engine."""

    name = "nothing"
    Options = wsol.TrainingOptions

    def __init__(self, epochs: int, batch: int) -> None:
        super().__init__(wsol.TrainingOptions(lr=0.1), wsol.Parts(CLASSES, wsol.Schedule(epochs, epochs, batch), CROP))
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """One phase."""
        yield wsol.Phase(
            "nothing",
            step=lambda batch: iter([self.weight * 1]),
            groups=[wsol.ParameterGroup([self.weight])],
            sgd=self.options,
        )

    def localize(self, images: Tensor, labels: Tensor, extractor: wsol.Extractor | None) -> Tensor:
        """Never asked."""
        raise NotImplementedError


class Resident(TrainLoader):
    """Gives the first batch again and again: the network alone, in the same engine."""

    def __init__(self, loader: TrainLoader, batch: wsol.Batch, count: int) -> None:
        self.__dict__ |= loader.__dict__
        self.batch, self.count = batch, count

    def training_batches(self, *_: object) -> Iterator[wsol.Batch]:
        """``count`` times the same."""
        return iter([self.batch] * self.count)


def classifier(network: str, epochs: int, batch: int) -> wsol.Method:
    """CAM on ``network``, from scratch."""
    plugins = load_plugins()
    backbone = plugins.create("backbones", network, {"pretrained": False, "stride": 32})
    parts = wsol.Parts(
        CLASSES, wsol.Schedule(epochs, epochs, batch), CROP, backbone, plugins.create("poolings", "gap", {})
    )
    cam = plugins.get("methods", "cam")
    method: wsol.Method = cam(cam.Options(lr=1e-3), parts)
    return method


def epoch_seconds(method: wsol.Method, loader: TrainLoader, device: torch.device) -> list[float]:
    """Seconds of each epoch; losses are read at its end, so that the device has finished."""
    seconds: list[float] = []
    train(method, loader, TrainConfig("bench", 0, device, on_epoch=lambda log, _: seconds.append(log.seconds)))
    return seconds


def side_by_side(data: Data, rounds: int = 9) -> tuple[float, float]:
    """Images a second of batches alone and of the engine with a network that does nothing: medians of epochs in turn.

    Both spend most of their time on fresh memory, which the system gives at a speed that wanders within a minute.
    """
    loader, batches = data.loader("memmap"), data.batches("memmap")
    plain, engine = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        sum(batches())
        plain.append(len(data.labels) / (time.perf_counter() - started))
        engine.append(len(data.labels) / epoch_seconds(Nothing(1, data.batch), loader, data.device)[0])
    return float(np.median(plain[1:])), float(np.median(engine[1:]))


def data_alone(data: Data, root: Path) -> None:
    """The first table."""
    theirs = rate(image_folder(root, data.batch))
    rates = {mode: rate(data.batches(mode)) for mode in ("memmap", "ram", "none")}
    if data.device.type == "cuda":
        rates["device"] = rate(data.batches("device"))
    bare = rate(data.bare())
    plain, engine = side_by_side(data)
    print("| | images/s | |\n|---|---|---|")
    print(f"| ImageFolder + DataLoader, 2 workers | {theirs:.0f} | |")
    for mode, found in rates.items():
        print(f"| batches, cache {mode} | {found:.0f} | {found / theirs:.1f}x |")
    print(f"| batches, cache memmap, beside the engine | {plain:.0f} | |")
    print(f"| engine, network that does nothing | {engine:.0f} | {engine / plain:.0%} of those |")
    print(f"| memory map alone, bytes only | {bare:.0f} | |", flush=True)


def loop(data: Data, network: str, steps: int) -> None:
    """The second table."""
    loader = data.loader("memmap")
    batch = next(iter(loader.training_batches(data.order(), [wsol.RandomCrop(CROP)], torch.Generator())))
    per_epoch = len(list(data.order()))
    epochs = max(2, -(-steps // per_epoch)) + 1
    resident = min(
        epoch_seconds(classifier(network, epochs, data.batch), Resident(loader, batch, per_epoch), data.device)[1:]
    )
    whole = min(epoch_seconds(classifier(network, epochs, data.batch), loader, data.device)[1:])
    images = len(data.labels)
    print(f"\n{network}, batches of {data.batch}, {data.device}: whole loop {images / whole:.1f} images/s, ", end="")
    print(f"one resident batch {images / resident:.1f} images/s: {resident / whole:.1%}", flush=True)
    if data.device.type == "cpu":
        profile = cProfile.Profile()
        method = classifier(network, 1, data.batch)
        profile.enable()
        epoch_seconds(method, loader, data.device)
        profile.disable()
        print(f"not the network, by a profiler: {share_beside(profile):.2%} of an epoch")


NETWORK = {("method.py", "step"), ("_tensor.py", "backward"), ("optimizer.py", "wrapper")}
"""Forward pass and loss, backward pass, the optimizer's step."""


def share_beside(profile: cProfile.Profile) -> float:
    """Share of the time in ``_run_epoch`` that is not :data:`NETWORK`."""
    network = epoch = 0.0
    for (file, _, name), (_, _, _, seconds, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        network += seconds if (Path(file).name, name) in NETWORK else 0.0
        epoch += seconds if name == "_run_epoch" else 0.0
    return 1 - network / epoch


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--steps", type=int, default=12, help="training steps to measure, rounded up to whole epochs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, device = Path(folder) / "images", torch.device(given.device)
        root.mkdir()
        paths = write_images(root, given.images)
        data_alone(Data(paths, Path(folder) / "cache", given.batch, device), root)
        few = paths if device.type == "cuda" else paths[: given.batch * 4]
        loop(Data(few, Path(folder) / "few", given.batch, device), given.network, given.steps)


if __name__ == "__main__":
    main()
