"""The linear class map of a classifier."""

import torch
from torch import Tensor

import wsol


class CamExtractor(wsol.Extractor):
    """The label's row of the linear head applied to the unpooled features; bias unused, no ReLU.

    map = mean over channels k of w[label, k] * F[k]; the mean instead of the sum scales a map, which no normalizer
    notices, and is what the reference evaluation stores.
    """

    name = "cam"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → float [B, h, w]."""
        features = classifier.features(images)
        weights = classifier.head.weight[labels]
        return torch.einsum("bk,bkhw->bhw", weights, features) / features.shape[1]
