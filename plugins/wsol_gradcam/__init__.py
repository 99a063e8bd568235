"""Maps after the fact: seven extractors for any trained classifier, computed by the package ``grad-cam`` (an extra)."""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_extractors() -> Sequence[type[wsol.Extractor]]:
    """Grad-CAM, Grad-CAM++, XGrad-CAM, Layer-CAM, Score-CAM, Ablation-CAM and Eigen-CAM."""
    from wsol_gradcam import activations, gradients

    by_gradient = [gradients.GradCam, gradients.GradCamPlusPlus, gradients.XGradCam, gradients.LayerCam]
    return [*by_gradient, activations.ScoreCam, activations.AblationCam, activations.EigenCam]
