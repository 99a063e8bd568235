"""Text of records in tables: it can hide no control sequence from a terminal, and is no formula in a spreadsheet."""

from __future__ import annotations

from pydantic import JsonValue

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet evaluate a cell."""


def printable(text: str) -> str:
    r"""Write characters that no reader can see, such as escape sequences and changes of direction, as their codes.

    Example:
        >>> printable("cam\x1b[2J\u202e")
        'cam\\x1b[2J\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_json(value: JsonValue) -> JsonValue:
    """Apply :func:`printable` to all text and all keys of a JSON value."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): printable_json(inner) for key, inner in value.items()}
    return [printable_json(inner) for inner in value] if isinstance(value, list) else value


def no_formula(text: str) -> str:
    """Quote a cell that a spreadsheet would evaluate.

    Example:
        >>> no_formula("=1+1"), no_formula("cam")
        ("'=1+1", 'cam')
    """
    return f"'{text}" if text.startswith(FORMULA) else text
