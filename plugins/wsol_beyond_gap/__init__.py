"""Beyond GAP: max and log-sum-exp pooling, a feature pyramid for any backbone, and Cutout."""

from __future__ import annotations

import wsol
from wsol_beyond_gap.cutout import Cutout
from wsol_beyond_gap.method import FpnCam
from wsol_beyond_gap.pooling import GLSEP, GMP


@wsol.hookimpl
def wsol_poolings() -> list[type[wsol.Pooling]]:
    """Global max pooling and global log-sum-exp pooling."""
    return [GMP, GLSEP]


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """CAM on one level of a feature pyramid."""
    return [FpnCam]


@wsol.hookimpl
def wsol_augmentations() -> list[type[wsol.Augmentation]]:
    """Cutout."""
    return [Cutout]
