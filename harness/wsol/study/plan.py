"""Expand a study into its plan: which networks are trained, with which draws, and how each is evaluated."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import yaml
from pydantic import JsonValue

from wsol.errors import PluginError, UsageError
from wsol.options import Distribution, OptionValues
from wsol.protocols import get_protocol
from wsol.recipes import (
    PARTS,
    ComponentRef,
    EvalSpec,
    Filled,
    Part,
    PartsSpec,
    ScheduleSpec,
    TrainSpec,
    content_hash,
    recipe_parts,
    train_content,
    with_hparams,
)
from wsol.registry import Plugins
from wsol.study.components_used import check_files, used_components
from wsol.study.config import RecipeGrid, ScheduleOverride, Study
from wsol.training.seeds import stream

if TYPE_CHECKING:
    from wsol.data.benchmark import Schedule
    from wsol.training.method import Method


MAX_NAMES = 160
"""Most characters of the components' names in a slug: the names of a run's files have at most 255 bytes."""
MAX_CELLS = 10_000
"""Most combinations of a grid, and most settings of a sweep; each is validated, and each setting is evaluated."""


@dataclass(frozen=True)
class Trial:
    """One draw of hyper-parameters.

    Attributes:
        index: Number of the trial, from 0.
        seed: Seed of its training.
        hparams: ``part.option`` → drawn value.
    """

    index: int
    seed: int
    hparams: OptionValues


@dataclass(frozen=True)
class TrainingCell:
    """One network that is trained in several trials, and all evaluations that share its training.

    Attributes:
        train: What is trained.
        evaluations: How it is evaluated.
        trials: The draws.
        metrics: Names of the metrics; the first is the primary one.
        protocol: Name of the evaluation protocol.
    """

    train: TrainSpec
    evaluations: tuple[EvalSpec, ...]
    trials: tuple[Trial, ...]
    metrics: tuple[str, ...]
    protocol: str

    @property
    def key(self) -> str:
        """Identity of the training; equal trainings of different studies have the same."""
        return content_hash(train_content(self.train))

    @property
    def slug(self) -> str:
        """A readable, unique name for folders and progress lines."""
        names = "-".join([self.train.benchmark.name, *(ref.name for _, ref in self.train.filled())])
        return f"{names[:MAX_NAMES].rstrip('-')}-{self.key[:8]}"


@dataclass(frozen=True)
class Plan:
    """All cells of a study."""

    study: Study
    cells: tuple[TrainingCell, ...]

    @property
    def key(self) -> str:
        """Hash of everything that determines a score, apart from the numbers of trials and seeds.

        It must not change between two calls of the same study.
        """
        cells = [(train_content(c.train), [e.model_dump(mode="json") for e in c.evaluations]) for c in self.cells]
        rules = [(c.metrics, c.protocol) for c in self.cells]
        return content_hash([self.study.name, self.study.seed, self.study.precision, cells, rules])


def make_plan(study: Study, plugins: Plugins) -> Plan:
    """Expand a study.

    Args:
        study: The study.
        plugins: Where components are found.

    Returns:
        The plan, with one cell for each training.

    Raises:
        UsageError: A component, an option or a metric is not valid, a benchmark cannot be built, or there is nothing to
            train.
        DataError: A file that an option names is missing.

    Example:
        >>> from wsol.plugins import load_plugins
        >>> from wsol.study.config import load_study
        >>> [cell.train.method.name for cell in make_plan(load_study("quickstart"), load_plugins()).cells]
        ['center', 'cam']
    """
    found: dict[str, TrainingCell] = {}
    for benchmark, grid in itertools.product(study.benchmark, study.recipes):
        for name in grid.skip:
            plugins.get("benchmarks", name)
        if benchmark.name not in grid.skip:
            for cell in _expand(study, benchmark.ref(), grid, plugins):
                found[cell.key] = _merged(found[cell.key], cell) if cell.key in found else cell
    if not found:
        raise UsageError(f"study '{study.name}': its recipes skip every benchmark, so there is nothing to train")
    return Plan(study, tuple(found.values()))


def leave_out(others: Iterable[ComponentRef]) -> str:
    """How to leave out a benchmark that fails, as the end of an error; empty where there is no other one.

    Args:
        others: The study's other benchmarks.

    Example:
        >>> leave_out([ComponentRef.parse({"name": "cub", "root": "/data"}), ComponentRef.parse("sprites")])
        " (to leave it out: --set 'benchmark=[{name: cub, root: /data}, sprites]')"
    """
    written = [{"name": ref.name, **ref.as_written()} if ref.as_written() else ref.name for ref in others]
    if not written:
        return ""
    text = yaml.safe_dump(written, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf)
    return f" (to leave it out: --set {shlex.quote(f'benchmark={text.strip()}')})"


def _merged(a: TrainingCell, b: TrainingCell) -> TrainingCell:
    """Join two cells of the same training; raises UsageError where they read the data from two folders."""
    if a.train.benchmark != b.train.benchmark:
        raise UsageError(
            f"benchmark '{a.train.benchmark.name}' is listed twice and differs only in its root, so that results could "
            "not be distinguished; change another option as well, or use two studies"
        )
    new = [e for e in b.evaluations if e not in a.evaluations]
    return replace(a, evaluations=(*a.evaluations, *new), trials=max(a.trials, b.trials, key=len))


def _expand(study: Study, benchmark: ComponentRef, grid: RecipeGrid, plugins: Plugins) -> Iterator[TrainingCell]:
    try:
        data = plugins.create("benchmarks", benchmark.name, benchmark.options)
    except PluginError as error:
        others = [ref for other in study.benchmark if (ref := other.ref()) != benchmark]
        raise PluginError(f"{error}{leave_out(others)}") from None
    metrics = tuple(study.metrics or data.metrics)
    for name in metrics:
        plugins.get("metrics", name)
    protocol = get_protocol(study.protocol or data.protocol).name
    schedule = _schedule(data.schedule, study.schedule, grid.schedule)
    training = [part for part in recipe_parts("training") if part.name != "method"]
    for (method,) in grid.choices(PARTS["method"]):
        component = plugins.get("methods", method.name)
        used = [part for part in training if part.many or part.name in component.uses]
        evaluations = tuple(_evaluations(grid, component))
        for filled in _combinations(grid, used):
            train = TrainSpec(benchmark=benchmark, parts={"method": method, **filled}, schedule=schedule)
            space = _space(train, plugins)
            for evaluation in evaluations:
                _check_names(train, evaluation)
                for setting in sweeps(evaluation, plugins):
                    _check_options(evaluation, setting, plugins)
            count = (grid.trials or study.trials) if space else 1
            trials = tuple(_draw(study.seed, i, space) for i in range(count))
            for trial in trials:
                _check_options(train, trial.hparams, plugins)
            check_files(used_components(train, evaluations, metrics, plugins))
            yield TrainingCell(train, evaluations, trials, metrics, protocol)


def _check_names(train: TrainSpec, evaluation: EvalSpec) -> None:
    """Raise UsageError where hyper-parameters of training and evaluation would have equal names."""
    trained = {prefix: part for prefix, part, _ in train.prefixed()}
    for prefix, part, ref in evaluation.prefixed():
        if prefix in trained:
            raise UsageError(
                f"{part.label} '{ref.name}': hyper-parameters named '{prefix}.…' would belong to two components of one "
                f"recipe, the other one a {trained[prefix].label}; one of them needs another name"
            )


def _check_options(spec: PartsSpec, hparams: OptionValues, plugins: Plugins) -> None:
    """Validate the options of all parts together, as a run gets them; raises UsageError."""
    for prefix, part, ref in spec.prefixed():
        plugins.options(part.kind, ref.name, with_hparams(prefix, ref, hparams))


def _combinations(grid: RecipeGrid, used: Sequence[Part]) -> Iterator[Filled]:
    """Yield the product of a grid's alternatives for some parts, as the content of a :class:`PartsSpec`."""
    alternatives = [grid.choices(part) for part in used]
    _check_count(math.prod(map(len, alternatives)), "a grid of recipes")
    for chosen in itertools.product(*alternatives):
        pairs = [(part, refs) for part, refs in zip(used, chosen, strict=True) if refs]
        yield {part.key: refs if part.many else refs[0] for part, refs in pairs}


def _schedule(base: Schedule, *overrides: ScheduleOverride) -> ScheduleSpec:
    values = dict(vars(base))
    for override in overrides:
        values.update(override.model_dump(exclude_none=True))
    return ScheduleSpec(**values)


def _evaluations(grid: RecipeGrid, method: type[Method]) -> Iterator[EvalSpec]:
    """Yield a method's evaluations; boxes have no normalizer and no box rule."""
    used = recipe_parts("prediction") if "extractor" in method.uses else []
    used += recipe_parts("scoring") if method.outputs == "maps" else []
    return (EvalSpec(parts=filled) for filled in _combinations(grid, used))


def _space(train: TrainSpec, plugins: Plugins) -> dict[str, Distribution]:
    """Collect every hyper-parameter that is drawn for a trial, as ``part.option``."""
    space = {}
    for prefix, part, ref in train.prefixed():
        drawn = component_space(part.kind, ref, plugins)
        space.update({f"{prefix}.{name}": distribution for name, distribution in drawn.items()})
    return space


def component_space(kind: str, ref: ComponentRef, plugins: Plugins) -> dict[str, Distribution]:
    """Collect what is drawn for one component, and validate its fixed options and the values that can be drawn.

    Of a ``choice`` every value is validated, of a range its ends.

    Args:
        kind: Kind of the component, as in the registry.
        ref: Its name, fixed options and distributions.
        plugins: The registered components.

    Returns:
        ``option`` (``option.option`` for a component that an option names) → distribution.

    Raises:
        UsageError: The component, an option or a distribution is not valid.
    """
    fields = plugins.get(kind, ref.name).Options.model_fields
    unknown = {name: None for name in ref.search if name not in fields}
    plugins.options(kind, ref.name, {**with_hparams("", ref, {}), **unknown})
    space = plugins.space(kind, ref)
    for name, distribution in space.items():
        for value in distribution.extremes():
            plugins.options(kind, ref.name, with_hparams(kind, ref, {f"{kind}.{name}": value}))
    return space


def _draw(seed: int, index: int, space: Mapping[str, Distribution]) -> Trial:
    """Draw each value from a stream of its own: further hyper-parameters or trials change no other draw."""
    drawn = {n: d.draw(np.random.default_rng(stream("draw", seed, index, n))) for n, d in sorted(space.items())}
    return Trial(index, stream("trial", seed, index), drawn)


def final_seeds(study: Study) -> list[int]:
    """Return the seeds of the final runs, which differ from those of all trials."""
    return [stream("final", study.seed, k) for k in range(study.seeds)]


def sweeps(evaluation: EvalSpec, plugins: Plugins) -> list[OptionValues]:
    """List the settings of an evaluation that are evaluated on val without retraining.

    Args:
        evaluation: The evaluation, with distributions.
        plugins: The registered components.

    Returns:
        All combinations of its choices, as ``part.option`` → value; ``[{}]`` when there is no choice.

    Raises:
        UsageError: An option has a distribution other than ``choice``.
    """
    space: dict[str, tuple[JsonValue, ...]] = {}
    for prefix, part, ref in evaluation.prefixed():
        for name, distribution in component_space(part.kind, ref, plugins).items():
            if distribution.kind != "choice":
                raise UsageError(
                    f"{part.label} '{ref.name}': '{name}' is swept over stored maps and needs a choice of values"
                )
            space[f"{prefix}.{name}"] = distribution.arguments
    _check_count(math.prod(map(len, space.values())), "a sweep over stored maps")
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def _check_count(count: int, what: str) -> None:
    if count > MAX_CELLS:
        raise UsageError(f"{what} has {count:,} combinations, at most {MAX_CELLS:,} are accepted; shorten its lists")
