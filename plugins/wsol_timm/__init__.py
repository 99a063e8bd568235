"""Backbones that torchvision lacks, out of the package timm (an optional extra): MobileNetV1."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_backbones() -> Sequence[type[wsol.Backbone]]:
    """MobileNetV1."""
    from wsol_timm.mobilenet import MobileNetV1

    return [MobileNetV1]
