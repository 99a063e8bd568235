"""Networks in named units: what backbones build, and what poolings and extractors work on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import model_validator
from torch import Tensor, nn

from wsol.components import Component
from wsol.errors import PluginError, UsageError
from wsol.options import Options, option, path, suggest
from wsol.weights import load_pretrained


class TensorModule(nn.Module):
    """A module that maps one tensor to one tensor: calling it is typed, where torch has ``Any``."""

    if TYPE_CHECKING:

        def __call__(self, x: Tensor, /) -> Tensor:
            """See ``forward``."""
            ...


class Features(TensorModule):
    """A feature extractor as a chain of named units, some of which end a named stage.

    Methods that need more than the last feature map address units and stages by name: :meth:`run` returns the output of
    any of them (pyramids, side branches) or runs a part of the chain, :meth:`insert` adds a module after a unit
    (attention dropout), and :meth:`truncate` drops the end of the chain.

    Args:
        units: Modules by name, in order; each takes the output of the one before it, float [B, K, h, w]. Names contain
            no dots.
        stages: Name of the last unit of each stage, by stage and in order (``{"layer1": "layer1_2", ...}``); usually
            one stage for each resolution.
        channels: Number of channels of each stage's output.
        head_lr_units: Units trained at the head's learning rate: those added to the published architecture.
        wsoleval_head_lr_units: Pretrained units that the wsoleval benchmark trains at the head's learning rate too;
            used with the option ``lr_groups: wsoleval``.

    Raises:
        PluginError: The arguments contradict each other.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> units = {"conv1": nn.Conv2d(3, 8, 3, padding=1), "pool": nn.MaxPool2d(2), "conv2": nn.Conv2d(8, 16, 1)}
        >>> features = Features(units, {"first": "conv1", "second": "conv2"}, {"first": 8, "second": 16})
        >>> last, outputs = features.run(torch.zeros(1, 3, 32, 32), want=["first"])
        >>> last.shape, outputs["first"].shape
        (torch.Size([1, 16, 16, 16]), torch.Size([1, 8, 32, 32]))
        >>> features.insert("first", "dropout", nn.Dropout(0.5))
        >>> list(features.units)
        ['conv1', 'dropout', 'pool', 'conv2']
    """

    def __init__(
        self,
        units: Mapping[str, nn.Module],
        stages: Mapping[str, str],
        channels: Mapping[str, int],
        head_lr_units: Iterable[str] = (),
        wsoleval_head_lr_units: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.units = nn.ModuleDict(dict(units))
        self.stages = dict(stages)
        self.channels = dict(channels)
        self.head_lr_units = set(head_lr_units)
        self.wsoleval_head_lr_units = set(wsoleval_head_lr_units)
        unknown = {*self.stages.values(), *self.head_lr_units, *self.wsoleval_head_lr_units} - set(self.units)
        shadowed = [stage for stage, unit in self.stages.items() if stage in self.units and stage != unit]
        if unknown or shadowed or set(self.stages) != set(self.channels):
            raise PluginError(
                f"features: no units {sorted(unknown)}; stages named as another unit {shadowed}; "
                f"stages {sorted(self.stages)} with channels {sorted(self.channels)}"
            )

    @property
    def out_channels(self) -> int:
        """Number of channels of the last stage's output."""
        return self.channels[next(reversed(self.stages))]

    def unit_of(self, name: str) -> str:
        """The name of the unit that a unit's or stage's name refers to; raises UsageError for an unknown name."""
        unit = self.stages.get(name, name)
        if unit not in self.units:
            raise UsageError(f"no unit or stage '{name}'{suggest(name, [*self.stages, *self.units])}")
        return unit

    def forward(self, images: Tensor) -> Tensor:
        """Compute the last feature map of images, float [B, 3, H, W] → float [B, K, h, w]."""
        return self.run(images)[0]

    def run(
        self, x: Tensor, want: Iterable[str] = (), start: str | None = None, until: str | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Run the chain, or a part of it.

        Args:
            x: Images float [B, 3, H, W], or the output of ``start``.
            want: Units and stages whose outputs are returned too.
            start: Unit or stage after which to begin; None begins with the first unit.
            until: Unit or stage to end with; None ends with the last unit.

        Returns:
            The last output, float [B, K, h, w], and the outputs of ``want`` by name.

        Raises:
            UsageError: A name is unknown, or one of ``want`` is outside the part that is run.
        """
        wanted: dict[str, list[str]] = {}
        for name in want:
            wanted.setdefault(self.unit_of(name), []).append(name)
        found: dict[str, Tensor] = {}
        for unit in self._between(start, until):
            x = self.units[unit](x)
            found.update(dict.fromkeys(wanted.pop(unit, ()), x))
        if wanted:
            raise UsageError(f"units {sorted(wanted)} are not between {start} and {until}")
        return x, found

    def _between(self, start: str | None, until: str | None) -> Iterator[str]:
        names = list(self.units)
        first = names.index(self.unit_of(start)) + 1 if start else 0
        last = names.index(self.unit_of(until)) + 1 if until else len(names)
        return iter(names[first:last])

    def insert(self, after: str, name: str, module: nn.Module) -> None:
        """Insert a unit that is trained at the head's learning rate.

        Args:
            after: Unit or stage to insert it after; a stage that ended there then ends with the new unit.
            name: Name of the new unit.
            module: The unit; it keeps the number of channels.

        Raises:
            UsageError: ``after`` is unknown, or ``name`` is taken.
        """
        anchor = self.unit_of(after)
        if name in self.units or name in self.stages:
            raise UsageError(f"there is a unit or stage '{name}' already")
        units: dict[str, nn.Module] = {}
        for key, unit in self.units.items():
            units[key] = unit
            if key == anchor:
                units[name] = module
        self.units = nn.ModuleDict(units)
        self.stages = {stage: name if unit == anchor else unit for stage, unit in self.stages.items()}
        self.head_lr_units.add(name)

    def truncate(self, stage: str) -> None:
        """Drop every unit after ``stage``, for example ``conv6`` of VGG-16 for a method with a head of its own.

        Raises:
            UsageError: The stage is unknown.
        """
        if stage not in self.stages:
            raise UsageError(f"no stage '{stage}'{suggest(stage, self.stages)}")
        kept = list(self._between(None, stage))
        self.units = nn.ModuleDict({name: self.units[name] for name in kept})
        self.stages = {name: unit for name, unit in self.stages.items() if unit in self.units}
        self.channels = {name: self.channels[name] for name in self.stages}
        self.head_lr_units &= set(kept)
        self.wsoleval_head_lr_units &= set(kept)

    def new_parameters(self) -> list[nn.Parameter]:
        """Parameters of the units that are trained at the head's learning rate."""
        return [p for name in self.units if name in self.head_lr_units for p in self.units[name].parameters()]


class BackboneOptions(Options):
    """Options of every backbone."""

    pretrained: bool = option(True, "start from ImageNet weights")
    weights: str | None = path(None, "file with the pretrained state_dict, instead of WSOL_WEIGHTS or a download")

    @model_validator(mode="after")
    def _weights_are_used(self) -> BackboneOptions:
        if self.weights is not None and not self.pretrained:
            raise ValueError("weights are named but pretrained is false")
        return self


class Backbone(Component, ABC):
    """Builds a feature extractor."""

    Options = BackboneOptions
    options: BackboneOptions

    @abstractmethod
    def build(self) -> Features:
        """Build a new network and load its weights.

        Raises:
            WeightsError: There are no pretrained weights, or they do not fit; the message says which file to put where.
        """

    def load_pretrained(
        self,
        network: nn.Module,
        url: str | None = None,
        skip: Sequence[str] = (),
        rename: Callable[[str], str] | None = None,
    ) -> None:
        """Load pretrained weights into ``network`` unless the options say otherwise.

        Args:
            network: The network.
            url: Address of the download, as in torchvision's enumerations of weights.
            skip: Prefixes of parameters that the features do not need, ignored in network and file.
            rename: Turns a key of the file into the network's key.
        """
        if self.options.pretrained:
            load_pretrained(network, self.name, self.options.weights, url, skip, rename)


class Pooling(TensorModule, Component, ABC):
    """Reduces the feature map of an image to one vector, the input of a linear classifier."""

    def __init__(self, options: Options | None = None) -> None:
        nn.Module.__init__(self)
        Component.__init__(self, options)

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Pool feature maps, float [B, K, h, w] → float [B, K]."""


class Classifier(TensorModule):
    """Feature extractor, pooling and linear head: the network of every method in the family of CAM.

    Extractors use ``features``, ``pooling``, ``head`` and the methods below.

    Args:
        features: The feature extractor.
        pooling: Reduces its output to one vector for each image.
        num_classes: Number of outputs of the linear head, C.
    """

    def __init__(self, features: Features, pooling: Pooling, num_classes: int) -> None:
        super().__init__()
        self.features = features
        self.pooling = pooling
        self.head = nn.Linear(features.out_channels, num_classes)
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images, float [B, 3, H, W]: logits [B, C]."""
        return self.logits(self.features(images))

    def logits(self, features: Tensor) -> Tensor:
        """Pool feature maps, float [B, K, h, w], and classify them: logits [B, C]."""
        out: Tensor = self.head(self.pooling(features))
        return out

    def new_parameters(self) -> list[nn.Parameter]:
        """Parameters that are trained at the learning rate of new layers: the head's, and those of new units."""
        return [*self.head.parameters(), *self.features.new_parameters()]


class Extractor(Component, ABC):
    """Computes class-specific score maps of a trained classifier."""

    @abstractmethod
    def __call__(self, classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """Compute the score map of each image's label.

        Called in evaluation mode under ``torch.no_grad``; an extractor that needs gradients enables them itself.

        Args:
            classifier: The trained network.
            images: Normalised images, float [B, 3, H, W].
            labels: Class of the object to localize in each image, int64 [B].

        Returns:
            Raw score maps, float [B, h, w]: feature resolution, no ReLU, not normalised.
        """
