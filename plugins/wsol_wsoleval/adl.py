"""Attention-based dropout."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import wsol
from wsol_wsoleval.layouts import layout_of

PAPER = "Choe and Shim, Attention-based dropout layer for weakly supervised object localization, CVPR 2019"


class AttentionDropout(nn.Module):
    """Hides the most active locations, or weights all by their attention; the identity in evaluation mode.

    The attention is the mean over channels. With probability ``drop_rate``, locations with an attention of at least
    ``threshold`` times the image's largest are set to 0; otherwise the features are multiplied by sigmoid(attention).
    Each forward pass of a layer makes this choice once for the whole batch. Attention is compared in float32 or better:
    bfloat16 has steps of 0.4 %, too coarse for locations near the threshold.

    Args:
        threshold: Smallest attention that is hidden, as a share of the largest.
        drop_rate: Probability of hiding.
    """

    def __init__(self, threshold: float, drop_rate: float) -> None:
        super().__init__()
        self.threshold, self.drop_rate = threshold, drop_rate

    def forward(self, features: Tensor) -> Tensor:
        """Apply the layer to features, float [B, K, h, w]; the attention has gradients too."""
        if not self.training:
            return features
        attention = features.mean(dim=1, keepdim=True, dtype=torch.promote_types(features.dtype, torch.float32))
        if torch.rand(()) < self.drop_rate:
            peak = attention.amax(dim=(2, 3), keepdim=True)
            return features * (attention < self.threshold * peak)
        return features * attention.sigmoid().to(features.dtype)


class ADLOptions(wsol.TrainingOptions):
    """Options of ADL."""

    drop_rate: float = wsol.hparam(
        0.75,
        wsol.uniform(0.0, 1.0),
        "probability that a layer hides instead of weighting",
        ge=0,
        le=1,
    )
    threshold: float = wsol.hparam(
        0.9, wsol.uniform(0.0, 1.0), "smallest attention that is hidden, as a share of the largest", ge=0, le=1
    )
    positions: tuple[str, ...] | None = wsol.option(
        None, "units or stages after which layers are inserted; default: as published, or the last two stages"
    )


class ADL(wsol.ClassifierMethod):
    """ADL: CAM on a backbone with attention-based dropout layers, which have no parameters.

    The backbone's own dropout units (InceptionV3 has three) are switched off, as in the wsoleval benchmark.
    """

    name = "adl"
    paper = PAPER
    Options = ADLOptions
    options: ADLOptions

    def build_features(self) -> wsol.Features:
        """Insert the layers ``adl1``, ``adl2`` … into the backbone; raises UsageError for an unknown position."""
        features = super().build_features()
        positions = self.options.positions
        if positions is None:
            positions = layout_of(self.parts.require("backbone", self.name), features).adl
        for unit in features.units.values():
            if isinstance(unit, nn.Dropout):
                unit.p = 0.0
        for i, position in enumerate(positions, start=1):
            features.insert(position, f"adl{i}", AttentionDropout(self.options.threshold, self.options.drop_rate))
        return features
