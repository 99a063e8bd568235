"""Load plugins: find them, import them and check the components that they add.

Entry points are loaded one by one, so that a broken plugin is reported and does not stop the others.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from wsol import hooks
from wsol.code_files import CodeUnit, module_unit
from wsol.components import Component
from wsol.errors import PluginError, one_line
from wsol.foreign_code import ContractError, contained, place_in
from wsol.interrupts import is_interruption
from wsol.options import Options, suggest
from wsol.recipes import PARTS, Part
from wsol.registry import Plugin, Plugins

GROUP = "wsol"
MAX_NAME = 60
"""Most characters of a component's name; names become parts of file names."""
MAX_COMPONENTS = 1000
"""Most components of a kind that a plugin adds."""
_NAME = re.compile(r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*")


def plugin_files(files: Iterable[str | Path] = ()) -> tuple[Path, ...]:
    """List the one-file plugins to load.

    Args:
        files: Files in addition to those in the environment variable ``WSOL_PLUGINS``, which are separated as in
            ``PATH`` and come first.

    Returns:
        Absolute paths, each once.
    """
    extra = [p for p in os.environ.get("WSOL_PLUGINS", "").split(os.pathsep) if p]
    return tuple(dict.fromkeys(Path(f).expanduser().resolve() for f in [*extra, *files]))


def load_plugins(files: Iterable[str | Path] = (), *, strict: bool = False, listed: bool = False) -> Plugins:
    """Load every installed plugin and the one-file plugins that :func:`plugin_files` lists.

    Args:
        files: One-file plugins.
        strict: Whether an installed plugin that fails is an error; otherwise it is kept in :attr:`Plugins.failed`.
        listed: Whether a file that fails is kept there too, for commands that list plugins.

    Raises:
        PluginError: A file could not be loaded, unless ``listed``; or with ``strict`` any plugin.

    Example:
        >>> load_plugins().create("normalizers", "minmax").name
        'minmax'
    """
    paths = tuple(str(path) for path in plugin_files(files))
    plugins = _found(paths) if listed else _load(paths)
    if strict and plugins.failed:
        raise PluginError(
            "\n".join(f"plugin {p.name} ({p.distribution} {p.version}): {p.error}" for p in plugins.failed)
        )
    return plugins


@lru_cache(maxsize=8)
def _load(files: tuple[str, ...]) -> Plugins:
    plugins = _found(files)
    plugins.check_files()
    return plugins


def _found(files: tuple[str, ...]) -> Plugins:
    found = [_collect(_from_entry_point(entry), entry.load) for entry in _entry_points()]
    return Plugins([*found, *(_from_file(Path(path)) for path in files)])


def _from_file(path: Path) -> Plugin:
    if problem := _no_file(path):
        return Plugin(path.stem, str(path), "file", problem)
    plugin = Plugin(path.stem, str(path), "file", code=_hashed(CodeUnit(path.name, path)))
    return _collect(plugin, partial(_import_file, path))


_PREPARED: dict[EntryPoint, tuple[str, str]] = {}
"""Entry points with name and version of their distributions, see :func:`prepare`."""


def prepare() -> None:
    """Find the installed plugins and import none; a process that starts others calls it before it starts them."""
    _PREPARED.update({entry: _distribution(entry) for entry in _entry_points()})


def _entry_points() -> list[EntryPoint]:
    return sorted(_PREPARED or entry_points(group=GROUP), key=lambda entry: entry.name)


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")


def _from_entry_point(entry: EntryPoint) -> Plugin:
    name, version = _PREPARED.get(entry) or _distribution(entry)
    return Plugin(entry.name, name, version, code=_hashed(module_unit(entry.module)))


def _hashed(unit: CodeUnit | None) -> tuple[Path, str] | None:
    """A plugin's code with its hash, before it is imported."""
    try:
        return None if unit is None else (unit.path, unit.hash())
    except OSError:
        return None


def _collect(plugin: Plugin, load: Callable[[], ModuleType]) -> Plugin:
    """Load one plugin and collect its components; a failure is kept in ``plugin.error``."""
    try:
        with contained():
            module = load()
            manager = pluggy.PluginManager(hooks.PROJECT)
            manager.add_hookspecs(hooks)
            manager.register(module, plugin.name)
            manager.check_pending()
            _check_marked(module)
            for part in PARTS.values():
                for implementation in getattr(manager.hook, part.hook).get_hookimpls():
                    plugin.components += [(part.kind, _checked(part, c)) for c in _returned(implementation.function())]
    except BaseException as error:  # a third-party plugin may raise anything, also SystemExit
        if is_interruption(error):
            raise
        plugin.components = []
        plugin.error = _reason(error, plugin.code[0] if plugin.code else None)
    return plugin


def _reason(error: BaseException, code: Path | None) -> str:
    """What is wrong in one line, with the line of the plugin's code that it was raised from."""
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return f"it ends the process: {one_line(error)}"
    if isinstance(error, ContractError):
        return f"PluginError: it {one_line(error)}"
    if isinstance(error, PluginError):
        return f"PluginError: {one_line(error)[:500]}"
    place = place_in(code, error) if code is not None else ""
    return one_line(error)[:500] + (f" ({place})" if place else "")


def _returned(components: Iterable[type[Component]]) -> list[type[Component]]:
    """What a hook returned, as a list that ends."""
    found = list(itertools.islice(components, MAX_COMPONENTS + 1))
    if len(found) > MAX_COMPONENTS:
        raise PluginError(f"a hook returned more than {MAX_COMPONENTS} components")
    return found


def _check_marked(module: ModuleType) -> None:
    marker = f"{hooks.PROJECT}_impl"
    for name, value in vars(module).items():
        if name.startswith("wsol_") and callable(value) and not hasattr(value, marker):
            raise PluginError(f"function '{name}' lacks the decorator @wsol.hookimpl")


def _checked(part: Part, component: Any) -> type[Component]:
    base: type[Component] = pkgutil.resolve_name(part.base)
    if not (isinstance(component, type) and issubclass(component, base)):
        raise PluginError(f"{part.hook} returned {component!r}, which is no subclass of wsol.{base.__name__}")
    if not (isinstance(component.name, str) and len(component.name) <= MAX_NAME and _NAME.fullmatch(component.name)):
        raise PluginError(
            f"{component.__name__}.name is {component.name!r:.80}: use lower-case letters, digits, _ and -, "
            f"at most {MAX_NAME}"
        )
    component.check_class()
    if not (isinstance(component.Options, type) and issubclass(component.Options, Options)):
        raise PluginError(f"{component.__name__}.Options is no subclass of wsol.Options")
    _check_options(component, component.Options)
    if lacking := sorted(getattr(component, "__abstractmethods__", ())):
        raise PluginError(f"{component.__name__} lacks {', '.join(lacking)}, which its base class asks for")
    return component


def _check_options(component: type[Component], options: type[Options]) -> None:
    """Check the fields of a component's options that name components, at any depth."""
    options.space()
    for field in options.model_fields.values():
        field.get_default(call_default_factory=True)
    kinds = [other.kind for other in PARTS.values() if other.name != "method"]
    for name, kind in options.part_kinds().items():
        if kind not in kinds:
            raise PluginError(f"{component.__name__}.Options.{name}: no kind '{kind}' to name{suggest(kind, kinds)}")
    for name, inner in options.hidden().items():
        if inner.part_kinds():
            raise PluginError(f"{component.__name__}.Options.{name}: options in a container cannot name components")
    for inner in options.nested().values():
        _check_options(component, inner)


def _no_file(path: Path) -> str:
    """Why a path is no file, before anything opens it (a pipe would block); empty for a file."""
    try:
        problem = "" if path.is_file() else "not a file" if path.exists() else "no such file"
    except OSError as error:  # such as a name that is too long
        problem = error.strerror or "cannot be read"
    return problem and f"PluginError: {problem}"


def _import_file(path: Path) -> ModuleType:
    name = f"wsol_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
