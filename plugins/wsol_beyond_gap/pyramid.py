"""A Feature Pyramid Network around any backbone with named stages."""

from __future__ import annotations

from itertools import islice

from torch import Tensor, nn
from torch.nn import functional as F

import wsol

LEVELS = ("P5", "P4", "P3", "P2")
"""Level → stage: P5 stands on the last stage of a backbone, P4 on the one before it …"""


class Pyramid(wsol.Features):
    """A backbone whose feature map is one level of a top-down pyramid over its last stages.

    Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017. Each stage from the last down to the level's
    passes a 1x1 convolution to ``channels``; from the top, the sum so far is enlarged to the next stage's size (nearest
    neighbour) and added to it; a 3x3 convolution of the level's sum is the output. No ReLU follows, so that features
    may be negative. Levels below the chosen one are not built: every parameter takes part in the output.

    Units, stages and :meth:`run` are the backbone's; the pyramid is what a call returns and what is new.
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
        """Channels of the level."""
        return self.output.out_channels

    def forward(self, images: Tensor) -> Tensor:
        """Images float [B, 3, H, W] → the level, float [B, channels, h, w], h and w those of its stage."""
        maps = self.run(images, want=self.levels)[1]
        top, *below = (self.lateral[stage](maps[stage]) for stage in self.levels)
        for lateral in below:
            top = lateral + F.interpolate(top, size=lateral.shape[-2:], mode="nearest")
        level: Tensor = self.output(top)
        return level

    def new_parameters(self) -> list[nn.Parameter]:
        """Those of the backbone's new units, and the pyramid's."""
        return [*super().new_parameters(), *self.lateral.parameters(), *self.output.parameters()]
