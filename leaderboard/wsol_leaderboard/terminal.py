"""The table in a terminal: one block for the rankings that differ only in their metric, the primary one first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd
from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

import wsol
from wsol_leaderboard.rankings import RANKING
from wsol_leaderboard.table import ranking_title

Cells: TypeAlias = Mapping[Any, Any]
"""Column → value, of one row of the table."""
UNLIMITED = 10_000
"""A width in characters that fits every table."""
KEY = ["study", "plan", "recipe"]
METRIC = ["metric", "higher_is_better"]
"""Rankings that differ only in these are printed side by side."""
MARKS = {"complete": "", "partial": "yellow", "failed": "red", "diverged": "red", "refused": "red"}


def print_table(frame: pd.DataFrame, console: Console | None = None) -> None:
    """Print the table at the width of the terminal.

    Args:
        frame: The table (see :mod:`wsol_leaderboard.table`).
        console: Where to print; None: standard output, with control characters escaped.
    """
    console = console or wsol.cli.out
    for _, block in frame.groupby([name for name in RANKING if name not in METRIC], sort=False):
        console.print(_block(block, ranking_title(block.iloc[0], frame), console))


def print_published(matched: pd.DataFrame, console: Console | None = None) -> None:
    """Print published numbers, or that there are none.

    Args:
        matched: What :func:`wsol_leaderboard.published.match_published` returns.
        console: Where to print; None: standard output, with control characters escaped.
    """
    console = console or wsol.cli.out
    if matched.empty:
        console.print("published: no paper has a number for these recipes")
        return
    for (benchmark, metric), rows in matched.groupby(["benchmark", "metric"], sort=False):
        title = f"Published {metric} on {benchmark}: from papers, not measured here, not ranked"
        table = _table(title)
        table.add_column("recipe here", overflow="fold")
        for name in ("measured", "published"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("name in the paper", overflow="fold")
        table.add_column("paper", overflow="fold")
        for row in rows.to_dict("records"):
            numbers = score(row["mean"], row["std"]), score(row["published_value"], row["published_std"])
            cells = [row["recipe"], *numbers, row["published_method"], f"{row['paper']} {row['table']}"]
            table.add_row(*map(Text, cells))
        console.print(table, "")


def _table(title: str) -> Table:
    return Table(title=Text(title, style="bold"), title_justify="left", show_edge=False, pad_edge=False)


def split_parts(rows: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """The parts that need a column, and those that are the same in all rows, by name.

    A part that some methods do without counts as the same, with the words "where used".
    """
    names = [part.key for part in wsol.recipe_parts() if part.name != "method"]
    used = {name: set(rows[name]) - {""} for name in names}
    shared = {
        name: values.pop() + (" (where used)" if (rows[name] == "").any() else "")
        for name, values in used.items()
        if len(values) == 1
    }
    return [name for name in names if name not in shared and used[name]], shared


def score(mean: float, std: float = math.nan) -> str:
    """Format a score and its spread.

    Args:
        mean: The mean score in percent; NaN without a score.
        std: The standard deviation in percent; NaN without a spread.

    Returns:
        ``61.3 ± 0.4``; without a spread ``61.3``; without a score an empty string.
    """
    if pd.isna(mean):
        return ""
    return f"{mean:.1f}" if pd.isna(std) else f"{mean:.1f} ± {std:.1f}"


def trials(row: Cells) -> int:
    """Return the number of trials that a row was chosen among; of an unfinished one, that of complete trials."""
    chosen_among = row["chosen_among"]
    return int(row["trials_done"] if pd.isna(chosen_among) else chosen_among)


def interval(low: float, high: float) -> str:
    """Format an interval.

    Args:
        low: The lower bound in percent; NaN without one.
        high: The upper bound in percent; NaN without one.

    Returns:
        ``60.1-62.5``, or an empty string if a bound is missing.
    """
    return "" if pd.isna(low) or pd.isna(high) else f"{low:.1f}-{high:.1f}"


def _block(block: pd.DataFrame, title: str, console: Console) -> Group:
    """The block, with as many columns next to the first metric as the terminal has room for."""
    metrics = list(dict.fromkeys(zip(block["metric"], block["higher_is_better"], strict=True)))
    front = _of_metric(block, metrics[0])
    varying, shared = split_parts(front)
    for room in (3, 2, 1, 0):
        table = _ranking(block, title, varying, metrics[: max(room, 1)], interval_too=room > 0)
        if Measurement.get(console, console.options.update(width=UNLIMITED), table).maximum <= console.width:
            break
    return Group(table, *_notes(front, varying, shared), "")


def _of_metric(block: pd.DataFrame, metric: tuple[str, bool]) -> pd.DataFrame:
    return block[(block["metric"] == metric[0]) & (block["higher_is_better"] == metric[1])]


def _ranking(
    block: pd.DataFrame, title: str, varying: list[str], metrics: list[tuple[str, bool]], interval_too: bool
) -> Table:
    table = _table(title)
    table.add_column("#", justify="right")
    for name in ("method", *varying):
        table.add_column(name.replace("_", " "), overflow="fold")
    table.add_column(Text(metrics[0][0] or "score", style="bold"), justify="right", no_wrap=True, style="bold")
    for name in [*(["95 % images"] if interval_too else []), *(name for name, _ in metrics[1:])]:
        table.add_column(Text(name), justify="right", no_wrap=True, style="dim")
    val_too = interval_too and bool(block["val"].notna().any())
    for name in (*(["val"] if val_too else []), "seeds", "trials", "test"):
        table.add_column(name, justify="right", no_wrap=True)
    others = [_of_metric(block, metric).set_index(KEY) for metric in metrics[1:]]
    for row in _of_metric(block, metrics[0]).to_dict("records"):
        table.add_row(*_cells(row, varying, interval_too, val_too, others))
    return table


def _cells(row: Cells, varying: list[str], interval_too: bool, val_too: bool, others: list[pd.DataFrame]) -> list[Text]:
    key = tuple(row[name] for name in KEY)
    beside = [score(other["mean"].get(key, math.nan), other["std"].get(key, math.nan)) for other in others]
    texts = [
        "" if pd.isna(row["rank"]) else str(row["rank"]),
        row["method"],
        *(row[name] for name in varying),
        score(row["mean"], row["std"]) or row["status"],
        *([interval(row["ci_low"], row["ci_high"])] if interval_too else []),
        *beside,
        *([score(row["val"])] if val_too else []),
        f"{row['seeds_done']}/{row['seeds_planned']}",
        f"{trials(row)}/{row['trials_planned']}" if row["trials_planned"] else "",
        f"{row['test_evaluations']}x",
    ]
    return [Text(text, style=MARKS[row["status"]]) for text in texts]


def _notes(front: pd.DataFrame, varying: list[str], shared: dict[str, str]) -> list[Text]:
    same = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shared.items())
    notes = [Text(f"all: {same}", style="dim")] if same else []
    notes += _words(front[front["mean"].notna()], varying)
    for row in front[front["status"] != "complete"].to_dict("records"):
        notes.append(Text(f"{_what(row, varying)}: {row['status']}: {row['reason']}", style=MARKS[row["status"]]))
    return notes


def _words(scored: pd.DataFrame, varying: list[str]) -> list[Text]:
    """What the verification says of the scores: one line for each word, without names where all have the same."""
    rows: dict[str, list[str]] = {}
    for row in scored.to_dict("records"):
        rows.setdefault(row["verification"] or "not verified", []).append(_what(row, varying))
    names = {word: f" ({', '.join(found)})" if len(rows) > 1 else "" for word, found in rows.items()}
    return [Text(f"verification: {word}{names[word]}", style="dim") for word in rows]


def _what(row: Cells, varying: list[str]) -> str:
    return " / ".join([row["method"], *(row[name] for name in varying if row[name])])
