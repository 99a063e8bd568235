"""Backbones: torchvision's networks in named units, with ImageNet weights, and a tiny one to train from scratch."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_backbones() -> Sequence[type[wsol.Backbone]]:
    """VGG, ResNets, MobileNetV2, Inception, DenseNet, EfficientNets, tiny."""
    from wsol_torchvision.densenet import DenseNet161
    from wsol_torchvision.efficientnet import EFFICIENT_NETS
    from wsol_torchvision.inception import InceptionV3
    from wsol_torchvision.mobilenet import MobileNetV2
    from wsol_torchvision.resnet import ResNet18, ResNet34, ResNet50, ResNet101
    from wsol_torchvision.tiny import Tiny
    from wsol_torchvision.vgg import Vgg16

    resnets = [ResNet18, ResNet34, ResNet50, ResNet101]
    return [Vgg16, *resnets, InceptionV3, DenseNet161, MobileNetV2, *EFFICIENT_NETS, Tiny]
