"""Equality of recomputed and stored values: to the bit, or within a tolerance on another computer."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import JsonValue

TOLERANCE = 1e-9
"""Relative difference that counts as equal where the sums of floats may have been rounded differently: another version
of NumPy, or another processor, for which NumPy's linear algebra adds in another order."""
MISSING = "nothing"
"""What a key has that is on one side only."""
SHOWN = 60
"""Characters of a value in a line; the rest is left out."""


def differences(expected: JsonValue, found: JsonValue, tolerance: float = 0.0) -> Iterator[tuple[str, str, str]]:
    """Compare two JSON values leaf by leaf.

    Args:
        expected: One value.
        found: The other.
        tolerance: Relative difference of two numbers that counts as equal; NaN equals NaN.

    Yields:
        (place, expected, found) of each leaf that differs; the place is empty or begins with a space.

    Example:
        >>> list(differences({"a": [1.0, 2.0]}, {"a": [1.0, 3.0]}))
        [(' a 1', '2.0', '3.0')]
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*expected, *found]):
            pair = expected.get(key, MISSING), found.get(key, MISSING)
            yield from _below(key, differences(*pair, tolerance))
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple) and len(expected) == len(found):
        if expected == found and all(type(value) is float for value in (*expected, *found)):
            return  # a curve has a thousand numbers
        for index, pair in enumerate(zip(expected, found, strict=True)):
            yield from _below(str(index), differences(*pair, tolerance))
    elif not _equal(expected, found, tolerance):
        yield "", _shown(expected), _shown(found)


def _below(key: str, found: Iterator[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    return ((f" {key}{place}", expected, stored) for place, expected, stored in found)


def _equal(a: JsonValue, b: JsonValue, tolerance: float) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return False  # of different lengths
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, int | float) or not isinstance(b, int | float):
        return type(a) is type(b) and a == b
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def _shown(value: JsonValue) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
