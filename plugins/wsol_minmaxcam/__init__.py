"""MinMaxCAM: a classifier whose linear layer is regularised with sets of images of one class."""

from __future__ import annotations

import wsol
from wsol_minmaxcam.method import MinMaxCAM


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """MinMaxCAM."""
    return [MinMaxCAM]
