"""Metrics: box accuracies, pixel average precision, localization and classification accuracies, and two analyses."""

from __future__ import annotations

import wsol
from wsol_metrics.analysis import BackgroundShare, MapExtrema
from wsol_metrics.boxes import BoxAccAtVal, BoxAccV2AtVal, MaxBoxAcc, MaxBoxAccV2
from wsol_metrics.classification import Top1Cls, Top5Cls
from wsol_metrics.localization import GtKnown, Top1Loc, Top5Loc
from wsol_metrics.pixels import PxAP


@wsol.hookimpl
def wsol_metrics() -> list[type[wsol.Metric]]:
    """All metrics."""
    return [
        MaxBoxAcc,
        MaxBoxAccV2,
        BoxAccAtVal,
        BoxAccV2AtVal,
        PxAP,
        GtKnown,
        Top1Loc,
        Top5Loc,
        Top1Cls,
        Top5Cls,
        BackgroundShare,
        MapExtrema,
    ]
