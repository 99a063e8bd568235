"""CutMix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import wsol

PAPER = "Yun et al., CutMix: regularization strategy to train strong classifiers with localizable features, ICCV 2019"


class CutMixOptions(wsol.Options):
    """Options of CutMix. The published search draws beta as 1 / u - 1/2, u uniform in (0, 2]."""

    mix_rate: float = wsol.hparam(1.0, wsol.uniform(0.0, 1.0), "share of the batches that are mixed", ge=0, le=1)
    u: float = wsol.hparam(2 / 3, wsol.uniform(0.0, 2.0), "beta = 1/u - 1/2; u = 1 / (beta + 1/2)", gt=0, lt=2)

    @property
    def beta(self) -> float:
        """Both parameters of the Beta distribution that the uncut share of an image is drawn from, > 0."""
        return 1 / self.u - 0.5


class CutMix(wsol.Augmentation):
    """CutMix: paste a box of another image of the batch, and mix the labels as the areas are mixed.

    With lambda ~ Beta(beta, beta), the box has sqrt(1 - lambda) of the image's sides and its centre anywhere; what
    lies outside the image is cut off, and lambda becomes the share of pixels that stayed.
    """

    name = "cutmix"
    paper = PAPER
    Options = CutMixOptions

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """One lambda, box and order of partners a batch; ``labels`` stay those of the images pasted into."""
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
        """A random box (x0, y0, x1, y1) in pixels, clipped to the image; it may be empty."""
        seed = int(torch.randint(2**62, (), generator=generator))  # torch draws no Beta from a given generator
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

    def augmentations(self) -> Sequence[wsol.Augmentation]:
        """The recipe's, then mixing."""
        return [*super().augmentations(), CutMix(self.options)]
