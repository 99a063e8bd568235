"""PSOL and the co-localization that gives its pseudo boxes."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_methods() -> Sequence[type[wsol.Method]]:
    """DDT as boxes and as a map, and PSOL."""
    from wsol_psol.colocalize import DDT, DDTMap
    from wsol_psol.method import PSOL

    return [DDT, DDTMap, PSOL]
