"""CAM with negative weights clamped."""

import torch
from torch import Tensor

import wsol


class CamNwc(wsol.Extractor):
    """CAM with negative-weight clamping (NWC): negative weights of the label count as 0 in the map.

    map = mean over channels k of max(w[label, k], 0) * F[k]. The weights of the classifier, and so its logits, are
    unchanged.
    """

    name = "cam_nwc"
    paper = "Bae et al., Rethinking Class Activation Mapping for Weakly Supervised Object Localization, ECCV 2020"

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """Compute class maps: images float [B, 3, H, W], labels int64 [B] → float [B, h, w]."""
        features = classifier.features(images)
        weights = classifier.head.weight[labels].clamp(min=0)
        return torch.einsum("bk,bkhw->bhw", weights, features) / features.shape[1]
