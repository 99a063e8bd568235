"""The methods that the wsoleval benchmark compares with CAM: HaS, ACoL, SPG, ADL and CutMix, with its search spaces.

Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020 (TPAMI 2022).
"""

from __future__ import annotations

import wsol
from wsol_wsoleval.acol import ACoL
from wsol_wsoleval.adl import ADL
from wsol_wsoleval.cutmix import CutMix, CutMixMethod
from wsol_wsoleval.has import HaS, HaSMethod
from wsol_wsoleval.spg import SPG


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """Hide-and-seek, ACoL, SPG, ADL and CutMix."""
    return [HaSMethod, ACoL, SPG, ADL, CutMixMethod]


@wsol.hookimpl
def wsol_augmentations() -> list[type[wsol.Augmentation]]:
    """Hide-and-seek and CutMix as augmentations, for use with any method."""
    return [HaS, CutMix]
