"""The components that a recipe uses, those that options name included, and the files that their options name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from wsol.components import Component
from wsol.errors import DataError
from wsol.options import Distribution, FileOption, Options, OptionValues
from wsol.recipes import EvalSpec, TrainSpec, part_of_kind, with_hparams
from wsol.registry import Plugins


@dataclass(frozen=True)
class UsedComponent:
    """A component of a recipe.

    Attributes:
        place: The part that it fills, or the option that names it: ``"method"``, ``"method.ddt_backbone"``.
        kind: Kind in the plural.
        component: Its class.
        values: Its options as written, with distributions where options are drawn.
    """

    place: str
    kind: str
    component: type[Component]
    values: OptionValues

    @property
    def label(self) -> str:
        """``"method 'psol'"``."""
        return f"{part_of_kind(self.kind).label} '{self.component.name}'"


@dataclass(frozen=True)
class NamedFiles:
    """The files that one option of a recipe names.

    Attributes:
        place: ``part.option``, or ``part.option.option``.
        owner: The component, for messages.
        option: How the option is declared.
        files: Files and folders; those of all values where the option is drawn.
    """

    place: str
    owner: UsedComponent
    option: FileOption
    files: tuple[Path, ...]


def used_components(
    train: TrainSpec,
    evaluations: Sequence[EvalSpec],
    metrics: Iterable[str],
    plugins: Plugins,
    hparams: OptionValues | None = None,
) -> list[UsedComponent]:
    """List the components of a recipe: of all its parts, the benchmark, the metrics, and those that options name.

    Args:
        train: What is trained.
        evaluations: How it is evaluated.
        metrics: Names of the metrics.
        plugins: Where components are found.
        hparams: Drawn values of the training, as ``part.option``; None keeps distributions, and of a component or a
            file that is drawn every alternative counts.

    Returns:
        Each use once, in the order of the recipe.
    """
    benchmark = train.benchmark
    found = [*_with_named("benchmark", "benchmarks", benchmark.name, benchmark.as_written(), plugins)]
    for spec in (train, *evaluations):
        for prefix, part, ref in spec.prefixed():
            drawn = hparams is None or spec is not train
            values = ref.as_written() if drawn else with_hparams(prefix, ref, hparams or {})
            found += _with_named(prefix, part.kind, ref.name, values, plugins)
    found += [UsedComponent(name, "metrics", plugins.get("metrics", name), {}) for name in metrics]
    return [use for place, use in enumerate(found) if use not in found[:place]]


def _with_named(place: str, kind: str, name: str, values: OptionValues, plugins: Plugins) -> Iterator[UsedComponent]:
    component = plugins.get(kind, name)
    yield UsedComponent(place, kind, component, values)
    yield from _in_options(place, component.Options, values, plugins)


def _in_options(place: str, options: type[Options], values: OptionValues, plugins: Plugins) -> Iterator[UsedComponent]:
    """Yield the components that options name, at any depth."""
    for field, kind in options.part_kinds().items():
        default = options.model_fields[field].default
        for name, inner in _named(values.get(field, default), default):
            yield from _with_named(f"{place}.{field}", kind, name, inner, plugins)
    for field, nested in options.nested().items():
        yield from _in_options(f"{place}.{field}", nested, _inner(options, field, values), plugins)


def _named(value: JsonValue, default: JsonValue) -> Iterator[tuple[str, OptionValues]]:
    """Name and options of the component that a value names; of a distribution those of all its values."""
    if (drawn := Distribution.from_json(value)) is not None:
        for alternative in drawn.arguments:
            yield from _named(alternative, default)
    elif isinstance(value, str):
        yield value, {}
    elif isinstance(value, Mapping) and isinstance(name := value.get("name", default), str):
        yield name, {key: option for key, option in value.items() if key != "name"}


def _inner(options: type[Options], field: str, values: OptionValues) -> OptionValues:
    """The values of options within options; those of the field's default where none are given."""
    default = options.model_fields[field].default
    if field not in values and isinstance(default, Options):
        return {name: getattr(default, name) for name in default.model_fields_set}
    return _mapping(values.get(field))


def _mapping(value: JsonValue) -> OptionValues:
    return dict(value) if isinstance(value, Mapping) and Distribution.from_json(value) is None else {}


def named_files(used: Iterable[UsedComponent]) -> list[NamedFiles]:
    """List the options of components that name files (:func:`wsol.path`), with the files.

    Args:
        used: The components.

    Returns:
        The options that name at least one file.
    """
    return [found for use in used for found in _files(use, use.place, use.component.Options, use.values)]


def _files(use: UsedComponent, place: str, options: type[Options], values: OptionValues) -> Iterator[NamedFiles]:
    for field, option in options.file_options().items():
        value = values.get(field, options.model_fields[field].default)
        drawn = Distribution.from_json(value)
        alternatives = [value] if drawn is None else list(drawn.arguments)
        files = tuple(dict.fromkeys(file for one in alternatives for file in option.files(one)))
        if files:
            yield NamedFiles(f"{place}.{field}", use, option, files)
    for field, nested in options.nested().items():
        yield from _files(use, f"{place}.{field}", nested, _inner(options, field, values))
    for field, inner in options.hidden().items():
        entries = values.get(field)
        for number, entry in enumerate(entries if isinstance(entries, list | tuple) else []):
            yield from _files(use, f"{place}.{field}.{number}", inner, _mapping(entry))


def check_files(used: Iterable[UsedComponent]) -> None:
    """Check that the files that options name exist, before anything is trained.

    Args:
        used: The components of a recipe.

    Raises:
        DataError: A file is missing; the message names the option and the folder that a relative path starts from.
    """
    for named in named_files(used):
        for file in named.files:
            if not file.exists():
                option = named.place.partition(".")[2]
                start = "" if file.is_absolute() else f" in the working directory {Path.cwd()}"
                raise DataError(f"{named.owner.label}: {option}: no such file: {file}{start}")
