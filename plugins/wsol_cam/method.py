"""CAM: train a classifier, and localize with its class activation map."""

import wsol


class CAM(wsol.ClassifierMethod):
    """Class activation maps: a classifier trained with cross-entropy; its last linear layer weights the features.

    All behaviour is that of the base class: one phase, with ``lr`` for pretrained layers and ``new_lr_multiplier``
    times ``lr`` for new ones.
    """

    name = "cam"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"
