"""The table in a terminal: one block a benchmark and protocol, with one metric in front."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

PARTS = ("backbone", "pooling", "augmentations", "extractor", "normalizer", "box_rule")
KEY = ["study", "plan", "recipe"]
MARKS = {"complete": "", "partial": "yellow", "failed": "red", "diverged": "red"}


def print_table(frame: pd.DataFrame, console: Console | None = None) -> None:
    """Print ``frame`` (see :mod:`wsol_leaderboard.table`), to the width of the terminal."""
    console = console or Console()
    for (benchmark, protocol, version), block in frame.groupby(["benchmark", "protocol", "protocol_version"]):
        rule = f"{protocol} (version {version})" if protocol else "no result"
        console.print(_block(block, f"{benchmark} · {rule}", extra=2 if console.width >= 110 else 0))


def score(mean: float, std: float = math.nan) -> str:
    """``61.3 ± 0.4``; without a spread ``61.3``; without a score an empty string."""
    if pd.isna(mean):
        return ""
    return f"{mean:.1f}" if pd.isna(std) else f"{mean:.1f} ± {std:.1f}"


def interval(low: float, high: float) -> str:
    """``60.1-62.5``, or an empty string."""
    return "" if pd.isna(low) or pd.isna(high) else f"{low:.1f}-{high:.1f}"


def _block(block: pd.DataFrame, title: str, extra: int) -> Group:
    metrics = list(dict.fromkeys(block["metric"]))
    front = block[block["metric"] == metrics[0]]
    varying = [name for name in PARTS if front[name].nunique() > 1]
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("#", justify="right")
    for name in ("method", *varying):
        table.add_column(name.replace("_", " "), overflow="fold")
    table.add_column(Text(metrics[0] or "score", style="bold"), justify="right", no_wrap=True, style="bold")
    for name in ["95 % images", *metrics[1:]][: extra and extra + 1]:
        table.add_column(name, justify="right", no_wrap=True, style="dim")
    for name in ("seeds", "trials", "test"):
        table.add_column(name, justify="right", no_wrap=True)
    others = [block[block["metric"] == name].set_index(KEY) for name in metrics[1 : extra + 1]]
    for row in front.to_dict("records"):
        table.add_row(*_cells(row, varying, extra, others))
    return Group(table, *_notes(front, varying), "")


def _cells(row: dict[str, Any], varying: list[str], extra: int, others: list[pd.DataFrame]) -> list[str | Text]:
    key = tuple(row[name] for name in KEY)
    beside = [score(other["mean"].get(key, math.nan), other["std"].get(key, math.nan)) for other in others]
    front = score(row["mean"], row["std"]) or row["status"]
    return [
        "" if pd.isna(row["rank"]) else str(row["rank"]),
        row["method"],
        *(row[name] for name in varying),
        Text(front, style=MARKS[row["status"]]),
        *([interval(row["ci_low"], row["ci_high"]), *beside] if extra else []),
        f"{row['seeds_done']}/{row['seeds_planned']}",
        f"{row['trials_done']}/{row['trials_planned']}" if row["trials_planned"] else "",
        f"{row['test_touched']}x",
    ]


def _notes(front: pd.DataFrame, varying: list[str]) -> list[Text]:
    same = [f"{name.replace('_', ' ')} {front[name].iloc[0]}" for name in PARTS if name not in varying]
    same = [text for text in same if not text.endswith(" ")]
    notes = [Text("all: " + ", ".join(same), style="dim")] if same else []
    for row in front[front["status"] != "complete"].to_dict("records"):
        what = " / ".join([row["method"], *(row[name] for name in varying if row[name])])
        notes.append(Text(f"{what}: {row['status']}: {row['reason']}", style=MARKS[row["status"]]))
    return notes
