"""Maps without gradients, from masked images, ablated channels or principal components.

A is the layer's output [K, h, w] for an image. Score-CAM and Ablation-CAM run the network once for each of K channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

import wsol
from wsol_gradcam.network import Back, activations_at
from wsol_gradcam.package import BatchedOptions, LayerOptions, Target, class_map, load, method, without_bars


class ScoreCam(wsol.Extractor):
    """Score-CAM: sum over channels k of w_k * A_k, w the softmax over k of the label's logit of the image masked by k.

    The mask is A_k, upsampled to the image (bilinear, corners aligned) and min-max scaled. Each image needs K passes
    through the whole network and the memory of K images: 1.2 GB for 2048 channels and 224x224 pixels, a few times that
    at peak.
    """

    name = "score_cam"
    paper = "Wang et al., Score-CAM: Score-Weighted Visual Explanations for CNNs, CVPR Workshops 2020"
    Options = BatchedOptions
    options: BatchedOptions

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → float [B, h, w]; raises UsageError (package, layer)."""
        cam = method("ScoreCAM", classifier)
        cam.batch_size = self.options.batch_size
        activations = activations_at(classifier, images, self.options.layer)
        with without_bars(".score_cam"):
            maps = [  # image by image, because the package keeps all masked copies in memory
                class_map(cam, a[None], inputs=image[None], targets=[logit_of(label)])
                for image, a, label in zip(images, activations, labels.tolist(), strict=True)
            ]
        return torch.cat(maps)


class AblationCam(wsol.Extractor):
    """Ablation-CAM: sum over channels k of w_k * A_k, w_k the drop of the label's logit when channel k is set to 0.

    The paper divides the drop by the logit. The factor is the same for all channels and would invert the map of an
    image with a negative logit, so it is left out here. Each image needs K passes through the network after the layer.
    """

    name = "ablation_cam"
    paper = "Desai and Ramaswamy, Ablation-CAM: Visual Explanations … via Gradient-free Localization, WACV 2020"
    Options = BatchedOptions
    options: BatchedOptions

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → float [B, h, w]; raises UsageError (package, layer)."""
        load()
        from wsol_gradcam.silence import Silence

        back = Back(classifier, self.options.layer)
        activations = activations_at(classifier, images, self.options.layer)
        with torch.no_grad():
            logits = back(activations).gather(1, labels[:, None])[:, 0].tolist()
        targets = [logit_of(label, 1 - logit) for label, logit in zip(labels.tolist(), logits, strict=True)]
        cam = method("AblationCAM", back, ablation_layer=Silence(), batch_size=self.options.batch_size)
        with without_bars(".ablation_cam"):
            return class_map(cam, activations, inputs=activations, targets=targets, layer=back.entry)


class EigenCam(wsol.Extractor):
    """Eigen-CAM: the centred activations projected on their first principal component; the label is unused.

    The sign of a component is arbitrary. It is chosen so that the map correlates positively with the mean activation.
    """

    name = "eigen_cam"
    paper = "Muhammad and Yeasin, Eigen-CAM: Class Activation Map using Principal Components, IJCNN 2020"
    Options = LayerOptions
    options: LayerOptions

    def __call__(self, classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
        """images float [B, 3, H, W], labels int64 [B] → float [B, h, w]; raises UsageError (package, layer)."""
        activations = activations_at(classifier, images, self.options.layer)
        projected = class_map(method("EigenCAM", classifier), activations)
        covariance = (projected * activations.mean(1)).sum((1, 2), keepdim=True)  # the projection has mean 0
        return torch.where(covariance < 0, -projected, projected)


def logit_of(label: int, offset: float = 0.0) -> Target:
    """Make the target that is the label's logit plus an offset.

    With 1 minus the unchanged image's logit as the offset, it is 1 where the package divides by it.

    Args:
        label: Index of the class.
        offset: Number that is added to the logit.

    Returns:
        A function from one image's logits [C] to a scalar.
    """
    return lambda logits: logits[label] + offset
