"""Self-produced guidance."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wsol
from wsol_wsoleval.guidance import region_loss, regions
from wsol_wsoleval.layouts import channels_of, layout_of, learning_rates
from wsol_wsoleval.maps import conv3, initialise, minmax, upsampled, xavier

WIDTH_C = 512
"""Channels of branch C, at most."""


class SPGOptions(wsol.TrainingOptions):
    """Options of SPG: three pairs of thresholds; the high one is given by its position between the low one and 1.

    Pair 1 divides the attention map, the target of B2; pair 2 divides B2, the target of B1; pair 3 divides the mean of
    B1 and B2, the target of C. The published search draws low from U[0, 1] and high from U[low, 1].
    """

    low1: float = wsol.hparam(0.01, wsol.uniform(0.0, 1.0), "attention below it is background", ge=0, le=1)
    rise1: float = wsol.hparam(0.697, wsol.uniform(0.0, 1.0), "object above low1 + rise1 * (1 - low1)", ge=0, le=1)
    low2: float = wsol.hparam(0.05, wsol.uniform(0.0, 1.0), "sigmoid(B2) below it is background", ge=0, le=1)
    rise2: float = wsol.hparam(0.474, wsol.uniform(0.0, 1.0), "object above low2 + rise2 * (1 - low2)", ge=0, le=1)
    low3: float = wsol.hparam(0.1, wsol.uniform(0.0, 1.0), "mean of B1 and B2 below it is background", ge=0, le=1)
    rise3: float = wsol.hparam(0.667, wsol.uniform(0.0, 1.0), "object above low3 + rise3 * (1 - low3)", ge=0, le=1)
    enough: int = wsol.option(30, "pixels above a high threshold; with fewer, 0.7 of the map's maximum is taken", ge=0)

    def thresholds(self, pair: int) -> tuple[float, float]:
        """The low and the high threshold of pair 1, 2 or 3."""
        low, rise = getattr(self, f"low{pair}"), getattr(self, f"rise{pair}")
        return low, low + rise * (1 - low)


class SPG(wsol.ClassifierMethod):
    """SPG: confident regions of the attention map supervise earlier layers.

    Branches B1 and B2 read two earlier maps and share their last layers, C reads the last one; each gives one map,
    enlarged to the image. The loss is cross-entropy + BCE(B2, regions of the attention map of the label) +
    BCE(B1, regions of sigmoid(B2)) + BCE(C, regions of (sigmoid(B1) + sigmoid(B2)) / 2), each over certain pixels only.
    The branches serve training alone; the score map is the classifier's, as in the wsoleval benchmark.
    """

    name = "spg"
    paper = "Zhang et al., Self-produced guidance for weakly-supervised object localization, ECCV 2018"
    Options = SPGOptions
    options: SPGOptions

    def __init__(self, options: SPGOptions, parts: wsol.Parts) -> None:
        super().__init__(options, parts)
        features = self.classifier.features
        if len(self.layout.spg_taps) < 2:
            raise wsol.UsageError(f"method 'spg' needs a backbone of 3 stages, this one has {len(features.stages)}")
        first, second = (channels_of(features, tap) for tap in self.layout.spg_taps)
        width, last = self.layout.spg_width or second, features.out_channels
        self.branch_b1 = nn.Sequential(*conv3(first, width))
        self.branch_b2 = nn.Sequential(*conv3(second, width))
        self.branch_b = nn.Sequential(*conv3(width, width), nn.Conv2d(width, 1, 1))
        self.branch_c = nn.Sequential(*conv3(last, min(last, WIDTH_C)), nn.Conv2d(min(last, WIDTH_C), 1, 1))
        for head in self.heads():
            initialise(head, xavier)

    def heads(self) -> list[nn.Module]:
        """The modules that SPG adds to a backbone, the classifier's head included."""
        return [self.classifier.head, self.branch_b1, self.branch_b2, self.branch_b, self.branch_c]

    def build_features(self) -> wsol.Features:
        """Build the backbone with the benchmark's changes for SPG."""
        features = super().build_features()
        self.layout = layout_of(self.parts.require("backbone", self.name), features)
        self.layout.spg(features)
        return features

    def parameter_groups(self) -> list[wsol.ParameterGroup]:
        """The heads at the new layers' learning rate, or with ``lr_groups: wsoleval`` the benchmark's groups."""
        return learning_rates(self, self.classifier.features, self.heads(), self.layout)

    def step(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Yield cross-entropy, and the three losses on confident regions."""
        height, width = batch.images.shape[-2:]
        size = (height, width)
        last, taps = self.classifier.features.run(batch.images, want=self.layout.spg_taps)
        attention = minmax(upsampled(self.attention(last, batch.labels), size))
        first, second = (taps[tap] for tap in self.layout.spg_taps)
        b1 = upsampled(self.branch_b(self.branch_b1(first))[:, 0], size)
        b2 = upsampled(self.branch_b(self.branch_b2(second))[:, 0], size)
        c = upsampled(self.branch_c(last)[:, 0], size)
        yield {
            "classes": F.cross_entropy(self.classifier.logits(last), batch.targets),
            "b2": self.guidance(b2, attention, 1),
            "b1": self.guidance(b1, b2.sigmoid(), 2),
            "c": self.guidance(c, (b1.sigmoid() + b2.sigmoid()) / 2, 3),
        }

    def guidance(self, logits: Tensor, teacher: Tensor, pair: int) -> Tensor:
        """The loss of a branch's logits on the certain regions of its teacher; see the options.

        Args:
            logits: The branch's map, float [B, H, W].
            teacher: The map that is divided into regions, float [B, H, W] in [0, 1].
            pair: The pair of thresholds: 1, 2 or 3.

        Returns:
            A scalar >= 0.
        """
        return region_loss(logits, regions(teacher, *self.options.thresholds(pair), self.options.enough))

    def attention(self, features: Tensor, labels: Tensor) -> Tensor:
        """Class maps of the labels, without the bias and without gradient.

        Args:
            features: The last features, float [B, K, h, w].
            labels: int64 [B].

        Returns:
            float [B, h, w].
        """
        weights = self.classifier.head.weight[labels]
        return torch.einsum("bk,bkhw->bhw", weights, features).detach()
