"""Methods: the base class of all, and the base class of those that train one classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, overload

import torch.nn.functional as F
from torch import Tensor, nn

from wsol.components import Component
from wsol.data.benchmark import Schedule
from wsol.errors import UsageError
from wsol.networks import Backbone, Classifier, Extractor, Features, Pooling
from wsol.options import Options as AnyOptions
from wsol.training.augment import Augmentation, HorizontalFlip, RandomCrop
from wsol.training.batch import Batch, TrainView
from wsol.training.phases import Loss, ParameterGroup, Phase, TrainingOptions

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, init=False, eq=False)
class Parts:
    """What a recipe gives a method to build itself from; the engine reads it too, so that its fields cannot be set.

    Attributes:
        num_classes: Number of classes of the benchmark, C.
        schedule: The recipe's training schedule.
        crop: Side of a network input in pixels.
        backbone: The recipe's backbone; None where it names none.
        pooling: The recipe's pooling; None where it names none.
        augmentations: The recipe's augmentations, applied after the method's own.
        others: Components of further kinds that plugins add, by :attr:`wsol.recipes.Part.key`.
    """

    num_classes: int
    schedule: Schedule
    crop: int
    backbone: Backbone | None
    pooling: Pooling | None
    augmentations: tuple[Augmentation, ...]
    others: Mapping[str, Component | Sequence[Component] | None]

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
        vars(self).update(num_classes=num_classes, schedule=schedule, crop=crop, backbone=backbone, pooling=pooling)
        vars(self).update(augmentations=tuple(augmentations), others=others)

    @overload
    def require(self, part: Literal["backbone"], method: str) -> Backbone: ...
    @overload
    def require(self, part: Literal["pooling"], method: str) -> Pooling: ...
    @overload
    def require(self, part: str, method: str) -> Component | Sequence[Component]: ...
    def require(self, part: str, method: str) -> Component | Sequence[Component]:
        """A component that ``method`` cannot do without.

        Args:
            part: Name of the part of a recipe: ``backbone``, ``pooling``, or that of a further kind.
            method: Name of the method, for the message.

        Returns:
            The recipe's component.

        Raises:
            UsageError: The recipe names none.
        """
        component = {"backbone": self.backbone, "pooling": self.pooling, **self.others}.get(part)
        if component is None:
            raise missing_part(part, method)
        return component


def missing_part(part: str, method: str) -> UsageError:
    """Make the error for a recipe without a part that its method needs.

    Args:
        part: The missing part.
        method: Name of the method.

    Returns:
        The error, to be raised.
    """
    return UsageError(f"method '{method}' needs {'an' if part[0] in 'aeiou' else 'a'} {part}; name one in the study")


class Method(nn.Module, Component, ABC):
    """How to train, and how to localize.

    A method is a torch module; its state_dict is its checkpoint, extra state included.

    Args:
        options: Validated options of the method.
        parts: The recipe's other parts.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"backbone", "pooling", "extractor"})
    """Parts of a recipe that the method uses; a grid is not multiplied by the others."""
    outputs: ClassVar[Literal["maps", "boxes"]] = "maps"
    """What :meth:`localize` returns; boxes have no normalizer and no box rule."""
    image_mean: ClassVar[tuple[float, float, float]] = IMAGENET_MEAN
    """Mean of each colour channel that images are normalised with, in [0, 1]."""
    image_std: ClassVar[tuple[float, float, float]] = IMAGENET_STD
    """Standard deviation of each colour channel that images are normalised with."""

    def __init__(self, options: AnyOptions, parts: Parts) -> None:
        nn.Module.__init__(self)
        Component.__init__(self, options)
        self.parts = parts

    def augmentations(self) -> Sequence[Augmentation]:
        """Augmentations of phases that name none: random crop and horizontal flip, then the recipe's."""
        return [RandomCrop(self.parts.crop), HorizontalFlip(), *self.parts.augmentations]

    @abstractmethod
    def phases(self, train: TrainView) -> Iterator[Phase]:
        """What to train, in order; a generator, whose code runs when the engine reaches the phase."""

    @abstractmethod
    def localize(self, images: Tensor, labels: Tensor, extractor: Extractor | None) -> Tensor:
        """Localize an object of a given class in each image.

        Called in evaluation mode under ``torch.no_grad``.

        Args:
            images: Normalised images, float [B, 3, H, W].
            labels: Class of the object in each image, int64 [B].
            extractor: The recipe's extractor, or None.

        Returns:
            Raw score maps, float [B, h, w] (feature resolution, no ReLU, not normalised); or boxes, float [B, 4]:
            x0, y0, x1, y1 as shares of the image sides.
        """

    def classify(self, images: Tensor) -> Tensor | None:
        """Classify images, float [B, 3, H, W]: logits [B, C]; None for a method without a trained classifier."""
        return None


class ClassifierMethod(Method):
    """A method that trains one :class:`wsol.Classifier` in one phase.

    Most methods override one or two of the functions below.

    Example:
        A method that smooths the labels; the rest is CAM's:

        >>> import torch.nn.functional as F
        >>> import wsol
        >>> class Smoothed(wsol.ClassifierMethod):
        ...     '''CAM with smoothed labels.'''
        ...
        ...     name = "smoothed"
        ...
        ...     def step(self, batch):
        ...         logits = self.classifier(batch.images)
        ...         yield F.cross_entropy(logits, batch.targets, label_smoothing=0.1)
    """

    Options = TrainingOptions
    options: TrainingOptions

    def __init__(self, options: AnyOptions, parts: Parts) -> None:
        super().__init__(options, parts)
        self.classifier = self.build_classifier()

    def build_features(self) -> Features:
        """Build the backbone's network; override to insert layers.

        With ``lr_groups: wsoleval`` the units that the wsoleval benchmark trains faster count as new ones.

        Raises:
            UsageError: The recipe names no backbone.
        """
        features = self.parts.require("backbone", self.name).build()
        if self.options.lr_groups == "wsoleval":
            features.head_lr_units |= features.wsoleval_head_lr_units
        return features

    def build_classifier(self) -> Classifier:
        """Build features, pooling and a linear head; override for another architecture.

        Raises:
            UsageError: The recipe names no backbone or no pooling.
        """
        pooling = self.parts.require("pooling", self.name)
        return Classifier(self.build_features(), pooling, self.parts.num_classes)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Pretrained layers at the learning rate, new layers at a multiple of it; override for other groups."""
        return split_groups(self.classifier, self.classifier.new_parameters(), self.options.new_lr_multiplier)

    def phases(self, train: TrainView) -> Iterator[Phase]:
        """One phase of as many epochs as the schedule has."""
        yield Phase("classify", step=self.step, groups=self.parameter_groups(), sgd=self.options)

    def step(self, batch: Batch) -> Iterator[Loss]:
        """Yield the losses of a batch, one for each optimizer step: here cross-entropy with the targets."""
        yield F.cross_entropy(self.classifier(batch.images), batch.targets)

    def localize(self, images: Tensor, labels: Tensor, extractor: Extractor | None) -> Tensor:
        """The extractor's maps of the classifier, float [B, h, w]; raises UsageError without an extractor."""
        if extractor is None:
            raise missing_part("extractor", self.name)
        return extractor(self.classifier, images, labels)

    def classify(self, images: Tensor) -> Tensor | None:
        """The classifier's logits, [B, C]."""
        return self.classifier(images)


def split_groups(module: nn.Module, new: Sequence[nn.Parameter], multiplier: float) -> list[ParameterGroup]:
    """Divide parameters into pretrained and new ones.

    Args:
        module: The network.
        new: Those of its parameters that are new.
        multiplier: Learning rate of the new parameters, as a multiple of the phase's.

    Returns:
        The other parameters of ``module``, and the new ones.
    """
    ids = {id(p) for p in new}
    old = [p for p in module.parameters() if id(p) not in ids]
    return [ParameterGroup(old), ParameterGroup(list(new), multiplier)]
