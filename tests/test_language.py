"""Language: replaced names do not return, and prose avoids figurative phrases that a reader could stumble over."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

SOURCES = ("harness", "plugins", "benchmarks", "leaderboard", "tests")
PYTHON = sorted(
    path
    for folder in SOURCES
    for ending in ("*.py", "*.pyi")
    for path in (REPOSITORY / folder).rglob(ending)
    if path != Path(__file__)
)
PAGES = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "benchmarks" / "studies").glob("*.yaml"),
        *(path for path in (REPOSITORY / "leaderboard").rglob("*") if path.suffix in (".html", ".js", ".css")),
        REPOSITORY / ".ci" / "run",
        REPOSITORY / "Makefile",
        REPOSITORY / "pyproject.toml",
    ]
)

OLD_NAMES = {
    "Combined",
    "Findings",
    "ListedBenchmark",
    "Lister",
    "Listing",
    "Look",
    "Pixels",
    "Reading",
    "ScoreSource",
    "boxfile",
    "fast_units",
    "new_units",
    "on_bytes",
    "refuse",
    "sane",
    "sidecar",
}
"""Identifiers that were replaced; a leading underscore makes no difference."""

OLD_MODULES = {
    *(f"wsol.data.{name}" for name in ("folder", "pixels", "splits", "stages")),
    *(f"wsol.study.{name}" for name in ("external", "fitting", "pictures", "seal", "search", "study")),
    *(
        f"wsol.evaluation.{name}"
        for name in ("boxfile", "combined", "external", "findings", "pixels", "sidecar", "sources", "truth")
    ),
}

PHRASES = re.compile(
    r"\b(somebody|anybody|nobody|(is|are|was|were) told|told to|lies|lie in|behind|in front of|touch of test|touched"
    r"|(is|are) tried|can(not)? be had|will do|at hand|without a word|strangers?'?s|speaks? of|by its word)\b"
)

ALLOWED: dict[tuple[str, str], str] = {}
"""(File, phrase) → why the phrase is right there."""


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(Line, name) of every name, attribute, argument, keyword and definition."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield line, name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield line, name
            case ast.alias(name=name, asname=alias):
                yield from ((line, part) for part in (name.rpartition(".")[2], alias) if part)
            case _:
                pass


def modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(Line, dotted path) of every import, and of every string that names a module of the harness."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from ((node.lineno, path) for a in names for path in (module, f"{module}.{a.name}"))
            case ast.Constant(value=str(text)):
                yield from ((node.lineno, path) for path in re.findall(r"\bwsol(?:\.[a-z_]+){2}", text))
            case _:
                pass


def prose(source: str) -> Iterator[tuple[int, str]]:
    """(Line, text) of every string and comment, and of the names of functions and classes, read as words."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)):
                yield node.lineno, text
            case ast.FunctionDef(name=name):
                yield node.lineno, name.replace("_", " ")
            case ast.ClassDef(name=name):
                yield node.lineno, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.strip("_"))
            case _:
                pass
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def phrases(text: str) -> list[str]:
    """Forbidden phrases in a text, whose lines may break anywhere."""
    return [found[0] for found in PHRASES.finditer(" ".join(text.split()).lower())]


def is_named_badly(path: Path) -> bool:
    """Whether a part of a path is a replaced name, or contains a forbidden phrase when it is read as words."""
    parts = [part.partition(".")[0] for part in path.parts]
    old = OLD_NAMES & {part.strip("_") for part in parts}
    return bool(old) or any(phrases(re.sub(r"[_-]", " ", part)) for part in parts)


def public_classes(tree: ast.Module) -> list[str]:
    """Names of the public classes at the top level of a module."""
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_replaced_names_do_not_return() -> None:
    found = []
    for path in PYTHON:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{relative(path)}:{n}: {name}" for n, name in identifiers(tree) if name.strip("_") in OLD_NAMES]
        found += [f"{relative(path)}:{n}: {module}" for n, module in modules(tree) if module in OLD_MODULES]
    assert found == []


def test_file_names_are_free_of_replaced_names_and_figurative_phrases() -> None:
    found = [relative(path) for path in (*PYTHON, *PAGES) if is_named_badly(path.relative_to(REPOSITORY))]
    assert found == []


def test_a_public_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = {}
    for path in PYTHON:
        if path.suffix == ".py" and relative(path).startswith(("harness", "leaderboard")):
            for name in public_classes(ast.parse(path.read_text(encoding="utf-8"))):
                places.setdefault(name, []).append(relative(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_code_is_free_of_figurative_phrases() -> None:
    found = [
        f"{relative(path)}:{line}: {phrase}"
        for path in PYTHON
        for line, text in prose(path.read_text(encoding="utf-8"))
        for phrase in phrases(text)
        if (relative(path), phrase) not in ALLOWED
    ]
    assert found == []


def test_pages_are_free_of_figurative_phrases() -> None:
    found = [
        f"{relative(path)}: {phrase}"
        for path in PAGES
        for phrase in phrases(path.read_text(encoding="utf-8"))
        if (relative(path), phrase) not in ALLOWED
    ]
    assert found == []


def test_every_exception_is_still_needed() -> None:
    unused = []
    for name, phrase in ALLOWED:
        path = REPOSITORY / name
        source = path.read_text(encoding="utf-8")
        texts = [text for _, text in prose(source)] if path in PYTHON else [source]
        unused += [] if any(phrase in phrases(text) for text in texts) else [(name, phrase)]
    assert unused == []


@pytest.mark.parametrize(
    "source",
    [
        "def refuse(): ...",
        "call(fast_units=1)",
        "class _Look: ...",
        "from wsol.data.readers import Listing as L",
        "x.sidecar",
    ],
)
def test_an_old_name_is_found(source: str) -> None:
    assert any(name.strip("_") in OLD_NAMES for _, name in identifiers(ast.parse(source)))


@pytest.mark.parametrize("path", ["harness/wsol/sidecar.py", "tests/test_nobody_asks.py", "docs/at-hand.md"])
def test_a_bad_file_name_is_found(path: str) -> None:
    assert is_named_badly(Path(path))


@pytest.mark.parametrize(
    "source", ["import wsol.study.seal", "from wsol.study import search", 'patch("wsol.data.stages.open")']
)
def test_an_old_module_is_found(source: str) -> None:
    assert any(module in OLD_MODULES for _, module in modules(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        '"""Maps of\nsomebody else."""',
        "x = 1  # what lies below",
        'raise ValueError(f"{x} cannot be " "had")',
        "def test_nobody_sees_it(): ...",
        "class TouchedFile: ...",
    ],
)
def test_a_phrase_is_found(source: str) -> None:
    assert [phrase for _, text in prose(source) for phrase in phrases(text)]


def test_the_classes_of_a_module_are_found() -> None:
    assert public_classes(ast.parse("class A: ...\nclass _B: ...\ndef f():\n    class C: ...")) == ["A"]
