"""Normalization Matters: the max, PaS and IVR normalizers, and negative-weight clamping."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_normalizers() -> Sequence[type[wsol.Normalizer]]:
    """Max, PaS and IVR; min-max is the plugin ``wsol_cam``'s."""
    from wsol_ivr.normalizers import IVR, Max, PaS

    return [Max, PaS, IVR]


@wsol.hookimpl
def wsol_extractors() -> Sequence[type[wsol.Extractor]]:
    """The class map of a clamped head."""
    from wsol_ivr.extractor import CamNwc

    return [CamNwc]
