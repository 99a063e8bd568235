"""Specifications of the hooks that a plugin may implement.

A plugin is a module, installed under the entry-point group ``wsol`` or given as a file with ``--plugin``. It has
functions of these names, decorated with :data:`hookimpl`. Each returns the component *classes* that the plugin adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from wsol.components import BoxRule, Normalizer
    from wsol.data.benchmark import Benchmark
    from wsol.evaluation.metric import Metric
    from wsol.networks import Backbone, Extractor, Pooling
    from wsol.training.augment import Augmentation
    from wsol.training.method import Method

PROJECT = "wsol"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def wsol_backbones() -> Sequence[type[Backbone]]:
    """Return backbones: feature extractors made of named units, with pretrained weights or without."""
    raise NotImplementedError


@hookspec
def wsol_poolings() -> Sequence[type[Pooling]]:
    """Return poolings, which reduce a feature map to the vector that a linear classifier takes."""
    raise NotImplementedError


@hookspec
def wsol_methods() -> Sequence[type[Method]]:
    """Return methods: what to train in which phases, how to localize and how to classify."""
    raise NotImplementedError


@hookspec
def wsol_normalizers() -> Sequence[type[Normalizer]]:
    """Return normalizers, which map the values of a score map to [0, 1]."""
    raise NotImplementedError


@hookspec
def wsol_metrics() -> Sequence[type[Metric]]:
    """Return metrics: scores of a split as functions of a sum of observations of single images."""
    raise NotImplementedError


@hookspec
def wsol_benchmarks() -> Sequence[type[Benchmark]]:
    """Return benchmarks: data sets with splits, schedule, protocol and primary metric."""
    raise NotImplementedError


@hookspec
def wsol_augmentations() -> Sequence[type[Augmentation]]:
    """Return augmentations, which change training batches on the device."""
    raise NotImplementedError


@hookspec
def wsol_extractors() -> Sequence[type[Extractor]]:
    """Return extractors, which make a class-specific score map from a trained classifier."""
    raise NotImplementedError


@hookspec
def wsol_box_rules() -> Sequence[type[BoxRule]]:
    """Return box rules, which turn a normalised score map into boxes with a threshold of their own."""
    raise NotImplementedError
