"""The scores of the field: box accuracies, pixel average precision, localization and classification rates."""

import wsol
from wsol_metrics.analysis import BackgroundShare, MapExtrema
from wsol_metrics.boxes import BoxAccAtVal, BoxAccV2AtVal, MaxBoxAcc, MaxBoxAccV2
from wsol_metrics.classification import Top1Cls, Top5Cls
from wsol_metrics.localization import GtKnown, Top1Loc, Top5Loc
from wsol_metrics.pixels import PxAP


@wsol.hookimpl
def wsol_metrics() -> list[type[wsol.Metric]]:
    """Boxes, pixels, classes, and two analyses of how maps fail."""
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
