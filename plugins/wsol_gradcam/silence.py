"""The layer that Ablation-CAM puts in place of the activations. Import after :func:`wsol_gradcam.package.load`."""

from __future__ import annotations

from pytorch_grad_cam.ablation_layer import AblationLayer
from torch import Tensor


class Silence(AblationLayer):
    """Sets one channel of each copy to 0, as the paper does.

    The package's own layer subtracts 1e7 instead wherever no activation of the batch is exactly the minimum 0 (features
    without a ReLU at the end), and more with each copy: weights then say nothing about the channels.
    """

    activations: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Ignores ``x``; the package's n copies [n, K, h, w] of an image's activations, copy i without channel i."""
        for copy, channel in zip(self.activations, self.indices[: len(self.activations)], strict=True):
            copy[channel] = 0
        return self.activations
