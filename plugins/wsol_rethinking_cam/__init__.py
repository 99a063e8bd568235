"""Rethinking CAM: thresholded average pooling, and a percentile of the map as the standard for its threshold."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_poolings() -> Sequence[type[wsol.Pooling]]:
    """Thresholded average pooling."""
    from wsol_rethinking_cam.pooling import TAP

    return [TAP]


@wsol.hookimpl
def wsol_box_rules() -> Sequence[type[wsol.BoxRule]]:
    """The percentile's threshold."""
    from wsol_rethinking_cam.boxes import PasThreshold

    return [PasThreshold]
