"""A study as its author writes it: YAML, validated, with overrides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from wsol.data.benchmark import CacheMode
from wsol.errors import UsageError
from wsol.options import Distribution, describe_validation, suggest
from wsol.recipes import ComponentRef

SUFFIX = ".yaml"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComponentSpec(_Model):
    """A component in a study: its name alone, or ``{name: resnet50, stride: 8, lr: {loguniform: [1e-5, 1]}}``.

    A value fixes an option; a distribution (choice, uniform, loguniform, integer) has it drawn anew for each trial.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    def ref(self) -> ComponentRef:
        """Fixed options and distributions apart."""
        given = self.model_extra or {}
        search = {k: d.to_json() for k, v in given.items() if (d := Distribution.from_json(v)) is not None}
        return ComponentRef(name=self.name, options={k: v for k, v in given.items() if k not in search}, search=search)


class ScheduleOverride(_Model):
    """What to change of the benchmark's schedule."""

    epochs: int | None = Field(None, ge=0, description="epochs of a phase that names none")
    decay_every: int | None = Field(None, ge=1, description="epochs between two steps of the learning rate")
    decay: float | None = Field(None, gt=0, le=1, description="factor of a step")
    batch_size: int | None = Field(None, ge=2, description="images in a training batch")


class Resources(_Model):
    """What one run gets. Fractions of a GPU (1/k) share it between k runs; they do not isolate its memory."""

    cpus: float = Field(1, gt=0, description="CPU cores")
    gpus: float = Field(0, ge=0, description="GPUs: a whole number, or 1/k")

    @field_validator("gpus")
    @classmethod
    def _whole_or_unit_fraction(cls, value: float) -> float:
        if value < 1 and value and abs(round(1 / value) * value - 1) > 0.01:
            raise ValueError("a fraction of a GPU must be 1/k")
        if value > 1 and value != int(value):
            raise ValueError("more than one GPU must be a whole number")
        return value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class RecipeGrid(_Model):
    """Recipes as a product of lists; a single entry may stand without a list."""

    method: list[ComponentSpec] = Field(description="how to train and localize")
    backbone: list[ComponentSpec | None] = Field([None], description="feature extractors")
    pooling: list[ComponentSpec] = Field([ComponentSpec(name="gap")], description="poolings")
    extractor: list[ComponentSpec] = Field([ComponentSpec(name="cam")], description="how a classifier yields a map")
    normalizer: list[ComponentSpec] = Field([ComponentSpec(name="minmax")], description="score map → [0, 1]")
    box_rule: list[ComponentSpec | None] = Field([None], description="null: the protocol's own rule")
    augmentations: list[list[ComponentSpec]] = Field(
        [[]], description="lists of augmentations, behind the method's own"
    )
    trials: int | None = Field(None, ge=1, description="trials a recipe, instead of the study's")
    schedule: ScheduleOverride = Field(ScheduleOverride(), description="changes to the schedule, over the study's")
    skip: list[str] = Field([], description="names of benchmarks that this grid leaves out, of those of the study")

    _lists = field_validator(
        "method", "backbone", "pooling", "extractor", "normalizer", "box_rule", "skip", mode="before"
    )(_as_list)

    @field_validator("augmentations", mode="before")
    @classmethod
    def _lists_of_lists(cls, value: Any) -> Any:
        return [_as_list(v) if v is not None else [] for v in _as_list(value)]


class Study(_Model):
    """Recipes, how they are searched, and how the chosen ones are run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="also the name of the results folder")
    description: str = Field("", description="one line for 'wsol studies'")
    benchmark: list[ComponentSpec] = Field(description="one benchmark, or a list")
    recipes: list[RecipeGrid] = Field(min_length=1, description="grids of recipes")
    trials: int = Field(30, ge=1, description="random draws of hyper-parameters a recipe")
    seeds: int = Field(3, ge=1, description="final runs of a chosen recipe, each with its own seed")
    seed: int = Field(0, description="seed of the study: draws and trial seeds follow from it")
    schedule: ScheduleOverride = Field(ScheduleOverride(), description="changes to the benchmark's schedule")
    protocol: str | None = Field(None, description="evaluation protocol; default: the benchmark's")
    metrics: list[str] | None = Field(None, description="metrics, the first selects; default: the benchmark's")
    resources: Resources = Field(Resources(), description="what one run gets")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", description="auto: bf16 on CUDA, fp32 on CPU")
    cache: CacheMode | None = Field(
        None, description="how decoded images are kept: on disk, in memory, on the GPU, not; default: the benchmark's"
    )
    bootstrap: int = Field(1000, ge=0, description="resamples for confidence intervals; 0: none")
    max_failures: int = Field(2, ge=0, description="how often a run whose worker died is started again")

    _lists = field_validator("benchmark", "recipes", mode="before")(_as_list)


def load_study(source: str, overrides: Iterable[str] = ()) -> Study:
    """The study in file ``source``, or the shipped study of that name, with ``key=value`` overrides applied.

    Raises UsageError naming the file, the key and, for an unknown one, what was probably meant.
    """
    path = find_study(source)
    try:
        content = yaml.load(path.read_text(), _Loader)
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: a study is a mapping with the keys {', '.join(Study.model_fields)}")
    for override in overrides:
        apply_override(content, override)
    return validate_study(content, str(path))


class _Loader(yaml.SafeLoader):
    """Stricter and more convenient than PyYAML: a key given twice is an error, and ``1e-5`` is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(problem=f"the key '{twice}' is given twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def validate_study(content: Mapping[str, Any], where: str) -> Study:
    """Validate a mapping as a study; ``where`` begins each line of the error."""
    try:
        return Study.model_validate(dict(content))
    except ValidationError as error:
        known = {*Study.model_fields, *RecipeGrid.model_fields, *ScheduleOverride.model_fields, *Resources.model_fields}
        raise UsageError(describe_validation(error, where, known)) from None


def apply_override(content: dict[str, Any], override: str) -> None:
    """Set ``a.b.0.c=value`` in nested mappings and lists; the value is read as YAML. Raises UsageError."""
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UsageError(f"--set {override}: write key=value, for example --set schedule.epochs=2")
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError:
        raise UsageError(f"--set {override}: the value is not valid YAML") from None
    *parents, last = key.split(".")
    node: Any = content
    for part in parents:
        node = _child(node, part, override)
    if isinstance(node, list):
        node[_index(node, last, override)] = value
    else:
        node[last] = value


def _child(node: Any, part: str, override: str) -> Any:
    if part == "0" and isinstance(node, dict) and "name" in node:  # one component stands for a list of it
        return node
    key: Any = _index(node, part, override) if isinstance(node, list) else part
    child = node[key] if isinstance(node, list) else node.setdefault(key, {})
    if isinstance(child, str):  # a component given by its name alone
        child = node[key] = {"name": child}
    if not isinstance(child, dict | list):
        raise UsageError(f"--set {override}: '{part}' holds a value, not further keys")
    return child


def _index(node: list[Any], part: str, override: str) -> int:
    if not part.isdigit() or int(part) >= len(node):
        raise UsageError(f"--set {override}: '{part}' must be an index below {len(node)}")
    return int(part)


def find_study(source: str) -> Path:
    """The file a study's name or path stands for; raises UsageError with a suggestion."""
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise UsageError(f"{source}: no such file")
    shipped = {p.stem: p for p in shipped_studies()}
    if source in shipped:
        return shipped[source]
    raise UsageError(f"unknown study '{source}'{suggest(source, shipped)} (or give the path of a {SUFFIX} file)")


def shipped_studies() -> list[Path]:
    """The study files that come with the package, sorted by name."""
    here = Path(__file__).parent / "library"
    if not here.is_dir():  # an editable install: the files lie where they are edited
        here = Path(__file__).parents[3] / "benchmarks" / "studies"
    return sorted(here.glob(f"*{SUFFIX}"))
