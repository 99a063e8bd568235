"""The class activation map of a classifier."""

import torch
from torch import Tensor

import wsol


class CamExtractor(wsol.Extractor):
    """The weights of the label in the linear head, applied to the features before pooling; without bias and ReLU.

    map = mean over channels k of w[label, k] * F[k]. The reference evaluation stores the mean instead of the sum, too;
    the factor between them changes no normalised map.
    """

    name = "cam"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """Compute class maps: images float [B, 3, H, W], labels int64 [B] → float [B, h, w]."""
        features = classifier.features(images)
        weights = classifier.head.weight[labels]
        return torch.einsum("bk,bkhw->bhw", weights, features) / features.shape[1]
