"""How long a GPU would take for a plan, before anything is trained."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import torch

from wsol.data.splits import Benchmark
from wsol.errors import DataError
from wsol.plugins import Plugins
from wsol.records import RunIdentity
from wsol.study.cost import network_cost
from wsol.study.job import build_method
from wsol.study.plan import Cell
from wsol.weights import no_pretrained

BACKWARD = 2.0
"""A backward pass costs about twice the forward pass."""
CLASSES = 200
"""Stands in for the number of classes where the data are not at hand: heads cost next to nothing."""


def gpu_hours(cell: Cell, seeds: int, plugins: Plugins, tflops: float) -> float | None:
    """Hours of one GPU that sustains ``tflops`` (10^12 operations a second) for all trials and final runs of a cell.

    Forward and backward passes of the schedule's epochs, from the operations of one image, counted on tensors without
    storage. A method with other phases takes longer; images, augmentation and evaluation are not in it. None where the
    number of images is not known or the network cannot be built that way.
    """
    images = _train_images(plugins.create("benchmarks", cell.train.benchmark.name, cell.train.benchmark.options))
    if images is None:
        return None
    counts = Counter(json.dumps({k: v for k, v in t.hparams.items() if k.startswith("backbone.")}) for t in cell.trials)
    flops = {drawn: _flops(cell, json.loads(drawn), plugins) for drawn in counts}
    known = [(flop, counts[drawn]) for drawn, flop in flops.items() if flop is not None]
    if len(known) < len(counts):
        return None
    searched = sum(flop * count for flop, count in known)
    runs = searched + searched / len(cell.trials) * seeds * len(cell.evaluations)
    operations = runs * cell.train.schedule.epochs * images * (1 + BACKWARD)
    return operations / (tflops * 1e12) / 3600


def _train_images(benchmark: Benchmark) -> int | None:
    try:
        return len(benchmark.images("train"))
    except DataError:
        return benchmark.split_sizes[0] if benchmark.split_sizes else None


def _flops(cell: Cell, backbone: dict[str, Any], plugins: Plugins) -> float | None:
    """Operations of one image's forward pass, with these draws of the backbone's options."""
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
    benchmark: Any = plugins.create("benchmarks", cell.train.benchmark.name, cell.train.benchmark.options)
    try:
        benchmark.class_names()
    except DataError:
        benchmark.class_names = lambda: [""] * CLASSES
    meta = torch.device("meta")
    try:
        with meta, no_pretrained():
            method = build_method(run, plugins, benchmark)
    except NotImplementedError:  # an initialisation that needs numbers
        return None
    if next(method.parameters(), None) is None:
        return 0.0
    found: float | None = network_cost(method, None, benchmark.crop, meta).get("flops_classify")
    return found
