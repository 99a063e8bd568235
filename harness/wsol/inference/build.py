"""From a run's recipe to its method, with freshly initialised networks."""

from __future__ import annotations

from dataclasses import dataclass

from wsol.components import BoxRule, Component, Normalizer
from wsol.data.benchmark import Benchmark, Schedule
from wsol.networks import Extractor
from wsol.options import OptionValues
from wsol.plugins import Plugins
from wsol.recipes import EvalSpec, Part, recipe_parts, with_hparams
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

    return EvalComponents(
        extractor=plugins.create("extractors", *found) if (found := named("extractor")) else None,
        normalizer=plugins.create("normalizers", *found) if (found := named("normalizer")) else None,
        box_rule=plugins.create("box_rules", *found) if (found := named("box_rule")) else None,
    )
