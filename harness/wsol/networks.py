"""Networks in named units: what backbones build, what poolings and extractors work on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import model_validator
from torch import Tensor, nn

from wsol.components import Component
from wsol.errors import PluginError, UsageError
from wsol.options import Options, option, suggest
from wsol.weights import load_pretrained


class Features(nn.Module):
    """A feature extractor as a chain of named units, of which some end a named stage.

    Methods that need more than the last feature map tap it by name: :meth:`run` returns any units' or stages' outputs
    (pyramids, side branches), :meth:`insert` puts a module behind a unit (attention dropout), and ``start``/``until``
    run a part of the chain, :meth:`truncate` drops its end. Unit names contain no dots.

    units: name → module, in order; module i takes what module i-1 returns, [B, K_i, h_i, w_i].
    stages: stage name → name of its last unit, in order (``{"layer1": "layer1_2", …}``); one a resolution, as a rule.
    channels: stage name → number of channels of its output.
    new_units: names of units trained with the head's learning rate: those added to the published architecture.
    fast_units: names of pretrained units that the wsoleval benchmark trains with the head's learning rate too; a method
        does so when asked for (``lr_groups: wsoleval``).

    Raises PluginError when the four do not fit together.
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
        """Channels of the last stage's output."""
        return self.channels[next(reversed(self.stages))]

    def unit_of(self, name: str) -> str:
        """The unit that a unit's or stage's name stands for; raises UsageError with a suggestion."""
        unit = self.stages.get(name, name)
        if unit not in self.units:
            raise UsageError(f"no unit or stage '{name}'{suggest(name, [*self.stages, *self.units])}")
        return unit

    def forward(self, images: Tensor) -> Tensor:
        """Images float [B, 3, H, W] → the last feature map, float [B, K, h, w]."""
        return self.run(images)[0]

    def run(
        self, x: Tensor, want: Iterable[str] = (), start: str | None = None, until: str | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Run the chain on ``x`` from behind unit or stage ``start`` up to and including ``until``.

        Returns the last output, and the outputs of the units or stages named in ``want``; raises UsageError when
        one of them is not part of the stretch.
        """
        wanted: dict[str, list[str]] = {}
        for name in want:
            wanted.setdefault(self.unit_of(name), []).append(name)
        found: dict[str, Tensor] = {}
        for unit in self._between(start, until):
            x = self.units[unit](x)
            found.update(dict.fromkeys(wanted.pop(unit, ()), x))
        if wanted:
            raise UsageError(f"units {sorted(wanted)} lie outside the stretch from {start} to {until}")
        return x, found

    def _between(self, start: str | None, until: str | None) -> Iterator[str]:
        names = list(self.units)
        first = names.index(self.unit_of(start)) + 1 if start else 0
        last = names.index(self.unit_of(until)) + 1 if until else len(names)
        return iter(names[first:last])

    def insert(self, after: str, name: str, module: nn.Module) -> None:
        """Put ``module`` behind unit or stage ``after``; a stage that ended there now ends with it."""
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
        """Drop every unit behind ``stage`` (``conv6`` of a VGG, say, for a method that brings its own head)."""
        if stage not in self.stages:
            raise UsageError(f"no stage '{stage}'{suggest(stage, self.stages)}")
        kept = list(self._between(None, stage))
        self.units = nn.ModuleDict({name: self.units[name] for name in kept})
        self.stages = {name: unit for name, unit in self.stages.items() if unit in self.units}
        self.channels = {name: self.channels[name] for name in self.stages}
        self.head_lr_units &= set(kept)
        self.wsoleval_head_lr_units &= set(kept)

    def new_parameters(self) -> list[nn.Parameter]:
        """Parameters of the units that train with the head's learning rate."""
        return [p for name in self.units if name in self.head_lr_units for p in self.units[name].parameters()]


class BackboneOptions(Options):
    """Options every backbone has."""

    pretrained: bool = option(True, "start from ImageNet weights")
    weights: str | None = option(None, "file with the pretrained state_dict, instead of WSOL_WEIGHTS or a download")

    @model_validator(mode="after")
    def _weights_are_used(self) -> BackboneOptions:
        if self.weights is not None and not self.pretrained:
            raise ValueError("weights are named but pretrained is false")
        return self


class Backbone(Component, ABC):
    """Builds a feature extractor."""

    Options = BackboneOptions

    @abstractmethod
    def build(self) -> Features:
        """A fresh network with its weights loaded; raises WeightsError that says what to put where."""

    def load_pretrained(
        self,
        network: nn.Module,
        url: str | None = None,
        skip: Sequence[str] = (),
        rename: Callable[[str], str] | None = None,
    ) -> None:
        """Load ``network`` as the options say; see :func:`wsol.weights.load_pretrained` for the arguments."""
        if self.options.pretrained:
            load_pretrained(network, self.name, self.options.weights, url, skip, rename)


class Pooling(nn.Module, Component, ABC):
    """Reduces a feature map to one vector an image, in front of a linear classifier."""

    def __init__(self, options: Options | None = None) -> None:
        nn.Module.__init__(self)
        Component.__init__(self, options)

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Feature map float [B, K, h, w] → float [B, K]."""


class Classifier(nn.Module):
    """Feature extractor, pooling, linear head: the network of every CAM-like method.

    Extractors rely on ``features``, ``pooling``, ``head`` (a ``Linear``) and the methods below.
    """

    def __init__(self, features: Features | nn.Module, pooling: Pooling, num_classes: int, channels: int | None = None):
        super().__init__()
        self.features = features
        self.pooling = pooling
        width: Any = features.out_channels if channels is None else channels
        self.head = nn.Linear(width, num_classes)
        nn.init.normal_(self.head.weight, 0.0, 0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Images float [B, 3, H, W] → logits [B, C]."""
        return self.logits(self.features(images))

    def logits(self, features: Tensor) -> Tensor:
        """Feature map [B, K, h, w] → logits [B, C]."""
        out: Tensor = self.head(self.pooling(features))
        return out

    def new_parameters(self) -> list[nn.Parameter]:
        """Parameters with the new layers' learning rate: the head, and what the features say is new."""
        new = getattr(self.features, "new_parameters", None)
        return [*self.head.parameters(), *(new() if new is not None else ())]


class Extractor(Component, ABC):
    """How a trained classifier yields a class-specific map."""

    @abstractmethod
    def __call__(self, classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """Images float [B, 3, H, W], labels int64 [B] → raw maps float [B, h, w]: no ReLU, not normalised.

        Called in evaluation mode under ``no_grad``; an extractor that needs gradients enables them itself.
        """


class Augmentation(Component, ABC):
    """Changes a training batch, on the device, with randomness from the generator it is handed only."""

    geometric: ClassVar[bool] = False
    """Whether it only moves pixels, and so takes them as bytes too, before they are normalised."""

    @abstractmethod
    def __call__(self, batch: Any, generator: torch.Generator) -> Any:
        """A :class:`wsol.Batch` of normalised images (0 is the mean colour) → the changed batch."""
