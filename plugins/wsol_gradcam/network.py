"""A classifier in two parts, cut at the layer whose activations make the map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import wsol


def activations_at(classifier: wsol.Classifier, images: Tensor, layer: str | None) -> Tensor:
    """Images float [B, 3, H, W] → output of the unit or stage ``layer`` (None: of the features), float [B, K, h, w].

    Raises UsageError for an unknown layer, and for one inside features that are no plain chain of units (a pyramid):
    what comes behind it there, :class:`Back` could not run.
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
    """What a classifier does behind ``layer``: activations float [B, K, h, w] → logits [B, C].

    ``entry`` is what a method may replace to change the activations; the classifier itself stays as it is.
    """

    def __init__(self, classifier: wsol.Classifier, layer: str | None) -> None:
        super().__init__()
        self.entry = nn.Identity()
        self.classifier = classifier
        self.layer = layer

    def forward(self, activations: Tensor) -> Tensor:
        """Activations float [B, K, h, w] → logits [B, C]."""
        x = self.entry(activations).clone()  # a copy, because the next unit may work in place
        if self.layer is not None:
            x = self.classifier.features.run(x, start=self.layer)[0]
        return self.classifier.logits(x)

    def gradients(self, activations: Tensor, labels: Tensor) -> Tensor:
        """Gradient of each image's logit of its label (int64 [B]) by the activations, float [B, K, h, w].

        Works under ``no_grad``; no parameter's ``.grad`` is touched.
        """
        with torch.enable_grad():
            leaf = activations.detach().requires_grad_()
            logits = self(leaf.clone())  # torch's counter of operations fails on a leaf that enters a module
            return torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), leaf)[0]
