"""Two poolings that look at a channel's peak instead of its mean."""

import math

import torch
from torch import Tensor

import wsol

PAPER = "Körschens et al., Beyond Global Average Pooling, VISAPP 2022"


class GMP(wsol.Pooling):
    """Global max pooling: the largest value of each channel (Eq. 3)."""

    name = "gmp"
    paper = PAPER

    def forward(self, features: Tensor) -> Tensor:
        """float [B, K, h, w] → float [B, K]. Locations that tie share the gradient."""
        return features.amax(dim=(2, 3))


class GLSEP(wsol.Pooling):
    """Global log-sum-exp pooling: log of the sum of exp(F) over all locations, for each channel (Eq. 4).

    The sum is not divided by the number of locations h·w: a channel that is 0 everywhere pools to log(h·w), 5.28 at
    14x14 and 6.66 at 28x28. That offset on every channel is why the paper needs learning rates near 1e-5. The class map
    takes the features as they are, without exp or log.
    """

    name = "glsep"
    paper = PAPER

    class Options(wsol.Options):
        """Options of the pooling."""

        mean: bool = wsol.option(False, "log-mean-exp: a constant channel pools to its value, as with gap")

    def forward(self, features: Tensor) -> Tensor:
        """float [B, K, h, w] → float32 [B, K]; float32 inside, because a sum of exponentials needs its digits."""
        pooled = torch.logsumexp(features.float(), dim=(2, 3))
        return pooled - math.log(features.shape[2] * features.shape[3]) if self.options.mean else pooled
