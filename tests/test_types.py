"""Types stay strict: upper bounds on what escapes the type checker."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

LIMITS = {
    "harness": {"Any": 43, "cast": 0, "type: ignore": 0, "object": 0},
    "plugins": {"Any": 30, "cast": 0, "type: ignore": 0, "object": 0},
    "benchmarks": {"Any": 3, "cast": 0, "type: ignore": 0, "object": 0},
    "leaderboard": {"Any": 21, "cast": 0, "type: ignore": 0, "object": 0},
}
"""Folder → most uses of ``Any`` (imports included), calls of ``cast``, ignored errors and ``object`` parameters."""


def escapes(source: str) -> Counter[str]:
    """How often a module uses each way around the type checker."""
    found: Counter[str] = Counter()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        found["Any"] += token.type == tokenize.NAME and token.string == "Any"
        found["type: ignore"] += token.type == tokenize.COMMENT and bool(re.search(r"\btype:\s*ignore", token.string))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="cast") | ast.Attribute(attr="cast", value=ast.Name(id="typing"))):
                found["cast"] += 1
            case ast.arg(annotation=ast.expr() as annotation):
                found["object"] += any(isinstance(n, ast.Name) and n.id == "object" for n in ast.walk(annotation))
    return found


@pytest.mark.parametrize("folder", LIMITS)
def test_few_values_escape_the_type_checker(folder: str) -> None:
    total: Counter[str] = Counter()
    for path in (REPOSITORY / folder).rglob("*.py"):
        total += escapes(path.read_text(encoding="utf-8"))
    assert {name: total[name] for name in LIMITS[folder] if total[name] > LIMITS[folder][name]} == {}


def test_every_package_is_typed() -> None:
    packages = [path.parent for folder in LIMITS for path in (REPOSITORY / folder).glob("*/__init__.py")]
    assert len(packages) > 20
    assert [path.name for path in packages if not Path(path, "py.typed").is_file()] == []


def test_every_escape_is_counted() -> None:
    source = (
        "from typing import Any, cast\n"
        "def f(a: object, *b: dict[str, object]) -> Any:\n"
        "    return cast(int, a)  # type: ignore[no-any-return]\n"
    )
    assert escapes(source) == {"Any": 2, "cast": 1, "type: ignore": 1, "object": 2}
