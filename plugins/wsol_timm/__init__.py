"""MobileNetV1 from the package ``timm``, an optional dependency: ``pip install 'wsol[timm]'``."""

from __future__ import annotations

import wsol
from wsol_timm.mobilenet import MobileNetV1


@wsol.hookimpl
def wsol_backbones() -> list[type[wsol.Backbone]]:
    """MobileNetV1."""
    return [MobileNetV1]
