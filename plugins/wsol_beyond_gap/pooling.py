"""Two poolings that depend on the peak of a channel rather than its mean."""

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
        """Pool feature maps, float [B, K, h, w] → float [B, K]; equal maxima share the gradient."""
        return features.amax(dim=(2, 3))


class GLSEP(wsol.Pooling):
    """Global log-sum-exp pooling: log of the sum of exp(F) over all locations, for each channel (Eq. 4).

    The sum is not divided by the number of locations h·w: a channel that is 0 everywhere pools to log(h·w), 5.28 at
    14x14 and 6.66 at 28x28. Because of that offset the paper needs learning rates near 1e-5. Class maps use the
    features without exp and log.
    """

    name = "glsep"
    paper = PAPER

    class Options(wsol.Options):
        """Options of the pooling."""

        mean: bool = wsol.option(False, "log-mean-exp: a constant channel pools to its value, as with gap")

    options: Options

    def forward(self, features: Tensor) -> Tensor:
        """Pool feature maps, float [B, K, h, w] → float32 [B, K], computed in float32 for the sum of exponentials."""
        pooled = torch.logsumexp(features.float(), dim=(2, 3))
        return pooled - math.log(features.shape[2] * features.shape[3]) if self.options.mean else pooled
