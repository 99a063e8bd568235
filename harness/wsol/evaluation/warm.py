"""Load the compiled evaluation kernels before they are needed."""

from __future__ import annotations

import numpy as np

from wsol.evaluation.boxes import best_ious
from wsol.evaluation.pixel_ap import pixel_histograms


def warm_kernels() -> None:
    """Run each kernel once on a small map; a process that is forked afterwards has them without loading them again."""
    score_map = np.zeros((8, 8))
    score_map[1:7, 1:7] = 0.5
    score_map[3:5, 3:5] = 0.0  # a hole
    score_map[2, 2] = 1.0
    for contours in ("all", "largest"):
        best_ious(score_map, np.array([[1, 1, 6, 6]]), thresholds=4, contours=contours)
    pixel_histograms(score_map, score_map > 0)
