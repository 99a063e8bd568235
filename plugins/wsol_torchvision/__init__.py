"""Backbones: torchvision's networks in named units, with ImageNet weights, and a tiny one to train from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_backbones() -> Sequence[type[wsol.Backbone]]:
    """VGG, ResNets, MobileNetV2, Inception, DenseNet, EfficientNets, tiny."""
    from wsol_torchvision.mobilenet import MobileNetV2
    from wsol_torchvision.resnet import ResNet18, ResNet34, ResNet50, ResNet101
    from wsol_torchvision.tiny import Tiny

    return [ResNet18, ResNet34, ResNet50, ResNet101, MobileNetV2, Tiny]
