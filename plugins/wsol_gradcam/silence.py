"""The layer that Ablation-CAM replaces the activations with. Import after :func:`wsol_gradcam.package.load`."""

from __future__ import annotations

from pytorch_grad_cam.ablation_layer import AblationLayer
from torch import Tensor


class Silence(AblationLayer):
    """Set one channel of each copy to 0, as in the paper.

    For features without a final ReLU, whose minimum is not exactly 0, the package's own layer subtracts 1e7 instead,
    and more with each copy; the weights are then meaningless.
    """

    activations: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return n copies [n, K, h, w] of an image's activations, each without one channel; ``x`` is unused."""
        for copy, channel in zip(self.activations, self.indices[: len(self.activations)], strict=True):
            copy[channel] = 0
        return self.activations
