"""Which files a component's code consists of: their hash, what they import, and the distributions that they need."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from wsol.files import check_regular

EDITABLE = "editable"
"""Origin of a distribution whose version says nothing about its code."""
CACHES = frozenset({"__pycache__"})
"""Folders within a package that hold no code; hidden files and folders are left out as well."""


@dataclass(frozen=True)
class CodeUnit:
    """Code that is identified as a whole.

    Attributes:
        name: Name of the top-level package, or of the file.
        path: Folder of the package, or the file.
    """

    name: str
    path: Path

    def files(self) -> list[Path]:
        """All files except caches, sorted by their path."""
        if not self.path.is_dir():
            return [self.path]
        return sorted(found for found in self.path.rglob("*") if _is_code(found.relative_to(self.path)))

    def hash(self) -> str:
        """SHA-256 of the names and bytes of all files."""
        return files_hash(self.path, self.files())


def _is_code(name: Path) -> bool:
    hidden = any(part.startswith(".") or part in CACHES for part in name.parts)
    return not hidden and name.suffix != ".pyc"


def files_hash(root: Path, files: Iterable[Path]) -> str:
    """Hash files with their names below a folder.

    Args:
        root: The folder; or the only file.
        files: The files; folders are left out.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        OSError: A file cannot be read, or is a pipe or device.
    """
    found = hashlib.sha256()
    for file in files:
        if file.is_dir():
            continue
        check_regular(file)
        name, content = file.relative_to(root).as_posix().encode(), file.read_bytes()
        found.update(len(name).to_bytes(8, "little") + name + len(content).to_bytes(8, "little") + content)
    return found.hexdigest()


def module_unit(module: str) -> CodeUnit | None:
    """Find the code that a module belongs to, without importing anything.

    Args:
        module: Dotted name.

    Returns:
        The top-level package, or the file of a module outside a package; None where there is no file, as for a built-in
        module, a module that is not installed, and code that was typed in.
    """
    top = module.partition(".")[0]
    spec = _spec(top)
    if spec is not None and spec.submodule_search_locations:
        return CodeUnit(top, Path(next(iter(spec.submodule_search_locations))))
    origin = spec.origin if spec is not None else getattr(sys.modules.get(top), "__file__", None)
    if not origin or not Path(origin).is_file():
        return None
    return CodeUnit(Path(origin).name, Path(origin))


def _spec(top: str) -> ModuleSpec | None:
    loaded = getattr(sys.modules.get(top), "__spec__", None)
    if isinstance(loaded, ModuleSpec):
        return loaded
    try:
        return find_spec(top)
    except (ImportError, ValueError):
        return None


def imported_units(unit: CodeUnit, files: Iterable[Path] | None = None) -> Iterator[tuple[str, CodeUnit | None]]:
    """Find what a unit imports, also inside functions, apart from the standard library and the unit itself.

    Imports are read from the source; blocks of ``if TYPE_CHECKING`` are skipped. A module beside a single file counts
    as well, whether it is imported by a relative name or by its own.

    Args:
        unit: The unit.
        files: Files to read; None: all of the unit.

    Yields:
        (top-level name, its code, or None where that is not found).
    """
    names: set[str] = set()
    beside: set[str] = set()
    for file in unit.files() if files is None else files:
        if file.suffix == ".py":
            absolute, relative = _imports(file)
            names |= absolute
            beside |= relative
    for name in sorted(names - sys.stdlib_module_names - {unit.name}):
        found = module_unit(name)
        yield name, _beside(unit, name) if found is None else found
    if unit.path.is_file():  # a relative import within a package leads to the package itself
        for name in sorted(beside):
            if (neighbour := _beside(unit, name)) is not None:
                yield name, neighbour


def _beside(unit: CodeUnit, name: str) -> CodeUnit | None:
    """The module ``name`` in the folder of a single file."""
    if not unit.path.is_file():
        return None
    file, package = unit.path.parent / f"{name}.py", unit.path.parent / name
    if file.is_file() and file != unit.path:
        return CodeUnit(file.name, file)
    return CodeUnit(name, package) if (package / "__init__.py").is_file() else None


def _imports(file: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Top-level names that a source file imports, and those that it imports relative to its own folder."""
    try:
        return _parsed_imports(file.read_bytes())
    except OSError:
        return frozenset(), frozenset()


@lru_cache(maxsize=4096)
def _parsed_imports(source: bytes) -> tuple[frozenset[str], frozenset[str]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset(), frozenset()
    absolute: set[str] = set()
    relative: set[str] = set()
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            absolute |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            absolute.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level == 1:
            relative |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and (name := _import_call(node)):
            absolute.add(name.partition(".")[0])
    return frozenset(absolute - {""}), frozenset(relative)


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a tree except those that only type checkers see."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)


def _import_call(node: ast.Call) -> str:
    """The name in ``importlib.import_module("name")`` and ``__import__("name")``."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in ("import_module", "__import__") or not node.args:
        return ""
    first = node.args[0]
    return first.value.lstrip(".") if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


@lru_cache(maxsize=256)
def installed_distribution(module: str) -> tuple[str, str] | None:
    """Find the distribution that installed a top-level module.

    Args:
        module: Top-level name.

    Returns:
        Its name and version; None for a module of no distribution, or of one that is installed in editable form, whose
        version says nothing about its code.
    """
    found = _owner(module)
    if found is None or origin(found) == EDITABLE:
        return None
    return found.name, found.version


def _owner(module: str) -> Distribution | None:
    try:  # most distributions are called like their module; asking all takes 40 ms
        named = distribution(module)
    except (PackageNotFoundError, ValueError):
        return _owners().get(module)
    return named if module in _modules(named) else _owners().get(module)


@lru_cache(maxsize=1)
def _owners() -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    for one in distributions():
        for module in _modules(one):
            found.setdefault(module, one)
    return found


def _modules(found: Distribution) -> set[str]:
    """Top-level modules of a distribution; ``packages_distributions`` parses whole lists of files and takes longer."""
    record = found.read_text("RECORD") or found.read_text("installed-files.txt") or ""
    return {name.partition(".")[0] for name in re.findall(r"^([^/,\n]+)", record, re.MULTILINE)}


def origin(found: Distribution) -> str:
    """Say where a distribution was installed from, if not from a registry.

    Args:
        found: The distribution.

    Returns:
        :data:`EDITABLE`, ``from URL``, or an empty text for one from a registry.
    """
    try:
        stated = json.loads(found.read_text("direct_url.json") or "{}")
        return EDITABLE if stated.get("dir_info", {}).get("editable") else f"from {stated['url']}" if stated else ""
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""
