"""Methods I and II."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

import wsol
from wsol_weightmap.base import WeightMapMethod
from wsol_weightmap.losses import discrepancy, triplet
from wsol_weightmap.options import ClassifierOptions, SiameseOptions
from wsol_weightmap.sampling import triplets


class WeightMap1(WeightMapMethod):
    """Weight map, method I: pixel weights under which a classifier's answer stays, with as little weight as possible.

    g minimises D(f(I), f(I * g(I))) + sparsity * mean of g(I) (Eq. 1).
    """

    name = "weightmap1"
    Options = ClassifierOptions
    options: ClassifierOptions

    def teach(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Cross-entropy, as of every classifier."""
        return self.step(batch)

    def generate(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Eq. 1."""
        with torch.no_grad():
            original = self.classifier(batch.images)
        maps = self.generator(batch.images)
        masked = self.classifier(batch.images * maps)
        yield {
            "discrepancy": discrepancy(masked, original, batch.labels, self.options.target),
            "sparsity": self.options.sparsity * maps.mean(),
        }


class WeightMap2(WeightMapMethod):
    """Weight map, method II: a Siamese network instead of the classifier, and two triplet losses instead of D.

    A batch is anchors, positives and negatives in this order. It classifies nothing: for Top-1 Loc its maps are scored
    with the logits of another run, as in the paper with those of method I's f.
    """

    name = "weightmap2"
    Options = SiameseOptions
    options: SiameseOptions

    def build_classifier(self) -> wsol.Classifier:
        """f: the linear layer gives a vector instead of logits."""
        pooling = self.parts.require("pooling", self.name)
        return wsol.Classifier(self.build_features(), pooling, self.options.embedding)

    def sampler(self) -> wsol.Sampler:
        """Triplets, of as many anchors as the batch size says."""
        return triplets

    def embed(self, images: Tensor) -> Tensor:
        """Images float [B, 3, H, W] → f's vectors, float [B, embedding]."""
        vectors: Tensor = self.classifier(images)
        return F.normalize(vectors.float(), dim=1) if self.options.unit_length else vectors

    def teach(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Eq. 2."""
        anchor, positive, negative = self.embed(batch.images).chunk(3)
        yield {"triplet": triplet(anchor, positive, negative, self.options.margin)}

    def generate(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Eqs. 3 and 4, and the mean of the anchors' maps."""
        maps, anchors = self.generator(batch.images), batch.images.chunk(3)[0]
        anchor_maps = maps.chunk(3)[0]
        with torch.no_grad():
            whole = self.embed(anchors)
        front, positive, negative = self.embed(batch.images * maps).chunk(3)
        back = self.embed(anchors * (1 - anchor_maps))
        margin = self.options.margin
        yield {
            "inner": self.options.inner * triplet(whole, front, back, margin),
            "outer": self.options.outer * triplet(front, positive, negative, margin),
            "sparsity": self.options.sparsity * anchor_maps.mean(),
        }

    def classify(self, images: Tensor) -> None:
        """No logits."""
        return
