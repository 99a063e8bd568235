"""The centred Gaussian."""

from collections.abc import Iterator

import torch
from torch import Tensor

import wsol


class CenterGaussian(wsol.Method):
    """An isotropic Gaussian in the centre of every image, whose boxes are centred squares. There is no training."""

    name = "center"
    paper = "Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020"
    uses = frozenset()

    class Options(wsol.Options):
        """Options of the baseline."""

        sigma: float = wsol.option(0.5, "standard deviation, as a share of half the image side", gt=0)
        size: int = wsol.option(28, "side of the map", ge=2)

    options: Options

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """No phases."""
        return iter(())

    def localize(self, images: Tensor, labels: Tensor, extractor: wsol.Extractor | None) -> Tensor:
        """Return the same map for each image: images [B, 3, H, W] → float [B, size, size]."""
        axis = torch.linspace(-1, 1, self.options.size, device=images.device)
        one = torch.exp(-0.5 * (axis / self.options.sigma) ** 2)
        return (one[:, None] * one[None, :]).expand(len(images), -1, -1)
