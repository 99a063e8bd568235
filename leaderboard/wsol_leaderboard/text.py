"""Text of records in tables: it can hide no control sequence from a terminal, and is no formula in a spreadsheet."""

from __future__ import annotations

from pydantic import JsonValue

import wsol

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet evaluate a cell."""


def printable(text: str) -> str:
    r"""Escape what no reader can see, as :func:`wsol.printable` does, and line breaks, which a cell cannot have.

    Example:
        >>> printable("cam\x1b[2J\u202e")
        'cam\\x1b[2J\\u202e'
    """
    return wsol.printable(text).replace("\n", "\\n")


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
