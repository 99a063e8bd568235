"""Beyond GAP: max and log-sum-exp poolings, a feature pyramid for any backbone, and Cutout."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_poolings() -> Sequence[type[wsol.Pooling]]:
    """Global max pooling and global log-sum-exp pooling."""
    from wsol_beyond_gap.pooling import GLSEP, GMP

    return [GMP, GLSEP]


@wsol.hookimpl
def wsol_methods() -> Sequence[type[wsol.Method]]:
    """CAM on a level of a feature pyramid."""
    from wsol_beyond_gap.method import FpnCam

    return [FpnCam]


@wsol.hookimpl
def wsol_augmentations() -> Sequence[type[wsol.Augmentation]]:
    """A square hole."""
    from wsol_beyond_gap.cutout import Cutout

    return [Cutout]
