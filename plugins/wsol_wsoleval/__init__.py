"""The baselines of the wsoleval benchmark beside CAM: HaS, ACoL, SPG, ADL and CutMix, with their search spaces.

Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020 (TPAMI 2022): 30 random draws a
method, backbone and data set, chosen on a validation split.
"""

from __future__ import annotations

from collections.abc import Sequence

import wsol


@wsol.hookimpl
def wsol_methods() -> Sequence[type[wsol.Method]]:
    """Hide-and-seek, CutMix, attention dropout, adversarial complementary learning, self-produced guidance."""
    from wsol_wsoleval.acol import ACoL
    from wsol_wsoleval.adl import ADL
    from wsol_wsoleval.cutmix import CutMixMethod
    from wsol_wsoleval.has import HaSMethod
    from wsol_wsoleval.spg import SPG

    return [HaSMethod, ACoL, SPG, ADL, CutMixMethod]


@wsol.hookimpl
def wsol_augmentations() -> Sequence[type[wsol.Augmentation]]:
    """The two methods that change nothing but the training images, for use with any other method."""
    from wsol_wsoleval.cutmix import CutMix
    from wsol_wsoleval.has import HaS

    return [HaS, CutMix]
