"""Studies as their authors write them: YAML, validated, with overrides from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from wsol.data.benchmark import CacheMode
from wsol.errors import UsageError
from wsol.options import Distribution, OptionValues, StrictKinds, describe_validation, suggest
from wsol.recipes import ComponentRef, Part, recipe_parts
from wsol.split_names import EvalSplit
from wsol.study.yaml_file import MAX_DEPTH, check_values, load_yaml, read_mapping

SUFFIX = ".yaml"
MAX_GALLERY = 1000
"""Most pictures of a final run: they are drawn while test is open, and few of them are looked at."""
MAX_TRIALS = 10_000
"""Most trials of a recipe: more than anyone can train, and few enough to be planned in seconds."""
T = TypeVar("T")


class ComponentSpec(StrictKinds):
    """A component in a study: its name, or a mapping with its name and options.

    ``{name: resnet50, stride: 8, lr: {loguniform: [1e-5, 1]}}``: a value fixes an option; an option with a distribution
    (choice, uniform, loguniform, integer) is drawn anew for each trial.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1, max_length=100)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping | ComponentSpec):
            raise ValueError("write a component's name, or a mapping with the key 'name' and options")
        return value

    @model_validator(mode="after")
    def _distributions(self) -> ComponentSpec:
        for key, value in (self.model_extra or {}).items():
            _check_distributions(value, key)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(core)]}

    def ref(self) -> ComponentRef:
        """Separate fixed options from distributions."""
        return ComponentRef.parse({"name": self.name, **(self.model_extra or {})})


def _check_distributions(value: JsonValue, key: str) -> None:
    """Raise ValueError for a distribution with wrong arguments, at any depth."""
    try:
        distribution = Distribution.from_json(value)
    except UsageError as error:
        raise ValueError(f"{key}: {error}") from None
    if distribution is None and isinstance(value, dict):
        for name, inner in value.items():
            _check_distributions(inner, f"{key}.{name}")


class ScheduleOverride(StrictKinds):
    """What to change of the benchmark's schedule."""

    epochs: int | None = Field(None, ge=0, le=100_000, description="epochs of a phase that names none")
    decay_every: int | None = Field(None, ge=1, le=100_000, description="epochs between two steps of the learning rate")
    decay: float | None = Field(None, gt=0, le=1, description="factor of a step")
    batch_size: int | None = Field(None, ge=2, le=65_536, description="images in a training batch")


class Resources(StrictKinds):
    """What one run gets. Fractions of a GPU (1/k) share it between k runs; they do not isolate its memory."""

    cpus: float = Field(1, gt=0, le=1024, description="CPU cores")
    gpus: float = Field(0, ge=0, le=64, description="GPUs: a whole number, or 1/k")

    @field_validator("gpus")
    @classmethod
    def _whole_or_unit_fraction(cls, value: float) -> float:
        if value < 1 and value and abs(round(1 / value) * value - 1) > 0.01:
            raise ValueError("a fraction of a GPU must be 1/k")
        if value > 1 and value != int(value):
            raise ValueError("more than one GPU must be a whole number")
        return value


def _as_list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _as_lists(value: JsonValue) -> list[JsonValue]:
    return [[] if entry is None else _as_list(entry) for entry in _as_list(value)]


def _each_once(value: list[T]) -> list[T]:
    """Check a list of alternatives: it has entries, and none twice."""
    if not value:
        raise ValueError("an empty list leaves nothing to run; leave the key out, or name at least one")
    written = [_written(entry) for entry in value]
    twice = next((index for index, text in enumerate(written) if text in written[:index]), None)
    if twice is not None:
        raise ValueError(f"entry {twice} (from 0) repeats an earlier one; name each once")
    return value


def _written(entry: T) -> str:
    if isinstance(entry, BaseModel):
        return json.dumps(entry.model_dump(mode="json"), sort_keys=True)
    return repr([_written(inner) for inner in entry]) if isinstance(entry, list) else repr(entry)


def _each_name_once(value: list[T]) -> list[T]:
    return _each_once(value) if value else value


Components: TypeAlias = Annotated[
    list[ComponentSpec],
    AfterValidator(_each_once),
    BeforeValidator(_as_list, json_schema_input_type=ComponentSpec | list[ComponentSpec]),
]
Names: TypeAlias = Annotated[
    list[str], AfterValidator(_each_once), BeforeValidator(_as_list, json_schema_input_type=str | list[str])
]
_Skipped: TypeAlias = Annotated[
    list[str], AfterValidator(_each_name_once), BeforeValidator(_as_list, json_schema_input_type=str | list[str])
]
Splits: TypeAlias = Annotated[
    list[EvalSplit],
    AfterValidator(_each_name_once),
    BeforeValidator(_as_list, json_schema_input_type=EvalSplit | list[EvalSplit]),
]
_Optional: TypeAlias = Annotated[
    list[ComponentSpec | None],
    AfterValidator(_each_once),
    BeforeValidator(_as_list, json_schema_input_type=ComponentSpec | list[ComponentSpec | None] | None),
]
_Lists: TypeAlias = Annotated[
    list[list[ComponentSpec]],
    AfterValidator(_each_once),
    BeforeValidator(_as_lists, json_schema_input_type=ComponentSpec | list[ComponentSpec | list[ComponentSpec] | None]),
]


class RecipeGrid(StrictKinds):
    """Recipes as the product of lists of alternatives; a single alternative may be written without a list.

    :func:`study_model` adds a field for each part of a recipe.
    """

    trials: int | None = Field(None, ge=1, le=MAX_TRIALS, description="trials of each recipe, instead of the study's")
    schedule: ScheduleOverride = Field(ScheduleOverride(), description="changes to the schedule, over the study's")
    skip: _Skipped = Field([], description="benchmarks of the study that this grid leaves out")

    def choices(self, part: Part) -> list[tuple[ComponentRef, ...]]:
        """Return the alternatives for a part.

        Returns:
            The components of each alternative: none where it leaves the part empty, several for a list.
        """
        entries = getattr(self, part.key)
        alternatives = entries if part.many else [[] if entry is None else [entry] for entry in entries]
        return [tuple(spec.ref() for spec in alternative) for alternative in alternatives]


class Study(StrictKinds):
    """Recipes, how their hyper-parameters are searched, and how the chosen trials are run again."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100, description="also the name of the results folder"
    )
    description: str = Field("", description="one line for 'wsol studies'")
    benchmark: Components = Field(description="one benchmark, or a list")
    recipes: list[RecipeGrid] = Field(min_length=1, description="grids of recipes")
    trials: int = Field(30, ge=1, le=MAX_TRIALS, description="random draws of hyper-parameters for each recipe")
    seeds: int = Field(3, ge=1, le=1000, description="final runs of each chosen recipe, one for each seed")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of the study: draws and trial seeds follow from it")
    schedule: ScheduleOverride = Field(ScheduleOverride(), description="changes to the benchmark's schedule")
    protocol: str | None = Field(None, min_length=1, description="evaluation protocol; default: the benchmark's")
    metrics: Names | None = Field(None, description="metrics, the first selects; default: the benchmark's")
    resources: Resources = Field(Resources(), description="what one run gets")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", description="auto: bf16 on CUDA, fp32 on CPU")
    cache: CacheMode | None = Field(None, description="where decoded images are kept; default: the benchmark's choice")
    bootstrap: int = Field(1000, ge=0, le=100_000, description="resamples for confidence intervals; 0: none")
    max_failures: int = Field(2, ge=0, le=100, description="restarts of a run whose worker died")
    keep: Splits = Field(
        ["test"],
        description="splits whose score maps are kept: val, of every trial and final run; test, of every final run",
    )
    gallery: int = Field(
        12, ge=0, le=MAX_GALLERY, description="pictures of test images that a final run keeps; 0: none"
    )

    _lists = field_validator("recipes", mode="before")(_as_list)
    _once = field_validator("recipes")(_each_once)


def study_model() -> type[Study]:
    """Return the model of a study file, whose grids have one key for each part of a recipe."""
    return _study_model(tuple(recipe_parts()))


@lru_cache(maxsize=8)
def _study_model(in_grids: tuple[Part, ...]) -> type[Study]:
    fields: OptionValues = {part.key: _grid_field(part) for part in in_grids}
    grid = create_model("RecipeGrid", __base__=RecipeGrid, __doc__=RecipeGrid.__doc__, **fields)
    recipes = Field(
        min_length=1,
        description=Study.model_fields["recipes"].description,
        json_schema_extra=_one_or_list,
    )
    field: OptionValues = {"recipes": (GenericAlias(list, (grid,)), recipes)}
    return create_model("Study", __base__=Study, __doc__=Study.__doc__, **field)


def _one_or_list(schema: OptionValues) -> None:
    """Let the schema of a list accept a single entry as well."""
    several = {key: schema.pop(key) for key in ("type", "items", "minItems")}
    schema["anyOf"] = [several["items"], several]


def _grid_field(part: Part) -> tuple[Any, Any]:
    """Return type and field of a part in a grid."""
    if part.required:
        return Components, Field(description=part.help)
    if part.many:
        return _Lists, Field([[]], description=f"lists of {part.label}s: {part.help}")
    if part.default is not None:
        return Components, Field([ComponentSpec(name=part.default)], description=part.help)
    return _Optional, Field([None], description=part.help)


def load_study(source: str, overrides: Iterable[str] = ()) -> Study:
    """Load a study.

    Args:
        source: Path of a YAML file, or name of a study that comes with the package.
        overrides: Changes as ``key=value``, see :func:`apply_override`.

    Returns:
        The validated study.

    Raises:
        UsageError: The file or a key is not valid. The message names both, and suggests a key for an unknown one.

    Example:
        >>> load_study("quickstart", ["trials=2"]).trials
        2
    """
    path = find_study(source)
    content = read_mapping(path, f"a study is a mapping with the keys {', '.join(Study.model_fields)}")
    for override in overrides:
        apply_override(content, override)
    return validate_study(content, str(path))


_Node: TypeAlias = list[JsonValue] | dict[str, JsonValue]


def validate_study(content: Mapping[str, Any], where: str) -> Study:
    """Validate a mapping as a study.

    Args:
        content: The mapping, as YAML gives it.
        where: Beginning of each line of an error.

    Raises:
        UsageError: One line for each problem.
    """
    check_values(dict(content), where)
    model = study_model()
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        grid = {*RecipeGrid.model_fields, *(part.key for part in recipe_parts())}
        known = {*Study.model_fields, *grid, *ScheduleOverride.model_fields, *Resources.model_fields}
        raise UsageError(describe_validation(error, where, known)) from None


def apply_override(content: OptionValues, override: str, option: str = "--set") -> None:
    """Change one value of nested mappings and lists in place.

    Args:
        content: The mapping to change.
        override: ``key=value``. The key is a path with dots, ``recipes.0.method.lr``; list entries are counted from 0.
            The value is read as YAML, except that one that begins with ``#`` is text: a colour, not a comment.
        option: The command-line option of the change, for messages.

    Raises:
        UsageError: The path leads nowhere, or the value is not YAML.

    Example:
        >>> content = {"benchmark": "cub"}
        >>> apply_override(content, "benchmark.root=/data/cub")
        >>> content
        {'benchmark': {'name': 'cub', 'root': '/data/cub'}}
        >>> apply_override(content, "benchmark=#ff0000")
        >>> content
        {'benchmark': '#ff0000'}
    """
    where = f"{option} {override}" if len(override) < 200 else f"{option} {override[:200]}…"
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UsageError(f"{where}: write key=value, for example --set schedule.epochs=2")
    try:
        value = text if text.startswith("#") else load_yaml(text)
    except yaml.YAMLError:
        raise UsageError(f"{where}: the value is not valid YAML") from None
    *parents, last = key.split(".")
    if not all((*parents, last)) or len(parents) >= MAX_DEPTH:
        raise UsageError(f"{where}: the key must be names or indices with one dot between two, at most {MAX_DEPTH}")
    check_values(value, where, (*parents, last))
    node: _Node = content
    for part in parents:
        node = _child(node, part, where)
    if isinstance(node, list):
        node[_index(node, last, where)] = value
    else:
        node[last] = value


def _child(node: _Node, part: str, where: str) -> _Node:
    if isinstance(node, list):
        index = _index(node, part, where)
        child = node[index] = _with_name(node[index])
    elif part == "0" and "name" in node:  # a single component may be written without a list
        return node
    else:
        child = node[part] = _with_name(node.get(part, {}))
    if not isinstance(child, dict | list):
        raise UsageError(f"{where}: '{part}' holds a value, not further keys")
    return child


def _with_name(value: JsonValue) -> JsonValue:
    """Write a component that is given by its name alone as a mapping."""
    return {"name": value} if isinstance(value, str) else value


def _index(node: list[JsonValue], part: str, where: str) -> int:
    if not (part.isascii() and part.isdigit()) or len(part) > 9 or int(part) >= len(node):
        raise UsageError(f"{where}: '{part}' must be an index below {len(node)}")
    return int(part)


def find_study(source: str) -> Path:
    """Find the file of a study.

    Args:
        source: Path that ends in ``.yaml`` or ``.yml``, or name of a study that comes with the package.

    Raises:
        UsageError: There is no such study; the message suggests one.
    """
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        try:
            if path.exists():  # what is no file is an error when it is read
                return path
        except OSError as error:  # a name that is too long, for one
            raise UsageError(f"{source[:200]}: cannot be read: {error.strerror}") from None
        raise UsageError(f"{source}: no such file")
    shipped = {p.stem: p for p in shipped_studies()}
    if source in shipped:
        return shipped[source]
    raise UsageError(f"unknown study '{source[:200]}'{suggest(source, shipped)} (or give the path of a {SUFFIX} file)")


def shipped_studies() -> list[Path]:
    """Return the files of the studies that come with the package, sorted by name."""
    here = Path(__file__).parent / "library"
    if not here.is_dir():  # an editable install
        here = Path(__file__).parents[3] / "benchmarks" / "studies"
    return sorted(here.glob(f"*{SUFFIX}"))
