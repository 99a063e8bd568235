"""Reading the fields of JSON objects of any origin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

JsonObject = Mapping[str, JsonValue]


def objects(value: JsonValue) -> Sequence[JsonObject] | None:
    """A list of JSON objects; None for anything else."""
    if not isinstance(value, list):
        return None
    found = [entry for entry in value if isinstance(entry, dict)]
    return found if len(found) == len(value) else None


def number(value: JsonValue) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def numbers(value: JsonValue) -> list[float] | None:
    """A list of finite numbers; None for anything else."""
    if not isinstance(value, list):
        return None
    found = [entry for entry in map(number, value) if entry is not None]
    return found if len(found) == len(value) else None


def key(value: JsonValue) -> str | None:
    """An id as text, so that 7 and "7" are equal; None for what is no id."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value)


def whole(value: JsonValue) -> int:
    """A whole number from 0; 0 for anything else."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**31 else 0


def text(item: JsonObject, *names: str) -> str:
    """The first field of some names that is a text and not empty; an empty text if there is none."""
    found: Sequence[JsonValue] = [item.get(name) for name in names]
    return next((value for value in found if isinstance(value, str) and value), "")
