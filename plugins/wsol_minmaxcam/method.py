"""The method: each batch trains the classifier, then the linear layer alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wsol
from wsol_minmaxcam.losses import common_region, full_region, localization_map
from wsol_minmaxcam.sampler import set_sampler


class MinMaxOptions(wsol.TrainingOptions):
    """Options of MinMaxCAM; see docs/plugins/minmaxcam.md for values that the paper does not state."""

    weight_decay: float = wsol.option(5e-4, "weight decay, biases and batch norms included", ge=0)
    crr: float = wsol.hparam(1.0, wsol.uniform(0, 20), help="weight of the common region regularization", ge=0)
    frr: float = wsol.hparam(1.0, wsol.uniform(0, 20), help="weight of the full region regularization", ge=0)
    set_size: int = wsol.option(5, "images of a class in a batch; batch size / set size classes", ge=2)
    scale: Literal["mean", "paper"] = wsol.option(
        "mean", "squared distances of features: mean over channels (released code) or sum (Eqs. 3, 4)"
    )
    mask: Literal["inputs", "features"] = wsol.option("inputs", "what the map multiplies: the image, or its features")
    old_zero_grad: bool = wsol.option(
        False, "as under torch < 2.0: momentum and weight decay move the frozen layers too"
    )


class MinMaxCAM(wsol.ClassifierMethod):
    """MinMaxCAM: CAM whose linear layer also minimises the feature differences of masked images of one class.

    Each batch takes two optimizer steps: cross-entropy for all parameters; then, in evaluation mode with the features
    frozen, crr * CRR + frr * FRR for the linear layer. Batches consist of sets of images of one class.
    """

    name = "minmaxcam"
    paper = "Wang et al., MinMaxCAM: Improving Object Coverage for CAM-based WSOL, BMVC 2021"
    Options = MinMaxOptions
    options: MinMaxOptions

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """One phase with two optimizer steps for each batch."""
        yield wsol.Phase(
            "minmax",
            step=self.step,
            groups=self.parameter_groups(),
            sgd=self.options,
            sampler=set_sampler(self.options.set_size),
            keep_zero_grads=self.options.old_zero_grad,
        )

    def step(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Yield cross-entropy, then the two regularizations with the updated weights."""
        yield {"class": F.cross_entropy(self.classifier(batch.images), batch.targets)}
        if self.options.crr or self.options.frr:
            yield self.regularizations(batch)

    def regularizations(self, batch: wsol.Batch) -> dict[str, Tensor]:
        """The weighted CRR and FRR of a batch of sets; their gradients reach the weights of the linear layer only."""
        with _held(self.classifier):
            original, masked = self._masked(batch.images, batch.labels)
        sets = (-1, self.options.set_size, original.shape[1])
        scale = original.shape[1] if self.options.scale == "mean" else 1
        return {
            "crr": self.options.crr * common_region(masked.reshape(sets)) / scale,
            "frr": self.options.frr * full_region(masked.reshape(sets), original.reshape(sets)) / scale,
        }

    def _masked(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features, float [B, K], of the images, and of the images masked by their labels' maps."""
        features = self.classifier.features(images)
        region = localization_map(features, self.classifier.head.weight[labels])[:, None]
        if self.options.mask == "inputs":
            large = F.interpolate(region, images.shape[2:], mode="bilinear", align_corners=False)
            masked = self.classifier.features(images * large)
        else:
            masked = features * region
        return self._pool(features), self._pool(masked)

    def _pool(self, features: Tensor) -> Tensor:
        """Pool in full precision: the losses are differences of nearly equal vectors."""
        wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        pooled: Tensor = self.classifier.pooling(wide)
        return pooled


@contextmanager
def _held(classifier: wsol.Classifier) -> Iterator[None]:
    """Set evaluation mode and freeze everything but the linear layer inside the block."""
    parts: list[nn.Module] = [classifier.features, classifier.pooling]
    moving = [p for part in parts for p in part.parameters() if p.requires_grad]
    training = classifier.training
    classifier.eval()
    for p in moving:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in moving:
            p.requires_grad_(True)
        classifier.train(training)
