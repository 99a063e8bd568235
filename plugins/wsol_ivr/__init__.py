"""Normalization Matters: the normalizers max, PaS and IVR, and CAM with negative-weight clamping."""

from __future__ import annotations

import wsol
from wsol_ivr.extractor import CamNwc
from wsol_ivr.normalizers import IVR, Max, PaS


@wsol.hookimpl
def wsol_normalizers() -> list[type[wsol.Normalizer]]:
    """Max, PaS and IVR; min-max is a component of ``wsol_cam``."""
    return [Max, PaS, IVR]


@wsol.hookimpl
def wsol_extractors() -> list[type[wsol.Extractor]]:
    """CAM with negative-weight clamping."""
    return [CamNwc]
