"""Where the benchmark's methods are inserted into a backbone: published places, and a rule for other backbones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

import wsol
from wsol_wsoleval.maps import Draw, he, xavier
from wsol_wsoleval.vgg import acol_vgg, spg_vgg

Adapt = Callable[[wsol.Features], None]


def unchanged(features: wsol.Features) -> None:
    """Leave the features as they are."""


@dataclass(frozen=True)
class Layout:
    """Places in one backbone, by names of its units and stages.

    Attributes:
        adl: Units or stages after which ADL inserts its layers.
        spg_taps: Outputs that SPG's branches B1 and B2 read.
        spg_width: Channels in these branches; None takes those of B2's input.
        acol: Changes the features before ACoL adds its heads.
        spg: Changes the features before SPG adds its heads.
        acol_width: Channels in ACoL's heads; None takes those of the features, and at most 1024.
        acol_draw: Initialisation of ACoL's heads.
        slow_heads: Whether the benchmark trains the new heads of ACoL and SPG at the backbone's learning rate.
    """

    adl: tuple[str, ...]
    spg_taps: tuple[str, ...]
    spg_width: int | None = None
    acol: Adapt = unchanged
    spg: Adapt = unchanged
    acol_width: int | None = None
    acol_draw: Draw = xavier
    slow_heads: bool = False


RESNET = Layout(adl=("layer3_0", "layer4_0", "layer4"), spg_taps=("layer3_0", "layer3"), acol_draw=he, slow_heads=True)
LAYOUTS = {
    "vgg16": Layout(
        adl=("pool3", "conv4", "conv5"),
        spg_taps=("conv4", "conv5_3"),
        acol=acol_vgg,
        spg=spg_vgg,
        acol_width=1024,
    ),
    "inception_v3": Layout(
        adl=("mixed5", "mixed6", "added2"),
        spg_taps=("mixed5", "mixed6"),
        spg_width=512,
        acol=partial(wsol.Features.truncate, stage="mixed6"),
        acol_width=1024,
    ),
    **dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101"), RESNET),
}


def layout_of(backbone: wsol.Backbone, features: wsol.Features) -> Layout:
    """The published layout of a backbone, or for other backbones one by its last stages.

    ADL then inserts layers after the last two stages, and SPG's branches read the two stages before the last.

    Args:
        backbone: The backbone; its name selects the published layout.
        features: The backbone's network; its stages make the layout of a backbone without a published one.

    Returns:
        The layout.
    """
    known = LAYOUTS.get(backbone.name)
    if known is None:
        stages = tuple(features.stages)
        return Layout(adl=stages[-2:], spg_taps=stages[-3:-1])
    return known


def channels_of(features: wsol.Features, name: str) -> int:
    """Number of channels after a unit or stage: those of the stage that contains it.

    Args:
        features: The backbone's network.
        name: The unit or stage.

    Returns:
        The number of channels.

    Raises:
        wsol.UsageError: The unit or stage is unknown.
    """
    units = list(features.units)
    place = units.index(features.unit_of(name))
    return next(features.channels[stage] for stage, end in features.stages.items() if units.index(end) >= place)


def learning_rates(
    method: wsol.Method, features: wsol.Features, heads: Sequence[nn.Module], layout: Layout
) -> list[wsol.ParameterGroup]:
    """Parameter groups of ACoL and SPG.

    Args:
        method: The method; its options give the multiplier and the groups.
        features: The backbone's network.
        heads: The method's heads.
        layout: Says whether the benchmark trains the heads at the backbone's rate.

    Returns:
        The pretrained parameters; and the heads and new units at ``new_lr_multiplier`` times the learning rate. With
        ``lr_groups: wsoleval`` pretrained units are added, and heads left out, where the benchmark does so.
    """
    published = method.options.lr_groups == "wsoleval"
    if published:
        features.head_lr_units |= features.wsoleval_head_lr_units
    new = features.new_parameters()
    if not (published and layout.slow_heads):
        new += [p for head in heads for p in head.parameters()]
    return wsol.split_groups(method, new, method.options.new_lr_multiplier)
