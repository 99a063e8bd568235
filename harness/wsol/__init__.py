"""WSOL: a benchmark harness for weakly supervised object localization.

Everything a plugin needs is here; names are resolved on use, so that importing the package (and ``wsol --help``)
loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsol.components import BoxRule, Component, Metric, Normalizer
    from wsol.data.splits import Annotations, Benchmark, BenchmarkOptions, ImageList, Schedule, Split
    from wsol.data.wsoleval import WsolevalBenchmark
    from wsol.errors import (
        DataError,
        DivergedError,
        PluginError,
        RunError,
        SealError,
        UsageError,
        WeightsError,
        WsolError,
    )
    from wsol.evaluation.scored import ScoredImage
    from wsol.hooks import hookimpl
    from wsol.networks import Augmentation, Backbone, BackboneOptions, Classifier, Extractor, Features, Pooling
    from wsol.options import Distribution, Options, choice, hparam, integer, loguniform, option, uniform
    from wsol.training.augment import HorizontalFlip, RandomCrop
    from wsol.training.batch import Batch, TrainView
    from wsol.training.method import ClassifierMethod, Method, Parts, split_groups
    from wsol.training.phases import Loss, ParameterGroup, Phase, TrainingOptions, shuffled

_HOMES = {
    "wsol.components": ("BoxRule", "Component", "Metric", "Normalizer"),
    "wsol.data.splits": ("Annotations", "Benchmark", "BenchmarkOptions", "ImageList", "Schedule", "Split"),
    "wsol.data.wsoleval": ("WsolevalBenchmark",),
    "wsol.errors": (
        "DataError",
        "DivergedError",
        "PluginError",
        "RunError",
        "SealError",
        "UsageError",
        "WeightsError",
        "WsolError",
    ),
    "wsol.evaluation.scored": ("ScoredImage",),
    "wsol.hooks": ("hookimpl",),
    "wsol.networks": (
        "Augmentation",
        "Backbone",
        "BackboneOptions",
        "Classifier",
        "Extractor",
        "Features",
        "Pooling",
    ),
    "wsol.options": ("Distribution", "Options", "choice", "hparam", "integer", "loguniform", "option", "uniform"),
    "wsol.training.augment": ("HorizontalFlip", "RandomCrop"),
    "wsol.training.batch": ("Batch", "TrainView"),
    "wsol.training.method": ("ClassifierMethod", "Method", "Parts", "split_groups"),
    "wsol.training.phases": ("Loss", "ParameterGroup", "Phase", "TrainingOptions", "shuffled"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'wsol' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
