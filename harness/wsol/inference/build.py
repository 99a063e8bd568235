"""From a run's recipe to its method, with freshly initialised networks."""

from __future__ import annotations

from typing import Any

from wsol.data.benchmark import Benchmark, Schedule
from wsol.plugins import Plugins
from wsol.recipes import ComponentRef, with_hparams
from wsol.records import RunIdentity
from wsol.training.method import Method, Parts
from wsol.training.seeds import seed_everything

WEIGHTS = "weights.pt"
"""File in a final run's folder that holds the trained method's state_dict."""


def build_method(run: RunIdentity, plugins: Plugins, benchmark: Benchmark, *, num_classes: int | None = None) -> Method:
    """Build the run's method with its parts and drawn hyper-parameters, initialised from the run's seed.

    Args:
        run: The recipe, its hyper-parameters and the seed.
        plugins: Where the components come from.
        benchmark: Gives the side of the network's input.
        num_classes: Number of classes; None counts the benchmark's, which needs its data.
    """
    train = run.train

    def create(part: str, kind: str, ref: ComponentRef | None) -> Any:
        return None if ref is None else plugins.create(kind, ref.name, with_hparams(part, ref, run.hparams))

    seed_everything(run.seed, "init")
    parts = Parts(
        num_classes=len(benchmark.class_names()) if num_classes is None else num_classes,
        schedule=Schedule(**train.schedule.model_dump()),
        crop=benchmark.crop,
        backbone=create("backbone", "backbones", train.backbone),
        pooling=create("pooling", "poolings", train.pooling),
        augmentations=tuple(create(ref.name, "augmentations", ref) for ref in train.augmentations),
    )
    options = plugins.options("methods", train.method.name, with_hparams("method", train.method, run.hparams))
    method: Method = plugins.get("methods", train.method.name)(options, parts)
    return method
