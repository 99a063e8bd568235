"""Which layers train at the head's learning rate."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import wsol

UNITS = ("stem", "deep", "added")


class Mean(wsol.Pooling):
    name = "mean"

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


class Chain(wsol.Backbone):
    """Three units, of which the last is new and the second fast."""

    name = "chain"

    def build(self) -> wsol.Features:
        units = {name: nn.Conv2d(3, 3, 1) for name in UNITS}
        return wsol.Features(
            units, {"all": "added"}, {"all": 3}, head_lr_units=["added"], wsoleval_head_lr_units=["deep"]
        )


class Plain(wsol.ClassifierMethod):
    name = "plain"


def rates(**options: Any) -> dict[str, float]:
    """Learning rate of every part of a network, as a multiple of the base's."""
    parts = wsol.Parts(2, wsol.Schedule(1, 1), 8, Chain(), Mean())
    method = Plain(wsol.TrainingOptions(**options), parts)
    phase = next(method.phases(None))  # type: ignore[arg-type]
    multiplier = {id(p): group.lr_multiplier for group in phase.groups for p in group.parameters}
    assert len(multiplier) == sum(len(group.parameters) for group in phase.groups)
    modules = {**method.classifier.features.units, "head": method.classifier.head}
    return {name: multiplier[id(module.weight)] for name, module in modules.items()}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"stem": 1, "deep": 1, "added": 10, "head": 10}),
        ({"lr_groups": "wsoleval"}, {"stem": 1, "deep": 10, "added": 10, "head": 10}),
        ({"lr_groups": "wsoleval", "new_lr_multiplier": 3}, {"stem": 1, "deep": 3, "added": 3, "head": 3}),
    ],
)
def test_new_and_fast_layers(options: dict[str, Any], expected: dict[str, float]) -> None:
    assert rates(**options) == expected


def test_dropped_units_are_not_fast() -> None:
    features = wsol.Features(
        {"a": nn.Identity(), "b": nn.Identity()},
        {"a": "a", "b": "b"},
        {"a": 3, "b": 3},
        wsoleval_head_lr_units=["a", "b"],
    )
    features.truncate("a")
    assert features.wsoleval_head_lr_units == {"a"}
    assert torch.equal(features(torch.ones(1, 3, 1, 1)), torch.ones(1, 3, 1, 1))


def test_unknown_fast_units_are_an_error() -> None:
    with pytest.raises(wsol.PluginError, match="nowhere"):
        wsol.Features({"a": nn.Identity()}, {"a": "a"}, {"a": 3}, wsoleval_head_lr_units=["nowhere"])
