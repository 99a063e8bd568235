"""A classifier in two parts, cut at the layer whose activations make the map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import wsol


def activations_at(classifier: wsol.Classifier, images: Tensor, layer: str | None) -> Tensor:
    """Run a classifier up to a layer.

    Args:
        classifier: The classifier.
        images: float [B, 3, H, W].
        layer: The unit or stage; None: the last one of the features.

    Returns:
        The layer's output, float [B, K, h, w].

    Raises:
        wsol.UsageError: The layer is unknown, or the features are not a plain chain of units (a pyramid), so that
            :class:`Back` cannot run the rest of them.
    """
    features = classifier.features
    with torch.no_grad():
        if layer is None:
            return features(images)
        if type(features).forward is not wsol.Features.forward:
            raise wsol.UsageError(
                f"layer '{layer}': a network of type {type(features).__name__} is no plain chain of stages; "
                "leave 'layer' out to take the map of its output"
            )
        return features.run(images, until=layer)[0]


class Back(nn.Module):
    """The part of a classifier after ``layer``.

    ``entry`` is a module that a method may replace in order to change the activations.
    """

    def __init__(self, classifier: wsol.Classifier, layer: str | None) -> None:
        super().__init__()
        self.entry = nn.Identity()
        self.classifier = classifier
        self.layer = layer

    def forward(self, activations: Tensor) -> Tensor:
        """Compute logits: activations float [B, K, h, w] → [B, C]."""
        x = self.entry(activations).clone()  # a copy, because the next unit may work in place
        if self.layer is not None:
            x = self.classifier.features.run(x, start=self.layer)[0]
        return self.classifier.logits(x)

    def gradients(self, activations: Tensor, labels: Tensor) -> Tensor:
        """The gradient of each image's logit of its label with respect to the activations.

        It works under ``no_grad`` and leaves the ``.grad`` of all parameters unchanged.

        Args:
            activations: float [B, K, h, w].
            labels: int64 [B].

        Returns:
            float [B, K, h, w].
        """
        with torch.enable_grad():
            leaf = activations.detach().requires_grad_()
            logits = self(leaf.clone())  # torch's counter of operations fails on a leaf that enters a module
            return torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), leaf)[0]
