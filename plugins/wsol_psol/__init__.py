"""PSOL, and deep descriptor transformation (DDT), which computes its pseudo boxes."""

from __future__ import annotations

import wsol


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """DDT with boxes, DDT with heat maps, and PSOL."""
    # Imported here, because `wsol --help` imports this package for its commands and must not load torch.
    from wsol_psol.colocalize import DDT, DDTMap
    from wsol_psol.method import PSOL

    return [DDT, DDTMap, PSOL]
