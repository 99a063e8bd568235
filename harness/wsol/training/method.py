"""What a method is, and the base of those that train one classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from wsol.components import Component
from wsol.data.benchmark import Schedule
from wsol.errors import UsageError
from wsol.networks import Augmentation, Backbone, Classifier, Extractor, Features, Pooling
from wsol.options import Options as AnyOptions
from wsol.training.augment import HorizontalFlip, RandomCrop
from wsol.training.batch import Batch, TrainView
from wsol.training.phases import Loss, ParameterGroup, Phase, TrainingOptions

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Parts:
    """What a recipe gives a method to build itself from.

    Attributes:
        num_classes: Number of classes of the benchmark.
        schedule: The recipe's schedule.
        crop: Side of a network input in pixels.
        backbone: The recipe's backbone; None where it names none.
        pooling: The recipe's pooling; None where it names none.
        augmentations: The recipe's augmentations, applied after the method's own.
        others: Components of further kinds that plugins add, by :attr:`wsol.recipes.Part.key`.
    """

    def __init__(
        self,
        num_classes: int,
        schedule: Schedule,
        crop: int,
        backbone: Backbone | None = None,
        pooling: Pooling | None = None,
        augmentations: Sequence[Augmentation] = (),
        **others: Component | Sequence[Component] | None,
    ) -> None:
        self.num_classes = num_classes
        self.schedule = schedule
        self.crop = crop
        self.backbone = backbone
        self.pooling = pooling
        self.augmentations = tuple(augmentations)
        self.others = others


class Method(nn.Module, Component, ABC):
    """How to train and how to localize. A method is a torch module: its state_dict is its checkpoint."""

    uses: ClassVar[frozenset[str]] = frozenset({"backbone", "pooling", "extractor"})
    """Which parts of a recipe the method looks at; a grid does not multiply over the others."""
    outputs: ClassVar[Literal["maps", "boxes"]] = "maps"
    """What :meth:`localize` returns; boxes have no normalizer and no box rule."""
    image_mean: ClassVar[tuple[float, float, float]] = IMAGENET_MEAN
    image_std: ClassVar[tuple[float, float, float]] = IMAGENET_STD

    def __init__(self, options: AnyOptions, parts: Parts) -> None:
        nn.Module.__init__(self)
        Component.__init__(self, options)
        self.parts = parts

    def augmentations(self) -> Sequence[Augmentation]:
        """Augmentations of phases that name none: random crop and horizontal flip, then the recipe's."""
        return [RandomCrop(self.parts.crop), HorizontalFlip(), *self.parts.augmentations]

    @abstractmethod
    def phases(self, train: TrainView) -> Iterator[Phase]:
        """What to train, in order. A phase's code runs when the engine reaches it."""

    @abstractmethod
    def localize(self, images: Tensor, labels: Tensor, extractor: Extractor | None) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → raw score maps float [B, h, w] (feature resolution, no ReLU,
        not normalised), or boxes float [B, 4] (x0, y0, x1, y1 as shares of the image sides)."""

    def classify(self, images: Tensor) -> Tensor | None:
        """images float [B, 3, H, W] → logits [B, C]; None for a method without a classifier."""
        return None


class ClassifierMethod(Method):
    """A method that trains one :class:`Classifier` in one phase; most methods override one or two of its parts."""

    Options = TrainingOptions

    def __init__(self, options: AnyOptions, parts: Parts) -> None:
        super().__init__(options, parts)
        self.classifier = self.build_classifier()

    def build_features(self) -> Features:
        """The backbone's network; override to insert layers. ``lr_groups: wsoleval`` makes its fast units new ones."""
        if self.parts.backbone is None:
            raise UsageError(f"method '{self.name}' needs a backbone; name one in the study")
        features = self.parts.backbone.build()
        if self.options.lr_groups == "wsoleval":
            features.head_lr_units |= features.wsoleval_head_lr_units
        return features

    def build_classifier(self) -> Classifier:
        """Features, pooling and a linear head; override for another architecture."""
        if self.parts.pooling is None:
            raise UsageError(f"method '{self.name}' needs a pooling; name one in the study")
        return Classifier(self.build_features(), self.parts.pooling, self.parts.num_classes)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Pretrained layers at the learning rate, new ones at a multiple of it; override for other groups."""
        return split_groups(self.classifier, self.classifier.new_parameters(), self.options.new_lr_multiplier)

    def phases(self, train: TrainView) -> Iterator[Phase]:
        """One phase, the schedule's epochs long."""
        yield Phase("classify", step=self.step, groups=self.parameter_groups(), sgd=self.options)

    def step(self, batch: Batch) -> Iterator[Loss]:
        """Cross-entropy with the batch's targets."""
        yield F.cross_entropy(self.classifier(batch.images), batch.targets)

    def localize(self, images: Tensor, labels: Tensor, extractor: Extractor | None) -> Tensor:
        """The extractor's map of the classifier."""
        if extractor is None:
            raise UsageError(f"method '{self.name}' needs an extractor; name one in the study")
        return extractor(self.classifier, images, labels)

    def classify(self, images: Tensor) -> Tensor:
        """The classifier's logits."""
        logits: Tensor = self.classifier(images)
        return logits


def split_groups(module: nn.Module, new: Sequence[nn.Parameter], multiplier: float) -> list[ParameterGroup]:
    """The parameters of ``module`` that are not ``new``, and the new ones at ``multiplier`` times the learning rate."""
    ids = {id(p) for p in new}
    old = [p for p in module.parameters() if id(p) not in ids]
    return [ParameterGroup(old), ParameterGroup(list(new), multiplier)]
