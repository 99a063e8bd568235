"""An estimate of the GPU time of a plan, before anything is trained."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wsol.data.benchmark import Benchmark
from wsol.errors import DataError
from wsol.inference.build import build_method
from wsol.inference.cost import network_cost
from wsol.options import OptionValues
from wsol.records import RunIdentity
from wsol.registry import Plugins
from wsol.study.plan import TrainingCell
from wsol.training.batch import Batch, TrainView
from wsol.training.method import Method
from wsol.weights import no_pretrained

BACKWARD = 2.0
"""A backward pass costs about twice the forward pass."""
CLASSES = 200
"""Assumed number of classes where the data are missing; the cost of the heads is negligible."""


def gpu_hours(cell: TrainingCell, seeds: int, plugins: Plugins, tflops: float) -> float | None:
    """Estimate the GPU hours of all trials and final runs of a cell.

    Counted are one forward and one backward pass over every image in each epoch of each phase, with the operations of
    localizing one image or, where that needs an extractor, of classifying it. They are counted on tensors without
    storage. A method with several passes in a step takes longer; decoding, augmentation and evaluation are not
    counted. Where the data are missing, trials count as trained on all images of train.

    Args:
        cell: The planned trainings.
        seeds: Final runs of each choice.
        plugins: The loaded plugins.
        tflops: What the GPU sustains, in 10^12 operations per second.

    Returns:
        Hours; None where the number of images is unknown or the network cannot be built without storage.
    """
    benchmark = plugins.create("benchmarks", cell.train.benchmark.name, cell.train.benchmark.options)
    searched, final = (_train_images(benchmark, search) for search in (True, False))
    if searched is None or final is None:
        return None
    counts = Counter(json.dumps({k: v for k, v in t.hparams.items() if k.startswith("backbone.")}) for t in cell.trials)
    work = {drawn: _work(cell, json.loads(drawn), final, plugins) for drawn in counts}
    known = [(found, counts[drawn]) for drawn, found in work.items() if found is not None]
    if len(known) < len(counts):
        return None
    trials = sum(found * count for found, count in known)
    finals = trials / len(cell.trials) * seeds * len(cell.evaluations)
    operations = (trials * searched + finals * final) * (1 + BACKWARD)
    return operations / (tflops * 1e12) / 3600


def _train_images(benchmark: Benchmark, search: bool) -> int | None:
    try:
        return len(benchmark.training_images(search=search))
    except DataError:
        return benchmark.split_sizes[0] if benchmark.split_sizes else None


def _work(cell: TrainingCell, backbone: OptionValues, images: int, plugins: Plugins) -> float | None:
    """Operations of all forward passes of one image in a training with these drawn options of the backbone."""
    built = build_without_storage(cell, backbone, plugins)
    if built is None:
        return None
    epochs = _epochs(built.method, UnreadImages(images, built.classes), cell.train.schedule.epochs)
    if not epochs:
        return 0.0
    cost = network_cost(built.method, None, built.benchmark.crop, torch.device("meta"))
    flops = cost.get("flops_localize") or cost.get("flops_classify")
    return None if flops is None else float(flops) * epochs


@dataclass(frozen=True)
class BuiltWithoutStorage:
    """A method of a plan whose tensors have shapes and no values.

    Attributes:
        method: The method.
        benchmark: What it would be trained on.
        classes: Number of classes; :data:`CLASSES` where the data are missing.
    """

    method: Method
    benchmark: Benchmark
    classes: int


def build_without_storage(cell: TrainingCell, backbone: OptionValues, plugins: Plugins) -> BuiltWithoutStorage | None:
    """Build the method of a cell's first trial on the device ``meta``.

    Args:
        cell: The planned trainings.
        backbone: Drawn options that replace those of the first trial, as ``backbone.option``.
        plugins: The loaded plugins.

    Returns:
        The method; None where its initialisation needs the values of tensors.
    """
    drawn = {**cell.trials[0].hparams, **backbone}
    run = RunIdentity(
        run_id="",
        study="",
        plan="",
        stage="search",
        train=cell.train,
        evaluations=cell.evaluations,
        trial=0,
        trials_planned=1,
        seed=0,
        hparams=drawn,
    )
    benchmark = plugins.create("benchmarks", cell.train.benchmark.name, cell.train.benchmark.options)
    try:
        classes = len(benchmark.class_names())
    except DataError:
        classes = CLASSES
    try:
        with torch.device("meta"), no_pretrained():
            method = build_method(run, plugins, benchmark, num_classes=classes)
    except NotImplementedError:  # the initialisation needs the values of tensors
        return None
    return BuiltWithoutStorage(method, benchmark, classes)


@dataclass(frozen=True)
class UnreadImages:
    """A training split (:class:`wsol.TrainView`) of which only the numbers of images and classes are known."""

    count: int
    num_classes: int

    def __len__(self) -> int:
        return self.count

    @property
    def ids(self) -> Sequence[str]:
        """Raises DataError."""
        raise DataError("image ids are not known when the cost of a plan is estimated")

    @property
    def labels(self) -> Tensor:
        """Raises DataError."""
        raise DataError("labels are not known when the cost of a plan is estimated")

    def batches(self, index: Sequence[int] | None = None, batch_size: int = 32) -> Iterator[Batch]:
        """Raises DataError."""
        raise DataError("images are not read when the cost of a plan is estimated")


def _epochs(method: Method, train: TrainView, scheduled: int) -> int:
    """Epochs of all phases that train; those of the schedule where the phases cannot be listed without images."""
    try:
        phases = list(method.phases(train))
    except Exception:  # a third-party plugin may raise anything
        return scheduled
    return sum(scheduled if phase.epochs is None else phase.epochs for phase in phases if phase.step is not None)
