"""YAML as studies are written: numbers, booleans and text mean what they look like, and hostile files are errors.

The rules are those of YAML 1.2. In YAML 1.1, which PyYAML reads by default, ``1:30`` is 90, ``010`` is 8, ``on`` and
``no`` are booleans, and ``2020-01-01`` is a date; here they are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from pathlib import Path

import yaml
from pydantic import JsonValue

from wsol.errors import UsageError
from wsol.files import read_text
from wsol.options import OptionValues

MAX_BYTES = 2**20
"""Most bytes of a file. PyYAML reads about 100 kB a second."""
MAX_DEPTH = 30
"""Most levels of nesting; a study has about 8."""
MAX_VALUES = 20_000
"""Most values of a document after its aliases are expanded, which multiply."""
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the types of YAML 1.2 only; a repeated key is an error."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's attribute)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, JsonValue]:
        keys: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem="a key must be text; put it in quotes", problem_mark=key.start_mark)
            if key.value in keys:
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' occurs twice", problem_mark=key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+0123456789."),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
):
    first = [*_first, ""] if _name == "null" else list(_first)
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), first)


def load_yaml(text: str) -> JsonValue:
    """Read YAML as in a study.

    Args:
        text: The document, or a single value.

    Returns:
        What it holds: mappings with text as keys, lists, text, numbers, booleans and None.

    Raises:
        yaml.YAMLError: It is not valid, or larger than a study can be.

    Example:
        >>> load_yaml("[1e-5, cub, 1:30, on]")
        [1e-05, 'cub', '1:30', 'on']
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node, {})
        content: JsonValue = loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("nested too deeply") from None
    except (ValueError, TypeError, LookupError, OverflowError, AttributeError) as error:
        raise yaml.YAMLError(f"a value does not fit its tag ({error})") from None
    return content


def _check_size(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return number of values and depth of a node with its aliases expanded; raises YAMLError beyond the limits.

    Args:
        node: The node.
        known: Node → its result, (0, 0) while it is computed: an alias of a node within it never ends.
    """
    if id(node) in known:
        count, depth = known[id(node)]
        if not count:
            raise yaml.MarkedYAMLError(problem="an alias contains itself", problem_mark=node.start_mark)
        return count, depth
    if node.tag not in _TAGS:
        raise yaml.MarkedYAMLError(problem=f"the tag '{node.tag}' is not accepted", problem_mark=node.start_mark)
    known[id(node)] = 0, 0
    count, depth = 1, 0
    for child in _children(node):
        values, levels = _check_size(child, known)
        count, depth = count + values, max(depth, levels)
        if count > MAX_VALUES or depth >= MAX_DEPTH:
            what = f"more than {MAX_VALUES:,} values" if count > MAX_VALUES else f"nested deeper than {MAX_DEPTH}"
            raise yaml.MarkedYAMLError(problem=f"{what}; a study is smaller", problem_mark=node.start_mark)
    known[id(node)] = count, depth + 1
    return known[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def read_mapping(path: Path, keys: str) -> OptionValues:
    """Read a YAML file whose content is a mapping.

    Args:
        path: The file.
        keys: What it should hold, for messages: ``"a study is a mapping with the keys …"``.

    Raises:
        UsageError: The file cannot be read, or is not valid.
    """
    try:
        content = load_yaml(read_text(path, UsageError, MAX_BYTES))
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not valid YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: {keys}")
    return content


def check_values(value: JsonValue, where: str, path: tuple[str, ...] = ()) -> None:
    """Check what no key of a study may hold, at any depth.

    Args:
        value: A value as YAML gives it; values of other types are left to the key's own check.
        where: Beginning of the message.
        path: Keys that lead to the value.

    Raises:
        UsageError: A number is NaN, infinite or does not fit in 64 bits, a key is not text, or a text holds a NUL
            character or half of a surrogate pair.
    """
    if problem := _problem(value, len(path)):
        raise UsageError(f"{where}: {'.'.join(path)[:80] or 'value'}: {problem}")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise UsageError(f"{where}: {'.'.join([*path, ''])[:80]}{key!r}: a key must be text")
            check_values(key, where, path)
            check_values(inner, where, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            check_values(inner, where, (*path, str(index)))


def _problem(value: JsonValue, depth: int) -> str:
    """What is wrong with one value; empty for a good one."""
    if depth > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, got {value}"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "must be a number of at most 64 bits"
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        return f"must be text without NUL characters and surrogates, got {value[:40]!r}"
    return ""
