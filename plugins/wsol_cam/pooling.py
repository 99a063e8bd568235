"""Global average pooling."""

from torch import Tensor

import wsol


class GAP(wsol.Pooling):
    """Global average pooling: the mean of each channel."""

    name = "gap"
    paper = "Lin et al., Network In Network, ICLR 2014"

    def forward(self, features: Tensor) -> Tensor:
        """Pool features: float [B, K, h, w] → float [B, K]."""
        return features.mean(dim=(2, 3))
