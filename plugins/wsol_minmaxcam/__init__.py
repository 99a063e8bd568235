"""MinMaxCAM: a class map whose linear layer learns, beside classifying, to cover what images of one class share."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_methods() -> Sequence[type[wsol.Method]]:
    """MinMaxCAM."""
    from wsol_minmaxcam.method import MinMaxCAM

    return [MinMaxCAM]
