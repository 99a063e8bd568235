"""Base class of backbones from torchvision: weights, strides, initialisation.

torchvision is imported on use, because importing it takes a second that listing plugins does not need.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

import wsol

MAP_SIZES = "image pixels per cell of the feature map; at 224: 32 → 7x7, 16 → 14x14, 8 → 28x28"


class StrideOptions(wsol.BackboneOptions):
    """Options of networks whose last two downsampling steps can be switched off."""

    stride: Literal[8, 16, 32] = wsol.option(16, MAP_SIZES)


class PublishedStrideOptions(StrideOptions):
    """The same options with the published stride as the default."""

    stride: Literal[8, 16, 32] = wsol.option(32, MAP_SIZES)


class TorchvisionBackbone(wsol.Backbone):
    """A network of torchvision with the same name, with its first ImageNet weights, split into units."""

    unused: ClassVar[tuple[str, ...]] = ("classifier.",)
    """Prefixes of parameters of torchvision's network and of a weights file that belong to no unit."""

    def build(self) -> wsol.Features:
        """Build the network in units at the stride of the options; raises WeightsError without its weights."""
        from torchvision.models import get_model_weights

        network = self.network()
        self.load_pretrained(network, get_model_weights(self.name).IMAGENET1K_V1.url, self.unused, self.rename)
        return self.cut(network)

    def network(self) -> Any:
        """Build torchvision's network, randomly initialised, with a head of one output."""
        from torchvision.models import get_model

        return get_model(self.name, weights=None, num_classes=1)

    @staticmethod
    def rename(key: str) -> str:
        """Turn a key of a weights file into the network's key."""
        return key

    @abstractmethod
    def cut(self, network: Any) -> wsol.Features:
        """Split ``network`` into units, with its strides lowered as the options say."""


def lower_stride(stride: int, last: nn.Module, before: nn.Module) -> None:
    """Lower the stride of a network from 32 to ``stride``.

    Strides of convolutions are set to 1 without adding dilation: pretrained kernels then see a finer grid than the one
    they were trained on.

    Args:
        stride: The new stride: 32, 16 or 8.
        last: The last downsampling step, which keeps the size at strides 16 and 8.
        before: The downsampling step before it, which keeps the size at stride 8.
    """
    for step in {32: (), 16: (last,), 8: (last, before)}[stride]:
        for layer in step.modules():
            if isinstance(layer, nn.Conv2d):
                layer.stride = (1, 1)


def initialise(module: nn.Module, weight: Callable[[Tensor], Tensor]) -> None:
    """Initialise the weights of all convolutions in a module, and their biases with 0.

    Args:
        module: The module; it is changed in place.
        weight: Fills a weight tensor in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            weight(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def he(weight: Tensor) -> Tensor:
    """He initialisation: a normal distribution that preserves the variance of gradients (He et al., ICCV 2015)."""
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
