"""Adversarial complementary learning."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wsol
from wsol_wsoleval.layouts import layout_of, learning_rates
from wsol_wsoleval.maps import conv3, initialise, minmax, of_label

WIDTH = 1024
"""Channels inside a branch, at most, unless the layout says so."""


class ACoLOptions(wsol.TrainingOptions):
    """Options of ACoL."""

    threshold: float = wsol.hparam(
        0.7, wsol.uniform(0.0, 1.0), "branch B does not see locations where A's normalised map reaches this", ge=0, le=1
    )


class ACoL(wsol.Method):
    """ACoL: a second classifier learns from the features that remain when the first one's best region is erased.

    Two branches (two 3x3 convolutions and a 1x1 convolution to classes) end in class maps A and B. B sees the features
    without the locations where A's map of the label, min-max normalised and detached, is >= ``threshold``. The loss is
    the sum of both branches' cross-entropies on average-pooled maps; the score map is max(minmax A, minmax B) of the
    label. Classification is A's.
    """

    name = "acol"
    paper = "Zhang et al., Adversarial complementary learning for weakly supervised object localization, CVPR 2018"
    uses = frozenset({"backbone"})
    Options = ACoLOptions
    options: ACoLOptions

    def __init__(self, options: ACoLOptions, parts: wsol.Parts) -> None:
        super().__init__(options, parts)
        backbone = parts.require("backbone", self.name)
        self.features = backbone.build()
        self.layout = layout_of(backbone, self.features)
        self.layout.acol(self.features)
        self.branch_a, self.branch_b = self.branch(), self.branch()

    def branch(self) -> nn.Sequential:
        """Build a head: features float [B, K, h, w] → class maps float [B, C, h, w]."""
        channels = self.features.out_channels
        width = self.layout.acol_width or min(WIDTH, channels)
        head = nn.Sequential(*conv3(channels, width), *conv3(width, width), nn.Conv2d(width, self.parts.num_classes, 1))
        initialise(head, self.layout.acol_draw)
        return head

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """One phase of as many epochs as the schedule has."""
        groups = learning_rates(self, self.features, [self.branch_a, self.branch_b], self.layout)
        yield wsol.Phase("classify", step=self.step, groups=groups, sgd=self.options)

    def step(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Yield the cross-entropies of both branches."""
        maps_a, maps_b = self.class_maps(batch.images, batch.labels)
        yield {
            "a": F.cross_entropy(maps_a.mean((2, 3)), batch.targets),
            "b": F.cross_entropy(maps_b.mean((2, 3)), batch.targets),
        }

    def class_maps(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Class maps of both branches.

        Args:
            images: float [B, 3, H, W].
            labels: int64 [B]; A's maps of these labels determine what is erased from the input of B.

        Returns:
            Class maps A and B, float [B, C, h, w] each.
        """
        features = self.features(images)
        maps_a = self.branch_a(features)
        kept = remaining(of_label(maps_a, labels), self.options.threshold)
        return maps_a, self.branch_b(features * kept[:, None])

    def localize(self, images: Tensor, labels: Tensor, extractor: wsol.Extractor | None) -> Tensor:
        """The maximum of both branches' normalised maps, float [B, h, w]; the extractor is not used."""
        map_a, map_b = (minmax(of_label(maps, labels)) for maps in self.class_maps(images, labels))
        return torch.maximum(map_a, map_b)

    def classify(self, images: Tensor) -> Tensor:
        """Branch A's logits."""
        logits: Tensor = self.branch_a(self.features(images)).mean((2, 3))
        return logits


def remaining(maps: Tensor, threshold: float) -> Tensor:
    """Where the min-max normalised maps are below a threshold, without gradient.

    Args:
        maps: Raw maps, float [B, h, w].
        threshold: Threshold on the normalised maps, in [0, 1].

    Returns:
        bool [B, h, w].
    """
    return minmax(maps) < threshold
