"""From a run's recipe to its method, with freshly initialised or trained networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from wsol.arrays import FloatArray
from wsol.components import BoxRule, Component, Normalizer
from wsol.data.benchmark import Benchmark, Schedule
from wsol.errors import DataError, UsageError, one_line
from wsol.isolation import Calling, immutable
from wsol.networks import Classifier, Extractor
from wsol.options import OptionValues
from wsol.recipes import EvalSpec, Scope, recipe_parts, with_hparams
from wsol.records import RunIdentity
from wsol.registry import Plugins
from wsol.training.method import Method, Parts
from wsol.training.seeds import seed_everything
from wsol.weights import no_pretrained

T = TypeVar("T")


def build_method(run: RunIdentity, plugins: Plugins, benchmark: Benchmark, *, num_classes: int | None = None) -> Method:
    """Build the run's method with its parts and drawn hyper-parameters, initialised from the run's seed.

    Args:
        run: The recipe, its hyper-parameters and the seed.
        plugins: Where the components come from.
        benchmark: Gives the side of the network's input.
        num_classes: Number of classes; None counts the benchmark's, which needs its data.

    Raises:
        UsageError: A component or an option is not valid.
        WeightsError: Pretrained weights are missing or do not fit.
    """
    train = run.train
    seed_everything(run.seed, "init")
    built: dict[str, list[Component]] = {}
    for prefix, part, ref in train.prefixed():
        if part.name != "method":
            built.setdefault(part.key, []).append(plugins.create_part(prefix, part, ref, run.hparams))
    components: OptionValues = {
        part.key: tuple(built.get(part.key, ())) if part.many else next(iter(built.get(part.key, ())), None)
        for part in recipe_parts("training")
        if part.name != "method"
    }
    schedule = Schedule(**train.schedule.model_dump())
    classes = len(benchmark.class_names()) if num_classes is None else num_classes
    given = Parts(classes, schedule, benchmark.crop, **components)
    options = plugins.options("methods", train.method.name, with_hparams("method", train.method, run.hparams))
    return plugins.get("methods", train.method.name)(options, given)


def load_method(run: RunIdentity, plugins: Plugins, benchmark: Benchmark, weights: Path) -> Method:
    """Build the run's method and load its trained state; what training left elsewhere than in the state is lost.

    Args:
        run: As for :func:`build_method`.
        plugins: As for :func:`build_method`.
        benchmark: As for :func:`build_method`.
        weights: File with the trained method's state_dict.

    Returns:
        The method on the CPU, in evaluation mode.

    Raises:
        UsageError: A component or an option is not valid.
        DataError: The weights cannot be read, or do not fit the network.
    """
    with no_pretrained():
        method = build_method(run, plugins, benchmark)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is missing, broken or holds other objects
        raise DataError(
            f"{weights}: the trained weights cannot be read ({one_line(error)[:200]}); a method's state may hold "
            "tensors, numbers, strings, lists and mappings only"
        ) from None
    try:
        method.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"{weights}: does not fit the network that is built now ({str(error)[:120]} …)") from None
    method.eval()
    return method


@dataclass(frozen=True)
class EvalComponents:
    """The components that turn a trained method's output into scores; None where a recipe has none."""

    extractor: Extractor | None = None
    normalizer: Normalizer | None = None
    box_rule: BoxRule | None = None


def build_evaluation(evaluation: EvalSpec, swept: OptionValues, plugins: Plugins) -> EvalComponents:
    """Build the components of an evaluation.

    Args:
        evaluation: The evaluation, as the recipe names it.
        swept: Values of the options that are swept on val, as ``part.option``.
        plugins: Where components are found.

    Raises:
        UsageError: A component or an option is not valid.
    """

    def named(part: str) -> tuple[str, OptionValues] | None:
        ref = evaluation.ref(part)
        return None if ref is None else (ref.name, with_hparams(part, ref, swept))

    extractor = plugins.create("extractors", *found) if (found := named("extractor")) else None
    normalizer = plugins.create("normalizers", *found) if (found := named("normalizer")) else None
    after: list[_Change[Tensor]] = _others(evaluation, "prediction", swept, plugins)
    before: list[_Change[FloatArray]] = _others(evaluation, "scoring", swept, plugins)
    return EvalComponents(
        extractor=_ChangedExtractor(extractor, after) if extractor is not None and after else extractor,
        normalizer=_ChangedNormalizer(normalizer, before) if normalizer is not None and before else normalizer,
        box_rule=plugins.create("box_rules", *found) if (found := named("box_rule")) else None,
    )


@dataclass(frozen=True)
class _Change(Generic[T]):
    """A component of a kind that a plugin adds; it may not write to the maps that it is given."""

    named: str
    component: Callable[[T], T]

    def __call__(self, maps: T) -> T:
        with Calling(self.named, "score map"):
            return self.component(maps)


def _others(evaluation: EvalSpec, scope: Scope, swept: OptionValues, plugins: Plugins) -> list[_Change[T]]:
    """Build the components of kinds that plugins add; the engine calls its own kinds by their roles."""
    found: list[_Change[T]] = []
    for prefix, part, ref in evaluation.prefixed():
        if part.scope == scope and part.name not in ("extractor", "normalizer", "box_rule"):
            component, named = plugins.create_part(prefix, part, ref, swept), f"{part.label} '{ref.name}'"
            if not callable(component):
                raise UsageError(f"{named} cannot be called with maps, as the scope '{scope}' demands")
            found.append(_Change(named, component))
    return found


class _ChangedExtractor(Extractor):
    """An extractor whose maps other components change."""

    name = "changed"

    def __init__(self, extractor: Extractor, changes: Sequence[_Change[Tensor]]) -> None:
        super().__init__(extractor.options)
        self.extractor = extractor
        self.changes = changes

    def __call__(self, classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
        maps = self.extractor(classifier, images, labels)
        for change in self.changes:
            maps = change(maps)
        return maps


class _ChangedNormalizer(Normalizer):
    """A normalizer of maps that other components change first."""

    name = "changed"

    def __init__(self, normalizer: Normalizer, changes: Sequence[_Change[FloatArray]]) -> None:
        super().__init__(normalizer.options)
        self.normalizer = normalizer
        self.changes = changes

    def __call__(self, score_map: FloatArray) -> FloatArray:
        for change in self.changes:
            score_map = immutable(np.asarray(change(score_map), dtype=np.float64))
        with Calling(f"normalizer '{self.normalizer.name}'", "score map"):
            return self.normalizer(score_map)
