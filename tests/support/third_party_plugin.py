"""A plugin as third parties write it: one annotated component of every kind, with nothing imported but ``wsol``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wsol

SIDE = 32
COUNTS: dict[wsol.Split, int] = {"train": 16, "val": 8, "test": 8}
CLASSES = ("bright", "dark")


class Squares(wsol.Benchmark):
    """One bright or dark square on grey noise."""

    name = "squares"
    metrics = ("mean_iou", "top1_cls")
    schedule = wsol.Schedule(epochs=2, decay_every=2, batch_size=8)
    split_sizes = (16, 8, 8)
    resize = SIDE
    crop = SIDE
    source = "Generated on use."

    class Options(wsol.Options):
        """Options of the benchmark."""

        seed: int = wsol.option(0, "seed of the images", ge=0)

    options: Options

    def class_names(self) -> Sequence[str]:
        """The square's brightness."""
        return CLASSES

    def images(self, split: wsol.Split) -> wsol.ImageList:
        """Both classes in turn."""
        count = COUNTS[split]
        labels = np.arange(count, dtype=np.int64) % len(CLASSES)

        def load(i: int) -> wsol.ByteArray:
            image = self._rng(split, i).integers(96, 160, (SIDE, SIDE, 3)).astype(np.uint8)
            x0, y0, x1, y1 = self._box(split, i)[0]
            image[y0:y1, x0:x1] = 255 if labels[i] == 0 else 0
            return image

        ids = [f"{split}/{i}" for i in range(count)]
        return wsol.ImageList(ids, labels, load, fingerprint=f"squares-{self.options.seed}-{split}")

    def annotations(self, split: wsol.Split) -> wsol.Annotations:
        """Boxes of val and test."""
        if split == "train":
            raise wsol.UsageError("squares: train has image labels only")
        boxes = [self._box(split, i) for i in range(COUNTS[split])]
        return wsol.Annotations(sizes=np.full((len(boxes), 2), SIDE), boxes=boxes)

    def _rng(self, split: wsol.Split, i: int) -> np.random.Generator:
        return np.random.default_rng([self.options.seed, list(COUNTS).index(split), i])

    def _box(self, split: wsol.Split, i: int) -> wsol.IntArray:
        x, y, side = self._rng(split, i).integers(4, 14, 3)
        return np.array([[x, y, x + side, y + side]], dtype=np.int64)


class TwoLayers(wsol.Backbone):
    """Two strided convolutions without pretrained weights."""

    name = "two_layers"

    class Options(wsol.BackboneOptions):
        """Options of the backbone."""

        pretrained: bool = wsol.option(False, "there are no pretrained weights")
        width: int = wsol.option(8, "channels of the feature map", ge=1)

    options: Options

    def build(self) -> wsol.Features:
        """Units ``conv1`` and ``conv2``, one stage each."""
        half, width = max(1, self.options.width // 2), self.options.width
        units = {
            "conv1": nn.Sequential(nn.Conv2d(3, half, 3, stride=2, padding=1), nn.ReLU()),
            "conv2": nn.Sequential(nn.Conv2d(half, width, 3, stride=2, padding=1), nn.ReLU()),
        }
        stages = {name: name for name in units}
        return wsol.Features(units, stages, {"conv1": half, "conv2": width}, head_lr_units=units)


class PowerMean(wsol.Pooling):
    """The power mean of each channel, (mean of x^p)^(1/p)."""

    name = "power_mean"

    class Options(wsol.Options):
        """Options of the pooling."""

        p: float = wsol.hparam(3.0, wsol.uniform(1.0, 6.0), help="exponent", ge=1)

    options: Options

    def forward(self, features: Tensor) -> Tensor:
        """float [B, K, h, w] → float [B, K]."""
        p = self.options.p
        mean: Tensor = features.clamp(min=1e-6).pow(p).mean(dim=(2, 3)).pow(1 / p)
        return mean


class SquaredWeights(wsol.Extractor):
    """The class map with squared weights."""

    name = "squared_weights"

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → float [B, h, w]."""
        features = classifier.features(images)
        return torch.einsum("bk,bkhw->bhw", classifier.head.weight[labels].square(), features)


class Ranks(wsol.Normalizer):
    """The rank of each value, divided by the number of values less one."""

    name = "ranks"

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        """float64 [H, W] → float64 [H, W] in [0, 1]."""
        order = score_map.argsort(axis=None).argsort()
        ranks: wsol.FloatArray = order.reshape(score_map.shape) / (score_map.size - 1)
        return ranks


class MeanThreshold(wsol.BoxRule):
    """The largest contour above a multiple of the map's mean."""

    name = "mean_threshold"

    class Options(wsol.Options):
        """Options of the rule."""

        factor: float = wsol.option(1.0, "multiple of the mean", gt=0)

    options: Options

    def __call__(self, score_map: wsol.FloatArray) -> wsol.IntArray:
        """float64 [H, W] in [0, 1] → int64 [1, 4]."""
        share = min(self.options.factor * float(score_map.mean()) / float(score_map.max()), 0.99)
        return wsol.estimated_boxes(score_map, share, contours="largest")


class MeanIoU(wsol.Metric):
    """The mean of the best IoU over images, at half of the map's maximum."""

    name = "mean_iou"
    needs = frozenset({"boxes"})

    def observe(self, image: wsol.ScoredImage) -> wsol.Array:
        """float64 [1]."""
        return np.array([image.iou(image.boxes_at(0.5))])

    def value(self, total: wsol.Array, weight: wsol.Array, calibration: Any = None) -> wsol.Array:
        """[..., 1] → [...], in percent."""
        mean: wsol.Array = 100.0 * total[..., 0] / weight
        return mean


class Brightness(wsol.Augmentation):
    """Adds one random number to all pixels of an image."""

    name = "brightness"

    class Options(wsol.Options):
        """Options of the augmentation."""

        strength: float = wsol.hparam(0.1, wsol.uniform(0.0, 0.5), help="largest change, in standard deviations", ge=0)

    options: Options

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """Boxes and labels stay as they are."""
        change = (2 * torch.rand(len(batch.images), 1, 1, 1, generator=generator) - 1) * self.options.strength
        return batch.replace(images=batch.images + change.to(batch.images.device))


class Smoothed(wsol.ClassifierMethod):
    """CAM trained with label smoothing."""

    name = "smoothed"

    class Options(wsol.TrainingOptions):
        """Options of the method."""

        smoothing: float = wsol.hparam(0.1, wsol.uniform(0.0, 0.3), help="share of the other classes", ge=0, lt=1)

    options: Options

    def augmentations(self) -> Sequence[wsol.Augmentation]:
        """The recipe's augmentations after the horizontal flip."""
        return [wsol.HorizontalFlip(), *self.parts.augmentations]

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """One phase at a constant learning rate."""
        yield wsol.Phase(
            "smooth",
            step=self.step,
            groups=self.parameter_groups(),
            sgd=self.options,
            sampler=self.sample,
            lr_factor=lambda epoch, epochs: 1.0,
        )

    def sample(self, labels: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
        """Every image once, in random order."""
        yield from wsol.shuffled(labels, batch_size, generator)

    def step(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Cross-entropy with smoothed targets."""
        logits = self.classifier(batch.images)
        yield {"cross_entropy": F.cross_entropy(logits, batch.targets, label_smoothing=self.options.smoothing)}


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """Squares."""
    return [Squares]


@wsol.hookimpl
def wsol_backbones() -> list[type[wsol.Backbone]]:
    """A network of two layers."""
    return [TwoLayers]


@wsol.hookimpl
def wsol_poolings() -> list[type[wsol.Pooling]]:
    """The power mean."""
    return [PowerMean]


@wsol.hookimpl
def wsol_extractors() -> list[type[wsol.Extractor]]:
    """The class map with squared weights."""
    return [SquaredWeights]


@wsol.hookimpl
def wsol_normalizers() -> list[type[wsol.Normalizer]]:
    """Ranks."""
    return [Ranks]


@wsol.hookimpl
def wsol_box_rules() -> list[type[wsol.BoxRule]]:
    """The mean as a threshold."""
    return [MeanThreshold]


@wsol.hookimpl
def wsol_metrics() -> list[type[wsol.Metric]]:
    """The mean IoU."""
    return [MeanIoU]


@wsol.hookimpl
def wsol_augmentations() -> list[type[wsol.Augmentation]]:
    """Brightness."""
    return [Brightness]


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """CAM with label smoothing."""
    return [Smoothed]
