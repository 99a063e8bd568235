"""Learning a weight map: a network that says how much each pixel counts for another network's answer."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_methods() -> Sequence[type[wsol.Method]]:
    """Method I, with a classifier, and method II, with a Siamese network."""
    from wsol_weightmap.methods import WeightMap1, WeightMap2

    return [WeightMap1, WeightMap2]
