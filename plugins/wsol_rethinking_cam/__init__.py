"""Rethinking CAM: thresholded average pooling, and a box threshold relative to a percentile of the map."""

from __future__ import annotations

import wsol
from wsol_rethinking_cam.boxes import PasThreshold
from wsol_rethinking_cam.pooling import TAP


@wsol.hookimpl
def wsol_poolings() -> list[type[wsol.Pooling]]:
    """Thresholded average pooling."""
    return [TAP]


@wsol.hookimpl
def wsol_box_rules() -> list[type[wsol.BoxRule]]:
    """Percentile as a standard for the threshold."""
    return [PasThreshold]
