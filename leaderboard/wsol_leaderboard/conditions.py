"""Conditions of rankings: an open mapping, of which only what differs from the default is shown.

Nothing here knows a condition by its name, so a new one needs no change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

import wsol


def shown_conditions(rows: Sequence[Mapping[str, wsol.Condition]]) -> list[dict[str, JsonValue]]:
    """Select the conditions that must be shown.

    Args:
        rows: The conditions of each row. One that a row lacks has its default there.

    Returns:
        For each row the value of every condition that differs from its default in any row. Rows may be compared where
        all values are equal.

    Example:
        >>> boxes = {"supervision": wsol.Condition(value="boxes", default="labels")}
        >>> shown_conditions([boxes, {}])
        [{'supervision': 'boxes'}, {'supervision': 'labels'}]
    """
    defaults: dict[str, list[JsonValue]] = {}
    shown: set[str] = set()
    for name, condition in (item for row in rows for item in row.items()):
        known = defaults.setdefault(name, [condition.default])
        known += [] if condition.default in known else [condition.default]
        if condition.value != condition.default or len(known) > 1:
            shown.add(name)
    names = [name for name in defaults if name in shown]
    return [{name: row[name].value if name in row else defaults[name][0] for name in names} for row in rows]


def describe_conditions(values: Mapping[str, JsonValue]) -> str:
    """Write conditions on one line; marks that are not set are left out.

    Example:
        >>> describe_conditions({"supervision": "boxes", "changes accepted": True, "boxes from file": None})
        'supervision boxes, changes accepted'
    """
    given = {name: value for name, value in values.items() if value is not None and value is not False}
    return ", ".join(name if value is True else f"{name} {plain_value(value)}" for name, value in given.items())


def plain_value(value: JsonValue) -> str:
    """Write a value for a reader: ``no`` and ``yes`` for marks, text without quotes."""
    if value is None or isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
