"""From a run's recipe to its method, with freshly initialised networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from wsol.arrays import FloatArray
from wsol.components import BoxRule, Component, Normalizer
from wsol.data.benchmark import Benchmark, Schedule
from wsol.errors import UsageError
from wsol.networks import Classifier, Extractor
from wsol.options import OptionValues
from wsol.recipes import ComponentRef, EvalSpec, Part, Scope, recipe_parts, with_hparams
from wsol.records import RunIdentity
from wsol.registry import Plugins
from wsol.training.method import Method, Parts
from wsol.training.seeds import seed_everything

T = TypeVar("T")
WEIGHTS = "weights.pt"
"""File in a final run's folder that holds the trained method's state_dict."""


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

    def create(part: Part) -> Component | tuple[Component, ...] | None:
        built = tuple(plugins.create_part(part, ref, run.hparams) for ref in train.refs(part.name))
        return built if part.many else next(iter(built), None)

    seed_everything(run.seed, "init")
    components: OptionValues = {part.key: create(part) for part in recipe_parts("training") if part.name != "method"}
    schedule = Schedule(**train.schedule.model_dump())
    classes = len(benchmark.class_names()) if num_classes is None else num_classes
    given = Parts(classes, schedule, benchmark.crop, **components)
    options = plugins.options("methods", train.method.name, with_hparams("method", train.method, run.hparams))
    return plugins.get("methods", train.method.name)(options, given)


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
    after = [_callable(part, ref, swept, plugins) for part, ref in evaluation.filled() if _is_other(part, "prediction")]
    before = [_callable(part, ref, swept, plugins) for part, ref in evaluation.filled() if _is_other(part, "scoring")]
    return EvalComponents(
        extractor=_ChangedExtractor(extractor, after) if extractor is not None and after else extractor,
        normalizer=_ChangedNormalizer(normalizer, before) if normalizer is not None and before else normalizer,
        box_rule=plugins.create("box_rules", *found) if (found := named("box_rule")) else None,
    )


def _is_other(part: Part, scope: Scope) -> bool:
    """Whether a part has a kind that a plugin adds; the engine calls its own kinds by their roles."""
    return part.scope == scope and part.name not in ("extractor", "normalizer", "box_rule")


def _callable(part: Part, ref: ComponentRef, swept: OptionValues, plugins: Plugins) -> Callable[[T], T]:
    component = plugins.create_part(part, ref, swept)
    if not callable(component):
        raise UsageError(f"{part.label} '{ref.name}' cannot be called with maps, as the scope '{part.scope}' demands")
    return component


class _ChangedExtractor(Extractor):
    """An extractor whose maps other components change."""

    name = "changed"

    def __init__(self, extractor: Extractor, changes: Sequence[Callable[[Tensor], Tensor]]) -> None:
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

    def __init__(self, normalizer: Normalizer, changes: Sequence[Callable[[FloatArray], FloatArray]]) -> None:
        super().__init__(normalizer.options)
        self.normalizer = normalizer
        self.changes = changes

    def __call__(self, score_map: FloatArray) -> FloatArray:
        for change in self.changes:
            score_map = change(score_map)
        return self.normalizer(score_map)
