"""Where the benchmark's methods sit in a backbone: the published places as data, and a rule for other backbones."""

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

    adl: behind which ADL layers go. acol, spg: change the features before the method's heads are put on.
    acol_width: channels inside ACoL's heads, by default the features', 1024 at most; acol_draw: their initialisation.
    spg_taps: what SPG's branches B1 and B2 read; spg_width: their channels, by default those of B2's tap.
    slow_heads: the benchmark trains the new heads of ACoL and SPG at the backbone's rate.
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
    """The published layout, or for a backbone that the benchmark lacks, its last stages.

    ADL then goes behind the last two stages, SPG's branches read the two before the last.
    """
    known = LAYOUTS.get(backbone.name)
    if known is None:
        stages = tuple(features.stages)
        return Layout(adl=stages[-2:], spg_taps=stages[-3:-1])
    return known


def channels_of(features: wsol.Features, name: str) -> int:
    """Channels behind a unit or stage: those of the stage that it lies in."""
    units = list(features.units)
    place = units.index(features.unit_of(name))
    return next(features.channels[stage] for stage, end in features.stages.items() if units.index(end) >= place)


def learning_rates(
    method: wsol.Method, features: wsol.Features, heads: Sequence[nn.Module], layout: Layout
) -> list[wsol.ParameterGroup]:
    """The groups of ACoL and SPG: ``heads`` and the features' new units at ``new_lr_multiplier`` times the rate.

    ``lr_groups: wsoleval`` adds the pretrained units, and leaves out the heads, where the benchmark does.
    """
    published = method.options.lr_groups == "wsoleval"
    if published:
        features.head_lr_units |= features.wsoleval_head_lr_units
    new = features.new_parameters()
    if not (published and layout.slow_heads):
        new += [p for head in heads for p in head.parameters()]
    return wsol.split_groups(method, new, method.options.new_lr_multiplier)
