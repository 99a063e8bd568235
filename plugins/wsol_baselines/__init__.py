"""Baselines that ignore the image: the lower bound that a localization method must exceed."""

from __future__ import annotations

import wsol
from wsol_baselines.center import CenterGaussian


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """The centred Gaussian."""
    return [CenterGaussian]
