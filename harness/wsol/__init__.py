"""WSOL: a benchmark harness for weakly supervised object localization.

Everything a plugin needs is here; names are resolved on use, so that importing the package (and ``wsol --help``)
loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsol.components import BoxRule as BoxRule
    from wsol.components import Component as Component
    from wsol.components import Metric as Metric
    from wsol.components import Normalizer as Normalizer
    from wsol.data.files import ImageFiles as ImageFiles
    from wsol.data.files import MaskFiles as MaskFiles
    from wsol.data.files import image_list as image_list
    from wsol.data.holdout import hold_out as hold_out
    from wsol.data.images import decode_image as decode_image
    from wsol.data.images import decode_values as decode_values
    from wsol.data.listed import ListedBenchmark as ListedBenchmark
    from wsol.data.listed import Lister as Lister
    from wsol.data.listed import Listing as Listing
    from wsol.data.matfile import read_mat as read_mat
    from wsol.data.splits import Annotations as Annotations
    from wsol.data.splits import Archive as Archive
    from wsol.data.splits import Benchmark as Benchmark
    from wsol.data.splits import BenchmarkOptions as BenchmarkOptions
    from wsol.data.splits import ImageList as ImageList
    from wsol.data.splits import Report as Report
    from wsol.data.splits import Schedule as Schedule
    from wsol.data.splits import Split as Split
    from wsol.data.wsoleval import WsolevalBenchmark as WsolevalBenchmark
    from wsol.errors import DataError as DataError
    from wsol.errors import DivergedError as DivergedError
    from wsol.errors import PluginError as PluginError
    from wsol.errors import RunError as RunError
    from wsol.errors import SealError as SealError
    from wsol.errors import UsageError as UsageError
    from wsol.errors import WeightsError as WeightsError
    from wsol.errors import WsolError as WsolError
    from wsol.evaluation.scored import ScoredImage as ScoredImage
    from wsol.hooks import hookimpl as hookimpl
    from wsol.networks import Augmentation as Augmentation
    from wsol.networks import Backbone as Backbone
    from wsol.networks import BackboneOptions as BackboneOptions
    from wsol.networks import Classifier as Classifier
    from wsol.networks import Extractor as Extractor
    from wsol.networks import Features as Features
    from wsol.networks import Pooling as Pooling
    from wsol.options import Distribution as Distribution
    from wsol.options import Options as Options
    from wsol.options import choice as choice
    from wsol.options import hparam as hparam
    from wsol.options import integer as integer
    from wsol.options import loguniform as loguniform
    from wsol.options import option as option
    from wsol.options import uniform as uniform
    from wsol.training.augment import HorizontalFlip as HorizontalFlip
    from wsol.training.augment import RandomCrop as RandomCrop
    from wsol.training.augment import mirrored as mirrored
    from wsol.training.batch import Batch as Batch
    from wsol.training.batch import TrainView as TrainView
    from wsol.training.method import ClassifierMethod as ClassifierMethod
    from wsol.training.method import Method as Method
    from wsol.training.method import Parts as Parts
    from wsol.training.method import split_groups as split_groups
    from wsol.training.phases import Loss as Loss
    from wsol.training.phases import ParameterGroup as ParameterGroup
    from wsol.training.phases import Phase as Phase
    from wsol.training.phases import TrainingOptions as TrainingOptions
    from wsol.training.phases import shuffled as shuffled

_HOMES = {
    "wsol.components": ("BoxRule", "Component", "Metric", "Normalizer"),
    "wsol.data.files": ("ImageFiles", "MaskFiles", "image_list"),
    "wsol.data.holdout": ("hold_out",),
    "wsol.data.images": ("decode_image", "decode_values"),
    "wsol.data.listed": ("ListedBenchmark", "Lister", "Listing"),
    "wsol.data.matfile": ("read_mat",),
    "wsol.data.splits": (
        "Annotations",
        "Archive",
        "Benchmark",
        "BenchmarkOptions",
        "ImageList",
        "Report",
        "Schedule",
        "Split",
    ),
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
    "wsol.training.augment": ("HorizontalFlip", "RandomCrop", "mirrored"),
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
