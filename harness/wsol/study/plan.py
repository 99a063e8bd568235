"""From a study to its plan: which networks are trained, with which draws, and how each is evaluated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wsol.errors import UsageError
from wsol.options import Distribution
from wsol.plugins import Plugins
from wsol.protocols import get_protocol
from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, content_hash, train_content
from wsol.study.config import ComponentSpec, RecipeGrid, ScheduleOverride, Study
from wsol.training.seeds import stream

KIND_OF = {"backbone": "backbones", "pooling": "poolings", "method": "methods"}
"""Part of a training → kind of component; augmentations are a list and come on top."""
EVALUATION_KINDS = {"extractor": "extractors", "normalizer": "normalizers", "box_rule": "box_rules"}


@dataclass(frozen=True)
class Trial:
    """One draw of hyper-parameters, as ``part.option`` → value, and the seed of its training."""

    index: int
    seed: int
    hparams: dict[str, Any]


@dataclass(frozen=True)
class TrainingCell:
    """One network to be trained in several trials, and all evaluations that share its training."""

    train: TrainSpec
    evaluations: tuple[EvalSpec, ...]
    trials: tuple[Trial, ...]
    metrics: tuple[str, ...]
    protocol: str

    @property
    def key(self) -> str:
        """Identity of the training, the same in every study."""
        return content_hash(train_content(self.train))

    @property
    def slug(self) -> str:
        """A readable, unique name for folders and progress lines."""
        spec = self.train
        parts = [spec.method, spec.backbone, spec.pooling, *spec.augmentations]
        return "-".join([spec.benchmark.name, *(p.name for p in parts if p), self.key[:8]])


@dataclass(frozen=True)
class Plan:
    """All cells of a study. ``key`` is what must not change between two calls of the same study."""

    study: Study
    cells: tuple[TrainingCell, ...]

    @property
    def key(self) -> str:
        """Hash of everything that decides a number, apart from how many trials and seeds there are."""
        cells = [(train_content(c.train), [e.model_dump(mode="json") for e in c.evaluations]) for c in self.cells]
        rules = [(c.metrics, c.protocol) for c in self.cells]
        return content_hash([self.study.name, self.study.seed, self.study.precision, cells, rules])


def make_plan(study: Study, plugins: Plugins) -> Plan:
    """Expand a study; raises UsageError for unknown components, options and metrics before anything is trained."""
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


def _merged(a: TrainingCell, b: TrainingCell) -> TrainingCell:
    """Two grids that name the same training share it; raises UsageError where the data are of two folders."""
    if a.train.benchmark != b.train.benchmark:
        raise UsageError(
            f"benchmark '{a.train.benchmark.name}' is named with two roots and no other difference, so that results "
            "could not be told apart; let another option differ, or give each a study of its own"
        )
    new = [e for e in b.evaluations if e not in a.evaluations]
    return replace(a, evaluations=(*a.evaluations, *new), trials=max(a.trials, b.trials, key=len))


def _expand(study: Study, benchmark: ComponentRef, grid: RecipeGrid, plugins: Plugins) -> Iterator[TrainingCell]:
    data = plugins.create("benchmarks", benchmark.name, benchmark.options)
    metrics = tuple(study.metrics or data.metrics)
    for name in metrics:
        plugins.get("metrics", name)
    protocol = get_protocol(study.protocol or data.protocol).name
    schedule = _schedule(data.schedule, study.schedule, grid.schedule)
    for method in grid.method:
        component = plugins.get("methods", method.name)
        uses = component.uses
        for backbone, pooling, augmentations in itertools.product(
            _used(grid.backbone, "backbone", uses), _used(grid.pooling, "pooling", uses), grid.augmentations
        ):
            train = TrainSpec(
                benchmark=benchmark,
                method=method.ref(),
                backbone=_ref(backbone),
                pooling=_ref(pooling),
                augmentations=tuple(a.ref() for a in augmentations),
                schedule=schedule,
            )
            evaluations = tuple(_evaluations(grid, uses, component.outputs == "maps"))
            space = _space(train, plugins)
            for evaluation in evaluations:
                sweeps(evaluation, plugins)
            count = (grid.trials or study.trials) if space else 1
            yield TrainingCell(
                train, evaluations, tuple(_draw(study.seed, i, space) for i in range(count)), metrics, protocol
            )


def _used(entries: Sequence[ComponentSpec | None], part: str, uses: frozenset[str]) -> Sequence[ComponentSpec | None]:
    """A grid does not multiply over parts that the method ignores."""
    return entries if part in uses else [None]


def _ref(spec: ComponentSpec | None) -> ComponentRef | None:
    return None if spec is None else spec.ref()


def _schedule(base: Any, *overrides: ScheduleOverride) -> ScheduleSpec:
    values = dict(vars(base))
    for override in overrides:
        values.update(override.model_dump(exclude_none=True))
    return ScheduleSpec(**values)


def _evaluations(grid: RecipeGrid, uses: frozenset[str], maps: bool) -> Iterator[EvalSpec]:
    for extractor, normalizer, rule in itertools.product(
        _used(grid.extractor, "extractor", uses),
        grid.normalizer if maps else [None],
        grid.box_rule if maps else [None],
    ):
        yield EvalSpec(extractor=_ref(extractor), normalizer=_ref(normalizer), box_rule=_ref(rule))


def _parts(train: TrainSpec) -> Iterator[tuple[str, str, ComponentRef]]:
    """(part, kind, reference) of all parts that may have hyper-parameters."""
    for part, kind in KIND_OF.items():
        ref = getattr(train, part)
        if ref is not None:
            yield part, kind, ref
    for ref in train.augmentations:
        yield ref.name, "augmentations", ref


def _space(train: TrainSpec, plugins: Plugins) -> dict[str, Distribution]:
    """Every hyper-parameter that is drawn: the component's own, those the study gives, less those it fixes."""
    space = {}
    for part, kind, ref in _parts(train):
        space.update({f"{part}.{k}": d for k, d in component_space(kind, ref, plugins).items()})
    return space


def component_space(kind: str, ref: ComponentRef, plugins: Plugins) -> dict[str, Distribution]:
    """What is drawn of one component; checks its fixed options too. Raises UsageError."""
    component = plugins.get(kind, ref.name)
    fields = component.Options.model_fields
    unknown = {k: None for k in ref.search if k not in fields}
    plugins.options(kind, ref.name, {**ref.options, **unknown})
    space = {k: d for k, d in component.Options.space().items() if k not in ref.options}
    for name, spelled in ref.search.items():
        distribution = Distribution.from_json(spelled)
        assert distribution is not None
        space[name] = distribution
    for name, distribution in space.items():
        rng = np.random.default_rng(0)
        plugins.options(kind, ref.name, {**ref.options, name: distribution.draw(rng)})
    return space


def _draw(seed: int, index: int, space: Mapping[str, Distribution]) -> Trial:
    """Each value from a stream of its own, so that another hyper-parameter or more trials change no draw."""
    drawn = {n: d.draw(np.random.default_rng(stream("draw", seed, index, n))) for n, d in sorted(space.items())}
    return Trial(index, stream("trial", seed, index), drawn)


def final_seeds(study: Study) -> list[int]:
    """Seeds of the final runs; different from every trial's."""
    return [stream("final", study.seed, k) for k in range(study.seeds)]


def sweeps(evaluation: EvalSpec, plugins: Plugins) -> list[dict[str, Any]]:
    """The settings of an evaluation that are tried on val without retraining: all combinations of its choices.

    ``[{}]`` when nothing is left open. Raises UsageError for a distribution that is no ``choice``.
    """
    space: dict[str, Sequence[Any]] = {}
    for part, kind in EVALUATION_KINDS.items():
        ref = getattr(evaluation, part)
        for name, distribution in component_space(kind, ref, plugins).items() if ref else ():
            if distribution.kind != "choice":
                raise UsageError(
                    f"{part} '{ref.name}': '{name}' is swept over stored maps and needs a choice of values"
                )
            space[f"{part}.{name}"] = distribution.arguments
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
