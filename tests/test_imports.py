"""Imports between the four source folders: the packages outside the harness use the public API and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wsol
from tests.support.paths import REPOSITORY

FOLDERS = ("plugins", "benchmarks", "leaderboard")
PACKAGES = sorted(path.parent for folder in FOLDERS for path in (REPOSITORY / folder).glob("*/__init__.py"))
FIRST_PARTY = {path.name for path in PACKAGES}


def modules(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """(Path below the repository, syntax tree) of every module of a package."""
    for path in sorted(package.rglob("*.py")):
        yield str(path.relative_to(REPOSITORY)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(Line, module) of every absolute import, also inside functions and below ``if TYPE_CHECKING``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def violations(tree: ast.Module, package: str) -> list[tuple[int, str]]:
    """Imports of a private module of ``wsol`` or of another first-party package, and hidden imports of ``wsol``."""
    found = [
        (line, module)
        for line, module in imported(tree)
        if module.startswith("wsol.") or module.partition(".")[0] in FIRST_PARTY - {package}
    ]
    top = {line for node in tree.body for line, module in imported(node) if isinstance(node, ast.Import)}
    found += [(line, module) for line, module in imported(tree) if module == "wsol" and line not in top]
    return sorted(found)


def used_names(tree: ast.AST) -> set[str]:
    """Attributes of ``wsol`` that a module uses."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "wsol"
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_imports_only_the_public_api(package: Path) -> None:
    found = [
        f"{path}:{line}: {name}" for path, tree in modules(package) for line, name in violations(tree, package.name)
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_uses_only_exported_names(package: Path) -> None:
    found = {f"{path}: wsol.{name}" for path, tree in modules(package) for name in used_names(tree) - set(wsol.__all__)}
    assert found == set()


@pytest.mark.parametrize(
    "source",
    [
        "from wsol.training.seeds import seeded_generator",
        "import wsol.arrays",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wsol.records import RunRecord",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import wsol",
        "def late():\n    from wsol.plugins import load_plugins",
        "from wsol import Method",
        "from wsol_cam.method import CAM",
    ],
)
def test_every_way_to_import_a_private_module_is_found(source: str) -> None:
    assert violations(ast.parse(source), "wsol_psol")


@pytest.mark.parametrize("source", ["import wsol", "import wsol\nimport numpy as np\nfrom wsol_psol.ddt import DDT"])
def test_the_public_api_and_a_package_s_own_modules_are_allowed(source: str) -> None:
    assert violations(ast.parse(source), "wsol_psol") == []


def test_every_exported_name_can_be_imported() -> None:
    missing = [name for name in wsol.__all__ if not hasattr(wsol, name)]
    assert missing == []


INTERNAL = {
    "RayRunner",  # implements Runner; importing it needs Ray
    *("CacheMode", "Localize", "MapProblem", "MaskNames", "Masks", "Scope", "Values"),  # literals, aliases, tuples
}
"""Types in public signatures that a caller never has to name."""


def defined_types() -> set[str]:
    """Classes and type aliases at the top level of the harness's modules."""
    found: set[str] = set()
    for _, tree in modules(Path(wsol.__file__).parent):
        for node in tree.body:
            match node:
                case ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                    found.add(name)
                case ast.AnnAssign(target=ast.Name(id=name)):
                    found.add(name)
                case _:
                    pass
    return {name for name in found if not name.startswith("_") and not name.isupper() and len(name) > 1}


def signatures(tree: ast.Module, exported: set[str]) -> Iterator[tuple[str, ast.FunctionDef]]:
    """(Name, definition) of exported functions and of the public methods of exported classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in exported:
            yield node.name, node
        if isinstance(node, ast.ClassDef) and node.name in exported:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and (method.name == "__init__" or method.name[0] != "_"):
                    yield f"{node.name}.{method.name}", method


def annotated_types(function: ast.FunctionDef) -> set[str]:
    """Names in the annotations of a function's arguments and of its result."""
    arguments = [arg.annotation for arg in ast.walk(function.args) if isinstance(arg, ast.arg)]
    annotations = [note for note in (*arguments, function.returns) if note is not None]
    return {node.id for note in annotations for node in ast.walk(note) if isinstance(node, ast.Name)}


def test_types_in_exported_signatures_are_exported() -> None:
    exported, defined = set(wsol.__all__), defined_types()
    used = {
        (name, kind)
        for _, tree in modules(Path(wsol.__file__).parent)
        for name, function in signatures(tree, exported)
        for kind in annotated_types(function) & defined
    }
    assert {(name, kind) for name, kind in used if kind not in exported | INTERNAL} == set()
    assert INTERNAL - {kind for _, kind in used} == set()


def test_the_contract_on_plugins_names_all_packages() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    contract = text.partition('name = "The harness imports no plugin"')[2]
    assert set(re.findall(r'^  "(\w+)",$', contract, re.MULTILINE)) == FIRST_PARTY


def test_the_public_api_is_grouped_and_sorted() -> None:
    _, *groups = re.split(
        r"^# .+$", Path(wsol.__file__).with_suffix(".pyi").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(groups) > 5
    for group in groups:
        imports = [node for node in ast.parse(group).body if isinstance(node, ast.ImportFrom)]
        assert [node.module or "" for node in imports] == sorted(node.module or "" for node in imports)
        for node in imports:
            assert all(alias.name == alias.asname for alias in node.names)
            order = [(not alias.name.isupper(), not alias.name[0].isupper(), alias.name) for alias in node.names]
            assert order == sorted(order)


def test_the_table_of_layers_names_every_module() -> None:
    page = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", page.partition("## Layers of the engine")[2].partition("## Standards")[0]))
    harness = Path(wsol.__file__).parent
    summed_up = {"cli", "data/readers", "evaluation/kernels"}  # the table names the folder alone
    found = [
        str(path.relative_to(harness))
        for path in sorted(harness.rglob("*.py"))
        if path.stem != "__init__" and str(path.parent.relative_to(harness)) not in summed_up
    ]
    assert [path for path in found if Path(path).stem not in named] == []
