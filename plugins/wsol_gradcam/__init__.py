"""Gradient-based and activation-based extractors for any trained classifier, computed by the package ``grad-cam``.

The package is an optional dependency: ``pip install 'wsol[gradcam]'``.
"""

from __future__ import annotations

import wsol
from wsol_gradcam import activations, gradients


@wsol.hookimpl
def wsol_extractors() -> list[type[wsol.Extractor]]:
    """Grad-CAM, Grad-CAM++, XGrad-CAM, Layer-CAM, Score-CAM, Ablation-CAM and Eigen-CAM."""
    return [
        gradients.GradCam,
        gradients.GradCamPlusPlus,
        gradients.XGradCam,
        gradients.LayerCam,
        activations.ScoreCam,
        activations.AblationCam,
        activations.EigenCam,
    ]
