"""EfficientNets."""

from __future__ import annotations

from typing import Any

import wsol
from wsol_torchvision.base import PublishedStrideOptions, TorchvisionBackbone, lower_stride

LEVELS = {"level1": 1, "level2": 2, "level3": 3, "level4": 5, "level5": 8}


class EfficientNet(TorchvisionBackbone):
    """Units ``features_0`` (stem), blocks ``features_1_0`` … and ``features_8``; stages level1 to level5.

    Each level has a resolution of its own at stride 32. Stride 16 sets the stride of the sixth group of blocks to 1,
    stride 8 also that of the fourth.
    """

    paper = "Tan and Le, EfficientNet: rethinking model scaling for convolutional neural networks, ICML 2019"
    Options = PublishedStrideOptions
    options: PublishedStrideOptions

    def cut(self, network: Any) -> wsol.Features:
        """Split the network into the units that the class lists."""
        stem, *groups, head = network.features
        lower_stride(self.options.stride, groups[5][0], groups[3][0])
        blocks = {f"features_{g}_{b}": block for g, group in enumerate(groups, 1) for b, block in enumerate(group)}
        stages = {level: f"features_{g}_{len(network.features[g]) - 1}" for level, g in LEVELS.items()}
        channels = {level: network.features[g][-1].out_channels for level, g in LEVELS.items() if level != "level5"}
        units = {"features_0": stem, **blocks, "features_8": head}
        return wsol.Features(units, {**stages, "level5": "features_8"}, {**channels, "level5": head.out_channels})


def efficient_net(size: int, millions: float, channels: int) -> type[EfficientNet]:
    """Create the class of EfficientNet-B``size``.

    Args:
        size: Number of the network, 0 to 7.
        millions: Millions of parameters, for the docstring of the class.
        channels: Channels of the last unit, for the same docstring.

    Returns:
        A backbone named ``efficientnet_b{size}``.
    """
    summary = f"EfficientNet-B{size}: {millions} M parameters, {channels} channels."
    members = {"__doc__": summary, "__module__": __name__, "name": f"efficientnet_b{size}"}
    return type(f"EfficientNetB{size}", (EfficientNet,), members)


EFFICIENT_NETS = (
    efficient_net(0, 4.0, 1280),
    efficient_net(1, 6.5, 1280),
    efficient_net(2, 7.7, 1408),
    efficient_net(3, 10.7, 1536),
    efficient_net(4, 17.5, 1792),
    efficient_net(5, 28.3, 2048),
    efficient_net(6, 40.7, 2304),
    efficient_net(7, 63.8, 2560),
)
