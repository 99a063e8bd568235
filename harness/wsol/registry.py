"""The registry of components: look them up by kind and name, validate their options and build them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from wsol.components import Component
from wsol.data.benchmark import Benchmark
from wsol.data.guard import guarded
from wsol.errors import PluginError, UsageError
from wsol.foreign_code import ContractError, Origin, contained, place_of
from wsol.options import Distribution, Options, OptionValues, build_options, suggest
from wsol.recipes import ComponentRef, Part, part_of_kind, with_hparams

if TYPE_CHECKING:
    from wsol.components import BoxRule, Normalizer
    from wsol.evaluation.metric import Metric
    from wsol.networks import Backbone, Extractor, Pooling
    from wsol.training.augment import Augmentation
    from wsol.training.method import Method

Values = OptionValues | None


@dataclass
class Plugin:
    """A plugin, with its components or the reason why it could not be loaded.

    Attributes:
        name: Name of the entry point, or of the file without its ending.
        distribution: Distribution that the entry point belongs to, or path of the file.
        version: Version of the distribution, or ``"file"``.
        error: Reason of the failure in one line; empty for a plugin that works.
        code: Package or file of its code, and the hash that this had when the plugin was loaded; None where the code
            was not found.
        components: (kind in the plural, class) of each component.
    """

    name: str
    distribution: str
    version: str
    error: str = ""
    code: tuple[Path, str] | None = None
    components: list[tuple[str, type[Component]]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """``"ok"`` or ``"FAILED"``."""
        return "FAILED" if self.error else "ok"


class Plugins:
    """The components of all loaded plugins, by kind (``"methods"`` …) and name."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = list(plugins)
        self._owners: dict[tuple[str, str], list[tuple[Plugin, type[Component]]]] = {}
        for plugin in self.plugins:
            for kind, component in plugin.components:
                self._owners.setdefault((kind, component.name), []).append((plugin, component))
        for (kind, name), owners in self._owners.items():
            if len(owners) > 1:
                who = " and ".join(f"{p.name} ({p.distribution} {p.version})" for p, _ in owners)
                for plugin, _ in owners:
                    plugin.error = f"{kind}: the name '{name}' is given by {who}; rename one or uninstall one"

    @property
    def failed(self) -> list[Plugin]:
        """Plugins that could not be loaded or do not follow the rules of their hooks."""
        return [plugin for plugin in self.plugins if plugin.error]

    @property
    def failed_files(self) -> list[Plugin]:
        """One-file plugins that could not be loaded."""
        return [plugin for plugin in self.failed if plugin.version == "file" and not plugin.components]

    def check_files(self) -> None:
        """Raise PluginError for the first one-file plugin that could not be loaded."""
        for plugin in self.failed_files:
            raise PluginError(f"{plugin.distribution}: {plugin.error}")

    @property
    def loaded_code(self) -> dict[Path, str]:
        """Package or file of each plugin's code → its hash when it was loaded."""
        return dict(plugin.code for plugin in self.plugins if plugin.code is not None)

    def names(self, kind: str) -> list[str]:
        """Return the names of all components of a kind, sorted."""
        return sorted(name for k, name in self._owners if k == kind)

    def owners(self, kind: str, name: str) -> list[tuple[Plugin, type[Component]]]:
        """Return the plugins that add a component.

        Args:
            kind: Kind in the plural, such as ``"backbones"``.
            name: Name of the component.

        Returns:
            (plugin, class): one pair, several where names clash, none for an unknown name.
        """
        return list(self._owners.get((kind, name), []))

    @overload
    def get(self, kind: Literal["backbones"], name: str) -> type[Backbone]: ...
    @overload
    def get(self, kind: Literal["poolings"], name: str) -> type[Pooling]: ...
    @overload
    def get(self, kind: Literal["methods"], name: str) -> type[Method]: ...
    @overload
    def get(self, kind: Literal["normalizers"], name: str) -> type[Normalizer]: ...
    @overload
    def get(self, kind: Literal["metrics"], name: str) -> type[Metric]: ...
    @overload
    def get(self, kind: Literal["benchmarks"], name: str) -> type[Benchmark]: ...
    @overload
    def get(self, kind: Literal["augmentations"], name: str) -> type[Augmentation]: ...
    @overload
    def get(self, kind: Literal["extractors"], name: str) -> type[Extractor]: ...
    @overload
    def get(self, kind: Literal["box_rules"], name: str) -> type[BoxRule]: ...
    @overload
    def get(self, kind: str, name: str) -> type[Component]: ...
    def get(self, kind: str, name: str) -> type[Component]:
        """Return a component class.

        Args:
            kind: Kind in the plural, such as ``"backbones"``.
            name: Name of the component.

        Raises:
            UsageError: No component has this name. The message suggests one and names the plugins that failed to load.
        """
        return self._find(kind, name)[1]

    @overload
    def create(self, kind: Literal["backbones"], name: str, values: Values = None) -> Backbone: ...
    @overload
    def create(self, kind: Literal["poolings"], name: str, values: Values = None) -> Pooling: ...
    @overload
    def create(self, kind: Literal["normalizers"], name: str, values: Values = None) -> Normalizer: ...
    @overload
    def create(self, kind: Literal["metrics"], name: str, values: Values = None) -> Metric: ...
    @overload
    def create(self, kind: Literal["benchmarks"], name: str, values: Values = None) -> Benchmark: ...
    @overload
    def create(self, kind: Literal["augmentations"], name: str, values: Values = None) -> Augmentation: ...
    @overload
    def create(self, kind: Literal["extractors"], name: str, values: Values = None) -> Extractor: ...
    @overload
    def create(self, kind: Literal["box_rules"], name: str, values: Values = None) -> BoxRule: ...
    @overload
    def create(self, kind: str, name: str, values: Values = None) -> Component: ...
    def create(self, kind: str, name: str, values: Values = None) -> Component:
        """Build a component; methods are built by :func:`wsol.inference.build.build_method` instead.

        Args:
            kind: Kind in the plural, such as ``"backbones"``.
            name: Name of the component.
            values: Its options as written in a study.

        Raises:
            UsageError: The name or an option is not valid.
            PluginError: The component's constructor fails.
        """
        component, origin = self.get(kind, name), self._origin(kind, name)
        options = self.options(kind, name, values or {})
        with origin.calling("__init__()", place_of(component.__init__)), contained():
            built = component(options)
            if not isinstance(built, component):
                raise ContractError(f"built {type(built).__name__}, not {component.__name__}")
            built.check_built()
            return guarded(built, origin) if isinstance(built, Benchmark) else built

    def _origin(self, kind: str, name: str) -> Origin:
        plugin, _ = self._find(kind, name)
        return Origin(f"{part_of_kind(kind).label} '{name}'", plugin.name, plugin.code and plugin.code[0])

    def create_part(self, prefix: str, part: Part, ref: ComponentRef, hparams: OptionValues) -> Component:
        """Build the component that fills a part of a recipe.

        Args:
            prefix: Prefix of its hyper-parameters, see :meth:`wsol.recipes.PartsSpec.prefixed`.
            part: The part.
            ref: The component, as the recipe names it.
            hparams: Drawn or swept values of the whole run, as ``prefix.option``.

        Raises:
            UsageError: The name or an option is not valid.
        """
        return self.create(part.kind, ref.name, with_hparams(prefix, ref, hparams))

    def options(self, kind: str, name: str, values: OptionValues) -> Options:
        """Validate options of a component, and build the components that they name (:func:`wsol.part`).

        Args:
            kind: Kind in the plural.
            name: Name of the component.
            values: Options as written in a study, without distributions.

        Returns:
            An instance of the component's ``Options``.

        Raises:
            UsageError: One line for each problem.
            PluginError: A validator of the options fails, other than by saying that a value is not valid.
        """
        options, origin = self.get(kind, name).Options, self._origin(kind, name)
        self._refuse_circle(kind, name)
        filled = self._with_components(options, values, origin.component)
        with origin.calling("Options()", place_of(options)), contained():
            found = build_options(options, filled, origin.component)
            if not isinstance(found, options):
                raise ContractError(f"built {type(found).__name__}; validators of the whole model must return it")
            return found

    def _refuse_circle(self, kind: str, name: str, above: tuple[tuple[str, str], ...] = ()) -> None:
        """Raise UsageError where the components that options name by default lead back to the first one."""
        if (kind, name) in above:
            chain = " → ".join(inner for _, inner in [*above, (kind, name)])
            raise UsageError(f"{part_of_kind(kind).label} '{name}': its options name each other by default: {chain}")
        if (kind, name) in self._owners:
            for inner in _default_components(self.get(kind, name).Options):
                self._refuse_circle(*inner, (*above, (kind, name)))

    def space(self, kind: str, ref: ComponentRef) -> dict[str, Distribution]:
        """Collect what a search draws for a component.

        These are the distributions of its options and of the components that they name, except for options that
        ``ref`` fixes, and the distributions that ``ref`` gives.

        Args:
            kind: Kind in the plural.
            ref: The component, as a recipe names it.

        Returns:
            ``option`` or ``option.option`` → distribution.
        """
        where = f"{part_of_kind(kind).label} '{ref.name}'"
        self._refuse_circle(kind, ref.name)
        return dict(self._drawn(self.get(kind, ref.name).Options, ref.as_written(), where))

    def _drawn(self, options: type[Options], given: OptionValues, where: str) -> Iterator[tuple[str, Distribution]]:
        distributions = {name: Distribution.from_json(value) for name, value in given.items()}
        found = {name: how for name, how in options.space().items() if distributions.get(name) or name not in given}
        yield from (found | {name: how for name, how in distributions.items() if how is not None}).items()
        for name, kind in options.part_kinds().items():
            with _at(f"{where}: {name}"):
                if (named := _named(options, name, given)) is not None:
                    inner = self._drawn(self.get(kind, named[0]).Options, named[1], named[0])
                    yield from ((f"{name}.{key}", how) for key, how in inner)
        for name, nested in options.nested().items():
            if isinstance(given.get(name, {}), Mapping):
                inner = self._drawn(nested, given.get(name, {}), f"{where}: {name}")
                yield from ((f"{name}.{key}", how) for key, how in inner)

    def _with_components(self, options: type[Options], values: OptionValues, where: str) -> OptionValues:
        """Replace names of components in ``values`` by the components, also in nested options."""
        filled = dict(values)
        for name, kind in options.part_kinds().items():
            with _at(f"{where}: {name}"):
                if (named := _named(options, name, values)) is not None:
                    filled[name] = self.create(kind, *named)
        for name, nested in options.nested().items():
            if isinstance(values.get(name, {}), Mapping):
                built = self._with_components(nested, values.get(name, {}), f"{where}: {name}")
                filled.update({name: built} if built else {})
        return filled

    def _find(self, kind: str, name: str) -> tuple[Plugin, type[Component]]:
        owners = self._owners.get((kind, name), [])
        if len(owners) == 1:
            return owners[0]
        if owners:
            raise PluginError(owners[0][0].error)
        broken = "".join(f"\nplugin {p.name} ({p.distribution} {p.version}) failed: {p.error}" for p in self.failed)
        raise UsageError(f"unknown {part_of_kind(kind).label} '{name}'{suggest(name, self.names(kind))}{broken}")


def _named(options: type[Options], field: str, values: OptionValues) -> tuple[str, OptionValues] | None:
    """Return name and options of the component that ``field`` names; None for null, and for one that is built.

    None as well for a distribution over names: what is drawn is validated as a value of its own.
    """
    default = options.model_fields[field].default
    given = values.get(field, default)
    if Distribution.from_json(given) is not None:
        return None
    if isinstance(given, Mapping):
        name = given.get("name", default)
        if not isinstance(name, str):
            raise UsageError("write a component's name, or a mapping with the key 'name'")
        return name, {key: value for key, value in given.items() if key != "name"}
    return (given, {}) if isinstance(given, str) else None


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Begin the message of a usage error with its place."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def _default_components(options: type[Options]) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of the components that options name by default, at any depth."""
    for name, kind in options.part_kinds().items():
        if isinstance(default := options.model_fields[name].default, str):
            yield kind, default
    for inner in options.nested().values():
        yield from _default_components(inner)
