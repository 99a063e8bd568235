"""Maps of activations weighted by the gradients of the label's logit.

A is the layer's output [K, h, w] for an image, g the gradient of the label's logit with respect to A. No map is
clipped at 0.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

import wsol
from wsol_gradcam.network import Back, activations_at
from wsol_gradcam.package import LayerOptions, class_map, method


class GradientExtractor(wsol.Extractor):
    """Base class: one forward pass, one backward pass from the logit to the layer, and the package's formula."""

    Options = LayerOptions
    options: LayerOptions
    package_name: ClassVar[str]

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → float [B, h, w]; raises UsageError (package, layer)."""
        back = Back(classifier, self.options.layer)
        activations = activations_at(classifier, images, self.options.layer)
        scaled = self.scaled(activations, back.gradients(activations, labels))
        return class_map(method(self.package_name, back), *scaled)

    def scaled(self, activations: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Activations and gradients as they are passed to the formula; here they are unchanged.

        Args:
            activations: The layer's output A, float [B, K, h, w].
            gradients: Gradients g of the labels' logits with respect to A, float [B, K, h, w].

        Returns:
            Activations and gradients, float [B, K, h, w] each.
        """
        return activations, gradients


class GradCam(GradientExtractor):
    """Grad-CAM: sum over channels k of (mean of g_k) * A_k.

    With average pooling and a linear head it equals CAM times a positive constant.
    """

    name = "grad_cam"
    paper = "Selvaraju et al., Grad-CAM: Visual Explanations … via Gradient-based Localization, ICCV 2017"
    package_name = "GradCAM"


class GradCamPlusPlus(GradientExtractor):
    """Grad-CAM++: sum over channels of w_k * A_k, with w_k the sum over pixels of alpha * max(g, 0).

    alpha = g^2 / (2 g^2 + (sum of A_k) * g^3), the paper's Eq. 19 for the score exp(logit). Meant for A >= 0.
    """

    name = "grad_cam_pp"
    paper = "Chattopadhay et al., Grad-CAM++: Generalized Gradient-based Visual Explanations …, WACV 2018"
    package_name = "GradCAMPlusPlus"

    def scaled(self, activations: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Scale to c * A and g / c, which changes neither alpha nor the map; an image's largest gradient becomes 1000.

        The package adds 1e-6 to the denominator of alpha; squared gradients of a pooled head are far smaller than that.
        """
        largest = gradients.abs().amax((1, 2, 3), keepdim=True)
        c = (largest / 1000).clamp(min=torch.finfo(gradients.dtype).tiny)
        return activations * c, gradients / c


class XGradCam(GradientExtractor):
    """XGrad-CAM: sum over channels k of w_k * A_k, with w_k the sum over pixels of g_k * A_k / (sum of A_k).

    It is meant for A >= 0: if positive and negative activations cancel, the division exaggerates a channel.
    """

    name = "xgrad_cam"
    paper = "Fu et al., Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs, BMVC 2020"
    package_name = "XGradCAM"


class LayerCam(GradientExtractor):
    """Layer-CAM: sum over channels k of max(g_k, 0) * A_k, pixel by pixel; suited to earlier stages too (``layer``)."""

    name = "layer_cam"
    paper = "Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, TIP 2021"
    package_name = "LayerCAM"
