"""Class activation mapping (CAM), the reference method, and its components.

Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016.
"""

from __future__ import annotations

import wsol
from wsol_cam.augment import VerticalFlip
from wsol_cam.boxes import Threshold
from wsol_cam.extractor import CamExtractor
from wsol_cam.method import CAM
from wsol_cam.normalizers import MinMax, Unchanged
from wsol_cam.pooling import GAP


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """CAM."""
    return [CAM]


@wsol.hookimpl
def wsol_poolings() -> list[type[wsol.Pooling]]:
    """Global average pooling."""
    return [GAP]


@wsol.hookimpl
def wsol_extractors() -> list[type[wsol.Extractor]]:
    """The class map of the linear head."""
    return [CamExtractor]


@wsol.hookimpl
def wsol_normalizers() -> list[type[wsol.Normalizer]]:
    """Min-max, and the identity for maps that are normalised already."""
    return [MinMax, Unchanged]


@wsol.hookimpl
def wsol_box_rules() -> list[type[wsol.BoxRule]]:
    """The fixed threshold of the original paper."""
    return [Threshold]


@wsol.hookimpl
def wsol_augmentations() -> list[type[wsol.Augmentation]]:
    """The vertical flip; random crop and horizontal flip are part of every method."""
    return [VerticalFlip]
