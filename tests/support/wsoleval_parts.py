"""Helpers of the wsoleval tests: methods by name on any backbone, without weights."""

from __future__ import annotations

from typing import Any

import torch

import wsol
from wsol.plugins import load_plugins

CLASSES = 200


def parts(backbone: str, num_classes: int = CLASSES, crop: int = 224, epochs: int = 2, **options: Any) -> wsol.Parts:
    plugins = load_plugins()
    return wsol.Parts(
        num_classes,
        wsol.Schedule(epochs, decay_every=100, batch_size=8),
        crop,
        plugins.create("backbones", backbone, {"pretrained": False, **options}),
        plugins.create("poolings", "gap"),
    )


def method(name: str, given: wsol.Parts, **options: Any) -> Any:
    plugins = load_plugins()
    return plugins.get("methods", name)(plugins.options("methods", name, options), given)


def outline(name: str, backbone: str, stride: int = 16, **options: Any) -> Any:
    """A method on the meta device: it has shapes and counts, and no memory."""
    with torch.device("meta"):
        return method(name, parts(backbone, stride=stride), **options)
