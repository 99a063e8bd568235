"""CAM: train a classifier, read its class map."""

import wsol


class CAM(wsol.ClassifierMethod):
    """Class activation maps: a classifier trained with cross-entropy; its last linear layer weights the features.

    Everything is the base's: one phase, pretrained layers at ``lr`` and new ones at ``new_lr_multiplier`` times it.
    """

    name = "cam"
    paper = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"
