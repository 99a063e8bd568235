"""The hooks that a plugin may implement. Their docstrings are the reference.

A plugin is a module, installed under the entry-point group ``wsol`` or given as a file with ``--plugin``, with
functions of these names marked by :data:`hookimpl`. Each returns the component *classes* it adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from wsol.components import BoxRule, Normalizer
    from wsol.data.benchmark import Benchmark
    from wsol.evaluation.metric import Metric
    from wsol.networks import Augmentation, Backbone, Extractor, Pooling
    from wsol.training.method import Method

PROJECT = "wsol"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def wsol_backbones() -> Sequence[type[Backbone]]:
    """Feature extractors in named units, with pretrained weights or without."""
    raise NotImplementedError


@hookspec
def wsol_poolings() -> Sequence[type[Pooling]]:
    """What reduces a feature map to a vector in front of the linear classifier."""
    raise NotImplementedError


@hookspec
def wsol_methods() -> Sequence[type[Method]]:
    """Training methods: the phases to train, how to localize and how to classify."""
    raise NotImplementedError


@hookspec
def wsol_normalizers() -> Sequence[type[Normalizer]]:
    """What brings a score map into [0, 1]."""
    raise NotImplementedError


@hookspec
def wsol_metrics() -> Sequence[type[Metric]]:
    """Scores over a split, as functions of a sum of per-image observations."""
    raise NotImplementedError


@hookspec
def wsol_benchmarks() -> Sequence[type[Benchmark]]:
    """Data sets with splits, schedule, protocol and primary metric."""
    raise NotImplementedError


@hookspec
def wsol_augmentations() -> Sequence[type[Augmentation]]:
    """Changes to training batches, run on the device."""
    raise NotImplementedError


@hookspec
def wsol_extractors() -> Sequence[type[Extractor]]:
    """How a trained classifier yields a class-specific map."""
    raise NotImplementedError


@hookspec
def wsol_box_rules() -> Sequence[type[BoxRule]]:
    """Thresholds of their own that turn a normalised map into boxes."""
    raise NotImplementedError
