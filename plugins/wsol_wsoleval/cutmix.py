"""CutMix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import wsol

PAPER = "Yun et al., CutMix: regularization strategy to train strong classifiers with localizable features, ICCV 2019"


class CutMixOptions(wsol.Options):
    """Options of CutMix; the published search draws beta = 1 / u - 1/2 with u uniform in (0, 2]."""

    mix_rate: float = wsol.hparam(1.0, wsol.uniform(0.0, 1.0), "share of the batches that are mixed", ge=0, le=1)
    u: float = wsol.hparam(2 / 3, wsol.uniform(0.0, 2.0), "beta = 1/u - 1/2; u = 1 / (beta + 1/2)", gt=0, lt=2)

    @property
    def beta(self) -> float:
        """Both parameters, > 0, of the Beta distribution of the share of an image that is kept."""
        return 1 / self.u - 0.5


class CutMix(wsol.Augmentation):
    """CutMix: paste a box from another image of the batch, and mix the labels in proportion to the areas.

    With lambda drawn from Beta(beta, beta), the sides of the box are sqrt(1 - lambda) of the image's, and its centre is
    uniform in the image. The box is clipped to the image, and lambda becomes the share of pixels that are kept.
    """

    name = "cutmix"
    paper = PAPER
    Options = CutMixOptions
    options: CutMixOptions

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """Mix a batch with one lambda, one box and one permutation; ``labels`` stay those of the images pasted into."""
        if torch.rand((), generator=generator) >= self.options.mix_rate:
            return batch
        count, _, height, width = batch.images.shape
        partner = torch.randperm(count, generator=generator).to(batch.images.device)
        x0, y0, x1, y1 = self.box(height, width, generator)
        images = batch.images.clone()
        images[:, :, y0:y1, x0:x1] = batch.images[partner, :, y0:y1, x0:x1]
        kept = 1 - (x1 - x0) * (y1 - y0) / (height * width)
        return batch.replace(images=images, targets=kept * batch.targets + (1 - kept) * batch.targets[partner])

    def box(self, height: int, width: int, generator: torch.Generator) -> tuple[int, int, int, int]:
        """Draw a box, clipped to the image.

        Args:
            height: Height of the image in pixels.
            width: Width of the image in pixels.
            generator: Source of the random numbers.

        Returns:
            x0, y0, x1, y1 in pixels, half-open; the box may be empty.
        """
        seed = int(torch.randint(2**62, (), generator=generator))  # torch has no Beta with a generator
        numbers = np.random.default_rng(seed)
        side = np.sqrt(1 - numbers.beta(self.options.beta, self.options.beta)) * np.array([width, height])
        centre = numbers.uniform(0, [width, height])
        corners = np.rint([centre - side / 2, centre + side / 2]).clip(0, [width, height])
        x0, y0, x1, y1 = corners.ravel().astype(int).tolist()
        return x0, y0, x1, y1


class CutMixTrainingOptions(CutMixOptions, wsol.TrainingOptions):
    """Options of CAM trained with CutMix."""


class CutMixMethod(wsol.ClassifierMethod):
    """CutMix: CAM trained on images with a box of another image; the loss mixes both labels by area."""

    name = "cutmix"
    paper = PAPER
    Options = CutMixTrainingOptions
    options: CutMixTrainingOptions

    def augmentations(self) -> Sequence[wsol.Augmentation]:
        """The recipe's augmentations, then CutMix."""
        return [*super().augmentations(), CutMix(self.options)]
