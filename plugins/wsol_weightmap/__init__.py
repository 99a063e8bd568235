"""Weight maps: a generator network predicts how much each pixel contributes to a classifier's output."""

from __future__ import annotations

import wsol
from wsol_weightmap.methods import WeightMap1, WeightMap2


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """Method I, with a classifier, and method II, with a Siamese network."""
    return [WeightMap1, WeightMap2]
