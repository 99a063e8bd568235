"""The parts of a recipe, and references to the components that fill them.

:data:`PARTS` is the only list of the kinds of components. Loading plugins, planning, building networks, scoring,
records, heat maps and the leaderboard read it: a new kind is one entry here, a hook specification and a base class.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from wsol.options import Distribution, OptionValues

Scope = Literal["study", "training", "prediction", "scoring"]
RECIPE_SCOPES: tuple[Scope, ...] = ("training", "prediction", "scoring")
"""Scopes of the parts that a study lists for each grid of recipes."""


@dataclass(frozen=True)
class Part:
    """A place in a recipe that a component of one kind fills.

    Attributes:
        name: Singular name: ``"box_rule"``.
        kind: Plural name, ``"box_rules"``. The hook of the kind is ``wsol_<kind>``.
        base: Base class of the components, as ``"module:Class"``, imported when plugins are loaded.
        scope: What depends on the part, and so how its options are searched and what recipes share.

            * ``study``: named once for all recipes of a study; only benchmark and metrics are.
            * ``training``: options are drawn anew for each trial; another choice is another training.
            * ``prediction``: options are swept on val after training; recipes that differ here share the training, and
              each choice costs a forward pass. A component of a kind other than ``extractor`` is called with the raw
              maps that the extractor gives, float [B, h, w], and returns maps of the same shape.
            * ``scoring``: options are swept on val as well; recipes that differ here share training and stored maps.
              Used by methods that output maps. A component of a kind other than ``normalizer`` and ``box_rule`` is
              called with the upsampled map, float64 [H, W], before the normalizer, and returns one of the same shape.
        help: What the part is, for the schema of a study.
        default: Name of the component that a study uses when it names none; None leaves the part empty.
        many: Whether a recipe has a list of these instead of at most one.
        required: Whether every recipe needs one.
    """

    name: str
    kind: str
    base: str
    scope: Scope
    help: str
    default: str | None = None
    many: bool = False
    required: bool = False

    @property
    def key(self) -> str:
        """Key in studies, records and tables: the plural for a list."""
        return self.kind if self.many else self.name

    @property
    def label(self) -> str:
        """Name in messages: ``"box rule"``."""
        return self.name.replace("_", " ")

    @property
    def hook(self) -> str:
        """Name of the hook that returns the components."""
        return f"wsol_{self.kind}"

    @property
    def swept(self) -> bool:
        """Whether options are swept on val instead of being drawn for each trial."""
        return self.scope in ("prediction", "scoring")


_TABLE = (
    Part("benchmark", "benchmarks", "wsol:Benchmark", "study", "data set with splits and schedule"),
    Part("method", "methods", "wsol:Method", "training", "how to train and to localize", required=True),
    Part("backbone", "backbones", "wsol:Backbone", "training", "feature extractor"),
    Part("pooling", "poolings", "wsol:Pooling", "training", "feature map to vector", default="gap"),
    Part(
        "augmentation",
        "augmentations",
        "wsol:Augmentation",
        "training",
        "augmentations applied after the method's own",
        many=True,
    ),
    Part("extractor", "extractors", "wsol:Extractor", "prediction", "classifier to score map", default="cam"),
    Part("normalizer", "normalizers", "wsol:Normalizer", "scoring", "score map to [0, 1]", default="minmax"),
    Part("box_rule", "box_rules", "wsol:BoxRule", "scoring", "map to boxes; null: the protocol's thresholds"),
    Part("metric", "metrics", "wsol:Metric", "study", "score of a split", many=True),
)
PARTS: dict[str, Part] = {part.name: part for part in _TABLE}
"""Part name → part, in the order in which recipes are written."""


def recipe_parts(*scopes: Scope) -> list[Part]:
    """Select parts of a recipe by scope.

    Args:
        *scopes: Scopes to keep; without any, all that differ between the recipes of a study.

    Returns:
        The parts, in the order of :data:`PARTS`.

    Example:
        >>> [part.name for part in recipe_parts("scoring")]
        ['normalizer', 'box_rule']
    """
    return [part for part in PARTS.values() if part.scope in (scopes or RECIPE_SCOPES)]


def part_of_kind(kind: str) -> Part:
    """Return the part that components of ``kind`` (plural, ``"backbones"``) fill; raises KeyError for another word."""
    return {part.kind: part for part in PARTS.values()}[kind]


JsonObject: TypeAlias = dict[str, JsonValue]
"""A JSON object as records and files store it."""


class Model(BaseModel):
    """Base of everything stored: immutable, strict about keys, NaN never written."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class ComponentRef(Model):
    """A component by name, with the options that a study fixes and the distributions that replace its own."""

    name: str
    options: OptionValues = Field(default_factory=dict)
    search: dict[str, dict[str, list[JsonValue]]] = Field(default_factory=dict)

    @classmethod
    def parse(cls, value: str | OptionValues) -> ComponentRef:
        """Read a component as written in a study.

        Args:
            value: A name, or a mapping with ``name`` and options; an option is a value, or a distribution such as
                ``{"choice": [8, 16]}``.

        Returns:
            The reference.

        Example:
            >>> ComponentRef.parse({"name": "resnet50", "stride": {"choice": [8, 16]}}).search
            {'stride': {'choice': [8, 16]}}
        """
        if isinstance(value, str):
            return cls(name=value)
        given = {key: option for key, option in value.items() if key != "name"}
        search = {k: d.to_json() for k, v in given.items() if (d := Distribution.from_json(v)) is not None}
        return cls(name=value["name"], options={k: v for k, v in given.items() if k not in search}, search=search)

    def as_written(self) -> OptionValues:
        """Return options and distributions together, as they are written in a study."""
        return {**self.options, **self.search}

    def label(self) -> str:
        """``name`` or ``name(option=value, …)``."""
        given = [f"{k}={v}" for k, v in self.options.items()]
        given += [f"{k}~{kind}({', '.join(map(str, v))})" for k, s in self.search.items() for kind, v in s.items()]
        return f"{self.name}({', '.join(given)})" if given else self.name


class ScheduleSpec(Model):
    """Epochs, learning-rate steps and batch size of a run."""

    epochs: int = Field(ge=0)
    decay_every: int = Field(ge=1)
    decay: float = Field(gt=0, le=1)
    batch_size: int = Field(ge=2)


Filled: TypeAlias = dict[str, ComponentRef | tuple[ComponentRef, ...]]
"""Part key → the component that fills it, or the components of a list; empty parts are left out."""


def filled(**components: ComponentRef | Sequence[ComponentRef] | None) -> Filled:
    """Leave out empty parts.

    Args:
        **components: Part key → component, components of a list, or None.

    Returns:
        The content of :attr:`PartsSpec.parts`.
    """
    given = {key: found for key, found in components.items() if found}
    return {key: found if isinstance(found, ComponentRef) else tuple(found) for key, found in given.items()}


class PartsSpec(Model):
    """Some parts of a recipe with their components.

    Attributes:
        parts: :attr:`Part.key` → the component, or the components of a list. Empty parts are left out.
    """

    parts: Filled = Field(default_factory=dict)

    def ref(self, name: str) -> ComponentRef | None:
        """Return the component of the part ``name`` (:attr:`Part.name`), or None where it is empty."""
        return next(iter(self.refs(name)), None)

    def refs(self, name: str) -> tuple[ComponentRef, ...]:
        """Return all components of the part ``name`` (:attr:`Part.name`)."""
        found = self.parts.get(PARTS[name].key, ())
        return (found,) if isinstance(found, ComponentRef) else found

    def filled(self) -> Iterator[tuple[Part, ComponentRef]]:
        """Yield (part, component) of every part that is filled, in the order of :data:`PARTS`."""
        return ((part, ref) for part in PARTS.values() for ref in self.refs(part.name))

    def prefixed(self) -> Iterator[tuple[str, Part, ComponentRef]]:
        """Yield (prefix, part, component) of every part that is filled, in the order of :data:`PARTS`.

        ``prefix.option`` is the name of a hyper-parameter, and the key of the stream that it is drawn from. The prefix
        is the part's name, or in a list the component's. From the second component with the same prefix on, the ordinal
        is added, so that each component has draws of its own, and the draws of the first one do not change.

        Example:
            >>> twice = ComponentRef(name="cutout"), ComponentRef(name="cutout")
            >>> spec = PartsSpec(parts=filled(method=ComponentRef(name="cam"), augmentations=twice))
            >>> [prefix for prefix, _, _ in spec.prefixed()]
            ['method', 'cutout', 'cutout#2']
        """
        seen: Counter[str] = Counter()
        for part, ref in self.filled():
            prefix = ref.name if part.many else part.name
            seen[prefix] += 1
            yield prefix if seen[prefix] == 1 else f"{prefix}#{seen[prefix]}", part, ref


class TrainSpec(PartsSpec):
    """What is trained: the parts of a recipe that cost a training, before hyper-parameters are drawn."""

    benchmark: ComponentRef
    schedule: ScheduleSpec

    @property
    def method(self) -> ComponentRef:
        """The method: every training has one."""
        return self.refs("method")[0]


class EvalSpec(PartsSpec):
    """How a trained localizer is evaluated: the parts of a recipe that cost no training."""


def train_content(train: TrainSpec) -> OptionValues:
    """Return what identifies a training on every machine: all of it except the folder that holds the data set."""
    return train.model_dump(mode="json", exclude={"benchmark": {"options": {"root"}}})


def recipe_id(train: TrainSpec, evaluation: EvalSpec) -> str:
    """Compute the identity of a recipe: a hash of training and evaluation.

    Args:
        train: How the recipe trains.
        evaluation: How it evaluates.

    Returns:
        The hash.
    """
    return content_hash([train_content(train), evaluation.model_dump(mode="json")])


def content_hash(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_hparams(prefix: str, ref: ComponentRef, hparams: OptionValues) -> OptionValues:
    """Fill the drawn values of a component into its fixed options.

    Args:
        prefix: The component's prefix, see :meth:`PartsSpec.prefixed`.
        ref: The component; distributions in its options are replaced by the drawn values.
        hparams: Drawn values of a whole run, as ``prefix.option`` or, for a component that an option names,
            ``prefix.option.option``.

    Returns:
        Options as written in a study, without distributions.

    Example:
        >>> with_hparams("method", ComponentRef(name="cam", options={"momentum": 0.5}), {"method.lr": 0.1})
        {'momentum': 0.5, 'lr': 0.1}
    """
    start = f"{prefix}."
    options = without_distributions(ref.options)
    for name, value in hparams.items():
        if name.startswith(start):
            _fill(options, name.removeprefix(start).split("."), value)
    return options


def without_distributions(options: OptionValues) -> OptionValues:
    """Copy nested options, leaving out every value that is a distribution."""
    return {
        key: without_distributions(value) if isinstance(value, dict) else value
        for key, value in options.items()
        if Distribution.from_json(value) is None
    }


def _fill(options: OptionValues, path: list[str], value: Any) -> None:
    """Set a nested option; a component that is given by its name alone becomes a mapping first."""
    for key in path[:-1]:
        inner = options.get(key) or {}
        options[key] = {"name": inner} if isinstance(inner, str) else inner
        options = options[key]
    options[path[-1]] = value
