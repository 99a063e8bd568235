"""Finding plugins and the components they add.

Entry points are loaded one by one, so that a broken plugin is reported and does not stop the rest.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from wsol import hooks
from wsol.components import Component
from wsol.errors import PluginError, UsageError
from wsol.options import Options, build_options, suggest

GROUP = "wsol"
_NAME = re.compile(r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*")


@dataclass
class Plugin:
    """One plugin as found: where it came from, and what it adds or why it failed."""

    name: str
    distribution: str
    version: str
    error: str = ""
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
        """Plugins that could not be loaded or break a rule."""
        return [plugin for plugin in self.plugins if plugin.error]

    def names(self, kind: str) -> list[str]:
        """Names of the components of a kind, sorted."""
        return sorted(name for k, name in self._owners if k == kind)

    def owners(self, kind: str, name: str) -> list[tuple[Plugin, type[Component]]]:
        """All plugins that give a component of this name, with their classes: one, unless names clash."""
        return list(self._owners.get((kind, name), []))

    def get(self, kind: str, name: str) -> Any:
        """The component class; raises UsageError with a suggestion, and names the plugins that failed to load."""
        return self._find(kind, name)[1]

    def options(self, kind: str, name: str, values: Mapping[str, Any]) -> Options:
        """Validated options of a component; raises UsageError."""
        return build_options(self.get(kind, name).Options, values, f"{kind[:-1].replace('_', ' ')} '{name}'")

    def create(self, kind: str, name: str, values: Mapping[str, Any] | None = None) -> Any:
        """An instance of a component with ``values`` as its options; raises UsageError."""
        return self.get(kind, name)(self.options(kind, name, values or {}))

    def _find(self, kind: str, name: str) -> tuple[Plugin, type[Component]]:
        owners = self._owners.get((kind, name), [])
        if len(owners) == 1:
            return owners[0]
        if owners:
            raise PluginError(owners[0][0].error)
        broken = "".join(f"\nplugin {p.name} ({p.distribution} {p.version}) failed: {p.error}" for p in self.failed)
        what = kind[:-1].replace("_", " ")
        raise UsageError(f"unknown {what} '{name}'{suggest(name, self.names(kind))}{broken}")


def plugin_files(files: Iterable[str | Path] = ()) -> tuple[Path, ...]:
    """The one-file plugins to load: those in the environment variable ``WSOL_PLUGINS`` (separated as in ``PATH``),
    then ``files``; absolute, each once."""
    extra = [p for p in os.environ.get("WSOL_PLUGINS", "").split(os.pathsep) if p]
    return tuple(dict.fromkeys(Path(f).expanduser().resolve() for f in [*extra, *files]))


def load_plugins(files: Iterable[str | Path] = (), *, strict: bool = False) -> Plugins:
    """Load every installed plugin and the one-file plugins that :func:`plugin_files` names.

    With ``strict`` a failure raises PluginError; without, it is kept in :attr:`Plugins.failed`. A file that fails
    always raises.
    """
    plugins = _load(tuple(str(path) for path in plugin_files(files)))
    if strict and plugins.failed:
        raise PluginError(
            "\n".join(f"plugin {p.name} ({p.distribution} {p.version}): {p.error}" for p in plugins.failed)
        )
    return plugins


@lru_cache(maxsize=8)
def _load(files: tuple[str, ...]) -> Plugins:
    found = [_collect(_from_entry_point(entry), entry.load) for entry in _entry_points()]
    for path in files:
        plugin = _collect(Plugin(Path(path).stem, path, "file"), partial(_import_file, Path(path)))
        if plugin.error:
            raise PluginError(f"{path}: {plugin.error}")
        found.append(plugin)
    return Plugins(found)


def _entry_points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda entry: entry.name)


def _from_entry_point(entry: EntryPoint) -> Plugin:
    return Plugin(entry.name, entry.dist.name if entry.dist else "?", entry.dist.version if entry.dist else "?")


def _collect(plugin: Plugin, load: Callable[[], Any]) -> Plugin:
    """Load one plugin and gather its components; what goes wrong is kept in ``plugin.error``."""
    try:
        module = load()
        manager = pluggy.PluginManager(hooks.PROJECT)
        manager.add_hookspecs(hooks)
        manager.register(module, plugin.name)
        manager.check_pending()
        _check_marked(module)
        for kind in hooks.HOOKS:
            for implementation in getattr(manager.hook, f"wsol_{kind}").get_hookimpls():
                plugin.components += [(kind, _checked(kind, c)) for c in implementation.function()]
    except Exception as error:  # whatever a stranger's plugin raises is reported, not passed on
        plugin.components = []
        plugin.error = " ".join(f"{type(error).__name__}: {error}".split())
    return plugin


def _check_marked(module: Any) -> None:
    marker = f"{hooks.PROJECT}_impl"
    for name, value in vars(module).items():
        if name.startswith("wsol_") and callable(value) and not hasattr(value, marker):
            raise PluginError(f"function '{name}' lacks the decorator @wsol.hookimpl")


def _checked(kind: str, component: Any) -> type[Component]:
    base = _base(kind)
    if not (isinstance(component, type) and issubclass(component, base)):
        raise PluginError(f"wsol_{kind} returned {component!r}, which is no subclass of wsol.{base.__name__}")
    if not _NAME.fullmatch(component.name):
        raise PluginError(f"{component.__name__}.name is '{component.name}': use lower-case letters, digits, _ and -")
    if not component.__doc__:
        raise PluginError(f"{component.__name__} has no docstring; its first line is what 'wsol plugins' shows")
    if not (isinstance(component.Options, type) and issubclass(component.Options, Options)):
        raise PluginError(f"{component.__name__}.Options is no subclass of wsol.Options")
    return component


def _base(kind: str) -> type[Component]:
    import wsol

    special = {"box_rules": "BoxRule"}
    base: type[Component] = getattr(wsol, special.get(kind, kind[:-1].capitalize()))
    return base


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError("no such file")
    name = f"wsol_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
