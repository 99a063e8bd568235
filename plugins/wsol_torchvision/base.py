"""What the backbones made of torchvision's networks share: weights, strides, initialisation.

torchvision is imported on use: it takes a second that listing plugins need not pay.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

import wsol

MAP_SIZES = "image pixels a step on the feature map; at 224: 32 → 7x7, 16 → 14x14, 8 → 28x28"


class StrideOptions(wsol.BackboneOptions):
    """Options of the networks whose last two downsampling steps can be switched off."""

    stride: Literal[8, 16, 32] = wsol.option(16, MAP_SIZES)


class PublishedStrideOptions(StrideOptions):
    """The same, with the network as it was published as the default."""

    stride: Literal[8, 16, 32] = wsol.option(32, MAP_SIZES)


class TorchvisionBackbone(wsol.Backbone):
    """A network of torchvision's (of the same name), loaded with its first ImageNet weights and cut into units."""

    Options: ClassVar[type[wsol.BackboneOptions]] = StrideOptions
    unused: ClassVar[tuple[str, ...]] = ("classifier.",)
    """Prefixes of the parameters, in torchvision's network and in a weights file, that belong to no unit."""

    def build(self) -> wsol.Features:
        """The network in units, at the stride the options name; raises WeightsError without its weights."""
        from torchvision.models import get_model_weights

        network = self.network()
        self.load_pretrained(network, get_model_weights(self.name).IMAGENET1K_V1.url, self.unused, self.rename)
        return self.cut(network)

    def network(self) -> Any:
        """The network of torchvision's, initialised at random as it does, with a head as small as can be."""
        from torchvision.models import get_model

        return get_model(self.name, weights=None, num_classes=1)

    @staticmethod
    def rename(key: str) -> str:
        """A key of a weights file → the network's key."""
        return key

    @abstractmethod
    def cut(self, network: Any) -> wsol.Features:
        """The units of ``network``, its strides lowered as the options say."""


def lower_stride(stride: int, last: nn.Module, before: nn.Module) -> None:
    """Bring a network of stride 32 to ``stride`` by making its ``last`` and the downsampling step ``before`` keep size.

    Strides are set to 1 and nothing else: without dilation, pretrained kernels see a grid finer than they learned on.
    """
    for step in {32: (), 16: (last,), 8: (last, before)}[stride]:
        for layer in step.modules():
            if isinstance(layer, nn.Conv2d):
                layer.stride = (1, 1)


def initialise(module: nn.Module, weight: Callable[[Tensor], Tensor]) -> None:
    """Draw the weights of all convolutions in ``module`` with ``weight``; their biases become 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            weight(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def he(weight: Tensor) -> Tensor:
    """He's normal distribution that keeps the variance of gradients (He et al., ICCV 2015)."""
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
