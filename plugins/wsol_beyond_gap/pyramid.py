"""A Feature Pyramid Network around any backbone with named stages."""

from __future__ import annotations

from itertools import islice

from torch import Tensor, nn
from torch.nn import functional as F

import wsol

LEVELS = ("P5", "P4", "P3", "P2")
"""Levels from the last stage of a backbone to earlier ones: P5 uses the last stage, P4 the one before it."""


class Pyramid(wsol.Features):
    """A backbone whose feature map is one level of a top-down pyramid over its last stages.

    Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017. A 1x1 convolution brings each stage from the
    last down to the level's to ``channels``; starting with the last stage, the sum is enlarged to the next stage's size
    (nearest neighbour) and added to it; a 3x3 convolution of the level's sum is the output. No ReLU follows, so that
    features may be negative. Levels below the chosen one are not built, so that the output depends on every parameter.

    Units, stages and :meth:`run` are those of the backbone; calling the module returns the pyramid's level.

    Args:
        trunk: The backbone's network.
        level: ``P5`` to ``P2``.
        channels: Channels of the pyramid.

    Raises:
        UsageError: The backbone has too few stages.
    """

    def __init__(self, trunk: wsol.Features, level: str, channels: int) -> None:
        units = dict(trunk.units.items())
        super().__init__(units, trunk.stages, trunk.channels, trunk.head_lr_units, trunk.wsoleval_head_lr_units)
        depth = LEVELS.index(level) + 1
        if depth > len(self.stages):
            raise wsol.UsageError(
                f"level {level} needs a backbone of {depth} stages, this one has {len(self.stages)} "
                f"({', '.join(self.stages)}): its lowest level is {LEVELS[len(self.stages) - 1]}"
            )
        self.levels = tuple(islice(reversed(self.stages), depth))
        lateral = {stage: nn.Conv2d(self.channels[stage], channels, 1) for stage in self.levels}
        self.lateral = nn.ModuleDict(lateral)
        self.output = nn.Conv2d(channels, channels, 3, padding=1)
        for convolution in (*lateral.values(), self.output):
            nn.init.kaiming_uniform_(convolution.weight, a=1)  # a linear layer: no ReLU that would halve the variance
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)

    @property
    def out_channels(self) -> int:
        """Number of channels of the level."""
        return self.output.out_channels

    def forward(self, images: Tensor) -> Tensor:
        """Compute the level of images, float [B, 3, H, W] → float [B, channels, h, w], with the size of its stage."""
        maps = self.run(images, want=self.levels)[1]
        top, *below = (self.lateral[stage](maps[stage]) for stage in self.levels)
        for lateral in below:
            top = lateral + F.interpolate(top, size=lateral.shape[-2:], mode="nearest")
        level: Tensor = self.output(top)
        return level

    def new_parameters(self) -> list[nn.Parameter]:
        """Parameters of the backbone's new units, and of the pyramid."""
        return [*super().new_parameters(), *self.lateral.parameters(), *self.output.parameters()]
