"""The conditions of a run's ranking: the one place where the mapping of a record is made.

A row is compared only with rows of equal conditions. Each rule of :data:`RULES` gives one condition; a further
condition is one more line there. Leaderboard and comparison know only the mapping, and print no value that equals its
default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from wsol.records import Condition
from wsol.study.components_used import UsedComponent, named_files
from wsol.study.identity import SPLIT

DATA_PROBLEMS = "data problems accepted"
"""Mark of runs on data that ``wsol data check`` refuses, which went on with ``--accept-data-problems``."""
MARK = True
"""Value of a mark; its default is None."""


@dataclass(frozen=True)
class Facts:
    """What conditions are made from.

    Attributes:
        file_marks: Marks of the options that name files, see :func:`file_marks`.
        changes: Accepted changes of the identity, see :attr:`wsol.RunRecord.changes`.
        marks: Marks that the steps of the study gave the run: ``"sealed after test"``.
        split: How images were assigned to train, val and test where that is not published, see
            :meth:`wsol.Benchmark.split_rule`.
    """

    file_marks: Sequence[str] = ()
    changes: Sequence[str] = ()
    marks: Sequence[str] = ()
    split: str = ""


Rule = Callable[[Facts], Iterable[tuple[str, JsonValue, JsonValue]]]
"""Gives (name, value, default) of conditions; none where the rule does not apply."""


RULES: tuple[Rule, ...] = (
    lambda facts: [(SPLIT, facts.split, "")] if facts.split else [],
    lambda facts: [(name, MARK, None) for name in facts.file_marks],
    lambda facts: [("changes accepted", MARK, None)] if facts.changes else [],
    lambda facts: [(name, MARK, None) for name in facts.marks],
)
"""In the order in which conditions are shown."""


def file_marks(used: Iterable[UsedComponent]) -> tuple[str, ...]:
    """List the marks of the options that name a file, see :func:`wsol.path`.

    Args:
        used: The components of the run's recipe, with the drawn values.
    """
    marks = (found.option.condition for found in named_files(used))
    return tuple(dict.fromkeys(mark for mark in marks if mark))


def ranking_conditions(facts: Facts) -> dict[str, Condition]:
    """Make the conditions of a run.

    Args:
        facts: What they are made from.

    Returns:
        Name → condition, in the order of :data:`RULES`.

    Example:
        >>> ranking_conditions(Facts(changes=["code wsol_cam: 1a2b3c4d at the search, 5e6f7a8b now"]))
        {'changes accepted': Condition(value=True, default=None)}
    """
    found = [condition for rule in RULES for condition in rule(facts)]
    return {name: Condition(value=value, default=default) for name, value, default in found}
