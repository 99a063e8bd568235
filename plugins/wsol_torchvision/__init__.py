"""Backbones of torchvision in named units, with ImageNet weights, and a small one that is trained from scratch."""

from __future__ import annotations

import wsol
from wsol_torchvision.densenet import DenseNet161
from wsol_torchvision.efficientnet import EFFICIENT_NETS
from wsol_torchvision.inception import InceptionV3
from wsol_torchvision.mobilenet import MobileNetV2
from wsol_torchvision.resnet import ResNet18, ResNet34, ResNet50, ResNet101
from wsol_torchvision.tiny import Tiny
from wsol_torchvision.vgg import Vgg16


@wsol.hookimpl
def wsol_backbones() -> list[type[wsol.Backbone]]:
    """VGG-16, ResNets, InceptionV3, DenseNet-161, MobileNetV2, EfficientNets and ``tiny``."""
    return [
        Vgg16,
        ResNet18,
        ResNet34,
        ResNet50,
        ResNet101,
        InceptionV3,
        DenseNet161,
        MobileNetV2,
        *EFFICIENT_NETS,
        Tiny,
    ]
